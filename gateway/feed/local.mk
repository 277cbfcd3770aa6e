libgateway_a_SOURCES += \
	gateway/feed/ack.c \
	gateway/feed/batch.c gateway/feed/batch.h \
	gateway/feed/continue.c \
	gateway/feed/dead.c gateway/feed/dead.h \
	gateway/feed/feeds.c gateway/feed/feeds.h \
	gateway/feed/message.c gateway/feed/message.h \
	gateway/feed/queue.c gateway/feed/queue.h \
	gateway/feed/route.c \
	gateway/feed/sequence.c
EXTRA_DIST += gateway/feed/README.md
