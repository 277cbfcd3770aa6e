check_PROGRAMS += tests/unit/test_pack
tests_unit_test_pack_SOURCES = tests/unit/test_pack.c
tests_unit_test_pack_LDADD = $(PROFILES_FLOOR)

check_PROGRAMS += tests/unit/test_fhirpath
tests_unit_test_fhirpath_SOURCES = tests/unit/test_fhirpath.c
tests_unit_test_fhirpath_LDADD = $(MAPPERS_FLOOR)

check_PROGRAMS += tests/unit/test_decimal
tests_unit_test_decimal_SOURCES = tests/unit/test_decimal.c
tests_unit_test_decimal_LDADD = $(PROFILES_FLOOR)

check_PROGRAMS += tests/unit/test_ucum
tests_unit_test_ucum_SOURCES = tests/unit/test_ucum.c
tests_unit_test_ucum_LDADD = $(PROFILES_FLOOR)
