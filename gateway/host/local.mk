libgateway_a_SOURCES += \
	gateway/host/host.c gateway/host/host.h \
	gateway/host/sandbox.c gateway/host/sandbox.h \
	gateway/host/wire.c gateway/host/wire.h \
	gateway/host/worker.c gateway/host/worker.h
EXTRA_DIST += gateway/host/README.md
