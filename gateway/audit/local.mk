libgateway_a_SOURCES += \
	gateway/audit/audit.h \
	gateway/audit/trail.h
EXTRA_DIST += gateway/audit/README.md
