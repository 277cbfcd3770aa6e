check_PROGRAMS += tests/unit/test_audit
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c
tests_unit_test_audit_LDADD = libgateway.a $(BASE_FLOOR) $(PROFILES_LIBS)
