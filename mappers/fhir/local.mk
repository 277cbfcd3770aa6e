libmappers_a_SOURCES += \
	mappers/fhir/fhir_format.c mappers/fhir/fhir_format.h \
	mappers/fhir/fhir_json.h \
	mappers/fhir/fhir_json_join.c mappers/fhir/fhir_json_read.c \
	mappers/fhir/fhir_read.h mappers/fhir/fhir_reader.c mappers/fhir/fhir_reader.h \
	mappers/fhir/fhir_json_write.c \
	mappers/fhir/fhir_subset.c mappers/fhir/fhir_subset.h \
	mappers/fhir/fhir_writer.c mappers/fhir/fhir_writer.h \
	mappers/fhir/fhir_xml.h mappers/fhir/fhir_xml_div.c mappers/fhir/fhir_xml_read.c \
	mappers/fhir/fhir_xml_reader.h mappers/fhir/fhir_xml_text.c \
	mappers/fhir/fhir_xml_write.c \
	mappers/fhir/fhirpath_diff.c mappers/fhir/fhirpath_diff.h \
	mappers/fhir/fhirpath_patch.c mappers/fhir/fhirpath_patch.h \
	mappers/fhir/json_patch.c mappers/fhir/json_patch.h \
	mappers/fhir/json_value.c mappers/fhir/json_value.h \
	mappers/fhir/json_lex.c mappers/fhir/json_lex.h \
	mappers/fhir/ndjson.c mappers/fhir/ndjson.h
EXTRA_DIST += mappers/fhir/README.md
