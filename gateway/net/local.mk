libgateway_a_SOURCES += \
	gateway/net/address.c gateway/net/address.h \
	gateway/net/gzip.c gateway/net/gzip.h \
	gateway/net/http1.c gateway/net/http1.h \
	gateway/net/http_body.c gateway/net/http_body.h \
	gateway/net/http_connection.c gateway/net/http_connection.h \
	gateway/net/http_server.c gateway/net/http_server.h \
	gateway/net/lane.c gateway/net/lane.h \
	gateway/net/listener.c gateway/net/listener.h \
	gateway/net/loop.c gateway/net/loop.h \
	gateway/net/mllp.c gateway/net/mllp.h \
	gateway/net/mllp_server.c gateway/net/mllp_server.h \
	gateway/net/peer.h \
	gateway/net/stream.c gateway/net/stream.h \
	gateway/net/tls.c gateway/net/tls.h
EXTRA_DIST += gateway/net/README.md
