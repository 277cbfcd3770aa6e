# Conversations with the real program. Each script speaks TAP.
SCENARIO_TESTS = \
	tests/scenario/scenarios.test \
	tests/scenario/files.test \
	tests/scenario/limits.test \
	tests/scenario/kill.test
TESTS += $(SCENARIO_TESTS)
EXTRA_DIST += $(SCENARIO_TESTS) $(wildcard $(srcdir)/tests/scenario/*.scenario) \
	tests/scenario/README.md tests/scenario/gateway.py \
	tests/scenario/run_scenarios.py tests/scenario/test_files.py \
	tests/scenario/test_kill.py tests/scenario/test_limits.py \
	tests/scenario/tsan.list
