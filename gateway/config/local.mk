libgateway_a_SOURCES += \
	gateway/config.c gateway/config.h \
	gateway/config/feed.c gateway/config/feed.h \
	gateway/config/section.c gateway/config/section.h \
	gateway/config/sender.c gateway/config/sender.h \
	gateway/config/value.c gateway/config/value.h \
	gateway/config/yaml.c gateway/config/yaml.h
EXTRA_DIST += gateway/config/README.md
