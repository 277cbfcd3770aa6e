EXTRA_DIST += gateway/store/README.md
libgateway_a_SOURCES += gateway/store/store.h
