libgateway_a_SOURCES += gateway/config.h
