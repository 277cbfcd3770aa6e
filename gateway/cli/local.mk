libgateway_a_SOURCES += \
	gateway/cli/cli.c gateway/cli/cli.h
EXTRA_DIST += gateway/cli/README.md
