libgateway_a_SOURCES += \
	gateway/access/access.c gateway/access/access.h \
	gateway/access/filter.c gateway/access/filter.h \
	gateway/access/scope.c gateway/access/scope.h
EXTRA_DIST += gateway/access/README.md
