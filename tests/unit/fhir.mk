check_PROGRAMS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c
tests_unit_test_link_LDADD = $(GATEWAY_FLOOR)
check_PROGRAMS += tests/unit/test_fhir
tests_unit_test_fhir_SOURCES = tests/unit/test_fhir.c
tests_unit_test_fhir_LDADD = $(GATEWAY_FLOOR)
