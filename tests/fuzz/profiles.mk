EXTRA_DIST += tests/fuzz/corpus/fhirpath tests/fuzz/fhirpath.dict
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhirpath
FUZZERS += fuzz_fhirpath
tests_fuzz_fuzz_fhirpath_SOURCES = tests/fuzz/fuzz_fhirpath.c
tests_fuzz_fuzz_fhirpath_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_fhirpath_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhirpath
tests_fuzz_replay_fhirpath_SOURCES = tests/fuzz/fuzz_fhirpath.c tests/fuzz/replay.c
tests_fuzz_replay_fhirpath_LDADD = $(MAPPERS_FLOOR)
endif

EXTRA_DIST += tests/fuzz/corpus/decimal
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_decimal
FUZZERS += fuzz_decimal
tests_fuzz_fuzz_decimal_SOURCES = tests/fuzz/fuzz_decimal.c
tests_fuzz_fuzz_decimal_LDADD = $(PROFILES_FLOOR)
tests_fuzz_fuzz_decimal_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_decimal
tests_fuzz_replay_decimal_SOURCES = tests/fuzz/fuzz_decimal.c tests/fuzz/replay.c
tests_fuzz_replay_decimal_LDADD = $(PROFILES_FLOOR)
endif

EXTRA_DIST += tests/fuzz/corpus/ucum
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_ucum
FUZZERS += fuzz_ucum
tests_fuzz_fuzz_ucum_SOURCES = tests/fuzz/fuzz_ucum.c
tests_fuzz_fuzz_ucum_LDADD = $(PROFILES_FLOOR)
tests_fuzz_fuzz_ucum_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_ucum
tests_fuzz_replay_ucum_SOURCES = tests/fuzz/fuzz_ucum.c tests/fuzz/replay.c
tests_fuzz_replay_ucum_LDADD = $(PROFILES_FLOOR)
endif
