libgateway_a_SOURCES += \
	gateway/net/address.h \
	gateway/net/http1.h \
	gateway/net/http_server.h \
	gateway/net/lane.h \
	gateway/net/loop.h \
	gateway/net/mllp.h \
	gateway/net/mllp_server.h \
	gateway/net/peer.h \
	gateway/net/tls.h
EXTRA_DIST += gateway/net/README.md
