EXTRA_DIST += gateway/fhir/README.md
libgateway_a_SOURCES += \
	gateway/fhir/search_index.h \
	gateway/fhir/search_query.h
