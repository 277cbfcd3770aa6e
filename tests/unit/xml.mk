check_PROGRAMS += tests/unit/test_fhir_xml
tests_unit_test_fhir_xml_SOURCES = tests/unit/test_fhir_xml.c
tests_unit_test_fhir_xml_LDADD = $(MAPPERS_FLOOR)
