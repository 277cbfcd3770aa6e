EXTRA_DIST += tests/fuzz/corpus/map
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_map
FUZZERS += fuzz_map
tests_fuzz_fuzz_map_SOURCES = tests/fuzz/fuzz_map.c
tests_fuzz_fuzz_map_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_map_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_map
tests_fuzz_replay_map_SOURCES = tests/fuzz/fuzz_map.c tests/fuzz/replay.c
tests_fuzz_replay_map_LDADD = $(MAPPERS_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/v2
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_v2
FUZZERS += fuzz_v2
tests_fuzz_fuzz_v2_SOURCES = tests/fuzz/fuzz_v2.c
tests_fuzz_fuzz_v2_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_v2_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_v2
tests_fuzz_replay_v2_SOURCES = tests/fuzz/fuzz_v2.c tests/fuzz/replay.c
tests_fuzz_replay_v2_LDADD = $(MAPPERS_FLOOR)
endif
