check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c \
	tests/unit/fake_pack.c tests/unit/fake_pack.h
tests_unit_test_store_LDADD = $(GATEWAY_FLOOR)
check_PROGRAMS += tests/unit/test_search
tests_unit_test_search_SOURCES = tests/unit/test_search.c
tests_unit_test_search_LDADD = $(GATEWAY_FLOOR)
check_PROGRAMS += tests/unit/test_letter
tests_unit_test_letter_SOURCES = tests/unit/test_letter.c \
	tests/unit/fake_pack.c tests/unit/fake_pack.h
tests_unit_test_letter_LDADD = $(GATEWAY_FLOOR)
check_PROGRAMS += tests/unit/test_value_set
tests_unit_test_value_set_SOURCES = tests/unit/test_value_set.c
tests_unit_test_value_set_LDADD = $(GATEWAY_FLOOR)
