check_PROGRAMS += tests/conformance/test_fhir_json_package
tests_conformance_test_fhir_json_package_SOURCES = \
	tests/conformance/json_compare.h tests/conformance/test_fhir_json_package.c
tests_conformance_test_fhir_json_package_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_json_suite
tests_conformance_test_json_suite_SOURCES = tests/conformance/test_json_suite.c
tests_conformance_test_json_suite_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_decimals
tests_conformance_test_decimals_SOURCES = \
	tests/conformance/json_compare.h tests/conformance/test_decimals.c
tests_conformance_test_decimals_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_fhir_json_places
tests_conformance_test_fhir_json_places_SOURCES = tests/conformance/test_fhir_json_places.c
tests_conformance_test_fhir_json_places_LDADD = $(MAPPERS_FLOOR)
