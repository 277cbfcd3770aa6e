libgateway_a_SOURCES += \
	gateway/cli/cli.c gateway/cli/cli.h \
	gateway/cli/cmd_pack.c
EXTRA_DIST += gateway/cli/README.md
