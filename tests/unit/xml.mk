check_PROGRAMS += tests/unit/test_fhir_xml tests/unit/test_fhir_xml_memory
tests_unit_test_fhir_xml_SOURCES = tests/unit/test_fhir_xml.c
tests_unit_test_fhir_xml_LDADD = $(MAPPERS_FLOOR)
tests_unit_test_fhir_xml_memory_SOURCES = tests/unit/test_fhir_xml_memory.c
tests_unit_test_fhir_xml_memory_LDADD = $(MAPPERS_FLOOR)
