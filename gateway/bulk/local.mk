libgateway_a_SOURCES += \
	gateway/bulk/export.c gateway/bulk/export.h \
	gateway/bulk/import.c gateway/bulk/import.h \
	gateway/bulk/offline.c gateway/bulk/offline.h \
	gateway/bulk/progress.c gateway/bulk/progress.h \
	gateway/bulk/source.c gateway/bulk/source.h \
	gateway/bulk/unit.c gateway/bulk/unit.h
EXTRA_DIST += gateway/bulk/README.md
