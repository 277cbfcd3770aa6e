libgateway_a_SOURCES += \
	gateway/fhir/answer_source.c gateway/fhir/answer_source.h \
	gateway/fhir/batch.c gateway/fhir/batch.h \
	gateway/fhir/bundle.c gateway/fhir/bundle.h \
	gateway/fhir/bundle_source.c gateway/fhir/bundle_source.h \
	gateway/fhir/call.c gateway/fhir/call.h \
	gateway/fhir/capability.c gateway/fhir/capability.h \
	gateway/fhir/collection.c gateway/fhir/collection.h \
	gateway/fhir/history.c \
	gateway/fhir/interaction.c gateway/fhir/interaction.h \
	gateway/fhir/link.c gateway/fhir/link.h \
	gateway/fhir/negotiate.c gateway/fhir/negotiate.h \
	gateway/fhir/op_diff.c gateway/fhir/op_everything.c gateway/fhir/op_meta.c gateway/fhir/op_validate.c \
	gateway/fhir/operation.c gateway/fhir/operation.h \
	gateway/fhir/outcome.c gateway/fhir/outcome.h \	gateway/fhir/own_params.c gateway/fhir/own_params.h \
	gateway/fhir/part.c gateway/fhir/part.h \
	gateway/fhir/patch.c gateway/fhir/patch.h \
	gateway/fhir/read.c \
	gateway/fhir/references.c gateway/fhir/references.h \
	gateway/fhir/search.c \
	gateway/fhir/service.c gateway/fhir/service.h \
	gateway/fhir/stored_values.c gateway/fhir/stored_values.h \
	gateway/fhir/transaction.c \
	gateway/fhir/write.c gateway/fhir/write.h
EXTRA_DIST += gateway/fhir/README.md
libgateway_a_SOURCES += \
	gateway/fhir/index_compile.c \
	gateway/fhir/index_composite.c \
	gateway/fhir/index_extract.c gateway/fhir/index_extract.h \
	gateway/fhir/index_number.c \
	gateway/fhir/index_reference.c \	gateway/fhir/index_token.c \
	gateway/fhir/index_words.c \
	gateway/fhir/search_chain.c \	gateway/fhir/search_combine.c \
	gateway/fhir/search_composite.c \
	gateway/fhir/search_cursor.c \	gateway/fhir/search_filter.c \
	gateway/fhir/search_index.c gateway/fhir/search_index.h \
	gateway/fhir/search_include.c \
	gateway/fhir/search_parse.c gateway/fhir/search_parse.h \
	gateway/fhir/search_query.c gateway/fhir/search_query.h \
	gateway/fhir/search_result.c \	gateway/fhir/search_special.c \
	gateway/fhir/search_token.c \
	gateway/fhir/search_value.c \
	gateway/fhir/search_words.c
