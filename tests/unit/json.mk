check_PROGRAMS += tests/unit/test_lexical tests/unit/test_record tests/unit/test_fhir_json
tests_unit_test_lexical_SOURCES = tests/unit/test_lexical.c
tests_unit_test_lexical_LDADD = $(PROFILES_FLOOR)
tests_unit_test_record_SOURCES = tests/unit/test_record.c
tests_unit_test_record_LDADD = $(PROFILES_FLOOR)
tests_unit_test_fhir_json_SOURCES = tests/unit/test_fhir_json.c
tests_unit_test_fhir_json_LDADD = $(MAPPERS_FLOOR)
