libgateway_a_SOURCES += \
	gateway/audit/audit.c gateway/audit/audit.h \
	gateway/audit/line.c gateway/audit/line.h \
	gateway/audit/segment.c gateway/audit/segment.h \
	gateway/audit/trail.c gateway/audit/trail.h
EXTRA_DIST += gateway/audit/README.md
