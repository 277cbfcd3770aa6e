EXTRA_DIST += tests/fuzz/corpus/fhirpath
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhirpath
FUZZERS += fuzz_fhirpath
tests_fuzz_fuzz_fhirpath_SOURCES = tests/fuzz/fuzz_fhirpath.c
tests_fuzz_fuzz_fhirpath_LDADD = $(PROFILES_FLOOR)
tests_fuzz_fuzz_fhirpath_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhirpath
tests_fuzz_replay_fhirpath_SOURCES = tests/fuzz/fuzz_fhirpath.c tests/fuzz/replay.c
tests_fuzz_replay_fhirpath_LDADD = $(PROFILES_FLOOR)
endif
