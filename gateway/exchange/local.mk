libgateway_a_SOURCES += \
	gateway/exchange/exchange.c gateway/exchange/exchange.h \
	gateway/exchange/front_admin.c \
	gateway/exchange/front_hl7.c \
	gateway/exchange/front_http.c gateway/exchange/front_http.h \
	gateway/exchange/front_mllp.c gateway/exchange/front_mllp.h \
	gateway/exchange/http_answer.c gateway/exchange/http_decode.c \
	gateway/exchange/http_exchange.h \
	gateway/exchange/http_identify.c gateway/exchange/http_stream.c \
	gateway/exchange/http_side.c gateway/exchange/http_side.h \
	gateway/exchange/merge.c gateway/exchange/merge.h \
	gateway/exchange/processor.c gateway/exchange/processor.h
EXTRA_DIST += gateway/exchange/README.md
