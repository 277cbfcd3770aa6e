check_PROGRAMS += tests/unit/test_http1 tests/unit/test_mllp
tests_unit_test_http1_SOURCES = tests/unit/test_http1.c
tests_unit_test_http1_LDADD = $(GATEWAY_FLOOR)
tests_unit_test_mllp_SOURCES = tests/unit/test_mllp.c
tests_unit_test_mllp_LDADD = $(GATEWAY_FLOOR)
check_PROGRAMS += tests/unit/test_loop_lane
tests_unit_test_loop_lane_SOURCES = tests/unit/test_loop_lane.c
tests_unit_test_loop_lane_LDADD = $(GATEWAY_FLOOR)
