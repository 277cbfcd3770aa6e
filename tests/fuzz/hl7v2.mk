EXTRA_DIST += tests/fuzz/corpus/er7
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_er7
FUZZERS += fuzz_er7
tests_fuzz_fuzz_er7_SOURCES = tests/fuzz/fuzz_er7.c
tests_fuzz_fuzz_er7_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_er7_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_er7
tests_fuzz_replay_er7_SOURCES = tests/fuzz/fuzz_er7.c tests/fuzz/replay.c
tests_fuzz_replay_er7_LDADD = $(MAPPERS_FLOOR)
endif
