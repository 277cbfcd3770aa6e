libmappers_a_SOURCES += mappers/fhir/fhir_json.h
