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
EXTRA_DIST += tests/fuzz/corpus/v2xml
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_v2xml
FUZZERS += fuzz_v2xml
tests_fuzz_fuzz_v2xml_SOURCES = tests/fuzz/fuzz_v2xml.c
tests_fuzz_fuzz_v2xml_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_v2xml_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_v2xml
tests_fuzz_replay_v2xml_SOURCES = tests/fuzz/fuzz_v2xml.c tests/fuzz/replay.c
tests_fuzz_replay_v2xml_LDADD = $(MAPPERS_FLOOR)
endif
