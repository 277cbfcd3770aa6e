check_PROGRAMS += tests/conformance/test_fhirpath_suite
tests_conformance_test_fhirpath_suite_SOURCES = tests/conformance/test_fhirpath_suite.c
tests_conformance_test_fhirpath_suite_LDADD = $(MAPPERS_FLOOR)
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
tests_conformance_test_fhir_json_places_SOURCES = \
	tests/conformance/spoil.h tests/conformance/test_fhir_json_places.c
tests_conformance_test_fhir_json_places_LDADD = $(MAPPERS_FLOOR)
V2_TESTS = \
	tests/conformance/v2_maps.test \
	tests/conformance/v2_guide.test \
	tests/conformance/v2_suite.test
TESTS += $(V2_TESTS)
EXTRA_DIST += $(V2_TESTS) tests/conformance/v2_bundle.py \
	tests/conformance/v2_definitions.py \
	tests/conformance/v2/guide_exceptions.txt \
	tests/conformance/v2/suite_findings.txt \
	tests/conformance/v2/a01_clinical.hl7 tests/conformance/v2/a01_clinical.expect \
	tests/conformance/v2/a01_patient.hl7 tests/conformance/v2/a01_patient.expect \
	tests/conformance/v2/a01_visit.hl7 tests/conformance/v2/a01_visit.expect \
	tests/conformance/v2/a03_discharge.hl7 tests/conformance/v2/a03_discharge.expect \
	tests/conformance/v2/a04_codes.hl7 tests/conformance/v2/a04_codes.expect \
	tests/conformance/v2/a08_update.hl7 tests/conformance/v2/a08_update.expect \
	tests/conformance/v2/a11_cancel.hl7 tests/conformance/v2/a11_cancel.expect \
	tests/conformance/v2/a13_cancel_discharge.hl7 tests/conformance/v2/a13_cancel_discharge.expect \
	tests/conformance/v2/a40_merge.hl7 tests/conformance/v2/a40_merge.expect \
	tests/conformance/v2/o01_drug.hl7 tests/conformance/v2/o01_drug.expect \
	tests/conformance/v2/s12_booked.hl7 tests/conformance/v2/s12_booked.expect \
	tests/conformance/v2/t02_document.hl7 tests/conformance/v2/t02_document.expect \
	tests/conformance/v2/v04_mmr.hl7 tests/conformance/v2/v04_mmr.expect \
	tests/conformance/v2/r01_final.hl7 tests/conformance/v2/r01_final.expect \
	tests/conformance/v2/r01_preliminary.hl7 tests/conformance/v2/r01_preliminary.expect \
	tests/conformance/v2/r01_two_reports.hl7 tests/conformance/v2/r01_two_reports.expect \
	tests/conformance/v2/r01_values.hl7 tests/conformance/v2/r01_values.expect
check_PROGRAMS += tests/conformance/test_fhir_xml_package
tests_conformance_test_fhir_xml_package_SOURCES = tests/conformance/test_fhir_xml_package.c
tests_conformance_test_fhir_xml_package_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_ucum_lhc
tests_conformance_test_ucum_lhc_SOURCES = tests/conformance/test_ucum_lhc.c
tests_conformance_test_ucum_lhc_LDADD = $(PROFILES_FLOOR) -lm
EXTRA_DIST += tests/conformance/ucum_lhc.js
check_PROGRAMS += tests/conformance/test_fhir_xml_schema
tests_conformance_test_fhir_xml_schema_SOURCES = tests/conformance/test_fhir_xml_schema.c
tests_conformance_test_fhir_xml_schema_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_fhir_xml_places
tests_conformance_test_fhir_xml_places_SOURCES = \
	tests/conformance/spoil.h tests/conformance/test_fhir_xml_places.c
tests_conformance_test_fhir_xml_places_LDADD = $(MAPPERS_FLOOR)
TESTS += tests/conformance/repetition.test
EXTRA_DIST += tests/conformance/repetition.test tests/conformance/test_repetition.py
check_PROGRAMS += tests/conformance/test_fhirpath_diff
tests_conformance_test_fhirpath_diff_SOURCES = tests/conformance/test_fhirpath_diff.c
tests_conformance_test_fhirpath_diff_LDADD = $(MAPPERS_FLOOR)
check_PROGRAMS += tests/conformance/test_fhirpath_js
tests_conformance_test_fhirpath_js_SOURCES = tests/conformance/test_fhirpath_js.c
tests_conformance_test_fhirpath_js_LDADD = $(MAPPERS_FLOOR)
EXTRA_DIST += tests/conformance/fhirpath_js.mjs
