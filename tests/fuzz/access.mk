EXTRA_DIST += tests/fuzz/corpus/config
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_config
FUZZERS += fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_LDADD = libgateway.a $(BASE_FLOOR) $(GATEWAY_LIBS)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_config
tests_fuzz_replay_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_replay_config_LDADD = libgateway.a $(BASE_FLOOR) $(GATEWAY_LIBS)
endif
