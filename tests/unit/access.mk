check_PROGRAMS += tests/unit/test_audit
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c
tests_unit_test_audit_LDADD = libgateway.a $(BASE_FLOOR) $(PROFILES_LIBS)

check_PROGRAMS += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_LDADD = libgateway.a $(BASE_FLOOR) $(GATEWAY_LIBS)

# Stands in for the pack itself: linked without libprofiles.
check_PROGRAMS += tests/unit/test_access
tests_unit_test_access_SOURCES = tests/unit/test_access.c
tests_unit_test_access_LDADD = libgateway.a $(BASE_FLOOR) $(GATEWAY_LIBS)

TESTS += tests/unit/commands.test
EXTRA_DIST += tests/unit/commands.test tests/unit/test_commands.py
