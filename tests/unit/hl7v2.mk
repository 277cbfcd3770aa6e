check_PROGRAMS += tests/unit/test_er7 tests/unit/test_ack tests/unit/test_v2xml
tests_unit_test_er7_SOURCES = tests/unit/test_er7.c
tests_unit_test_er7_LDADD = $(MAPPERS_FLOOR)
tests_unit_test_ack_SOURCES = tests/unit/test_ack.c
tests_unit_test_ack_LDADD = $(MAPPERS_FLOOR)
tests_unit_test_v2xml_SOURCES = tests/unit/test_v2xml.c
tests_unit_test_v2xml_LDADD = $(MAPPERS_FLOOR)
