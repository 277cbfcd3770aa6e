EXTRA_DIST += tests/fuzz/corpus/fhir_json tests/fuzz/replay.c
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhir_json
FUZZERS += fuzz_fhir_json
tests_fuzz_fuzz_fhir_json_SOURCES = tests/fuzz/fuzz_fhir_json.c
tests_fuzz_fuzz_fhir_json_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_fhir_json_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhir_json
tests_fuzz_replay_fhir_json_SOURCES = tests/fuzz/fuzz_fhir_json.c tests/fuzz/replay.c
tests_fuzz_replay_fhir_json_LDADD = $(MAPPERS_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/json_patch
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_json_patch
FUZZERS += fuzz_json_patch
tests_fuzz_fuzz_json_patch_SOURCES = tests/fuzz/fuzz_json_patch.c
tests_fuzz_fuzz_json_patch_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_json_patch_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_json_patch
tests_fuzz_replay_json_patch_SOURCES = tests/fuzz/fuzz_json_patch.c tests/fuzz/replay.c
tests_fuzz_replay_json_patch_LDADD = $(MAPPERS_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/fhirpath_patch
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhirpath_patch
FUZZERS += fuzz_fhirpath_patch
tests_fuzz_fuzz_fhirpath_patch_SOURCES = tests/fuzz/fuzz_fhirpath_patch.c
tests_fuzz_fuzz_fhirpath_patch_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_fhirpath_patch_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhirpath_patch
tests_fuzz_replay_fhirpath_patch_SOURCES = tests/fuzz/fuzz_fhirpath_patch.c tests/fuzz/replay.c
tests_fuzz_replay_fhirpath_patch_LDADD = $(MAPPERS_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/ndjson
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_ndjson
FUZZERS += fuzz_ndjson
tests_fuzz_fuzz_ndjson_SOURCES = tests/fuzz/fuzz_ndjson.c
tests_fuzz_fuzz_ndjson_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_ndjson_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_ndjson
tests_fuzz_replay_ndjson_SOURCES = tests/fuzz/fuzz_ndjson.c tests/fuzz/replay.c
tests_fuzz_replay_ndjson_LDADD = $(MAPPERS_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/fhir_subset
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhir_subset
FUZZERS += fuzz_fhir_subset
tests_fuzz_fuzz_fhir_subset_SOURCES = tests/fuzz/fuzz_fhir_subset.c
tests_fuzz_fuzz_fhir_subset_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_fhir_subset_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhir_subset
tests_fuzz_replay_fhir_subset_SOURCES = tests/fuzz/fuzz_fhir_subset.c tests/fuzz/replay.c
tests_fuzz_replay_fhir_subset_LDADD = $(MAPPERS_FLOOR)
endif
