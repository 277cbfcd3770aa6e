EXTRA_DIST += tests/fuzz/corpus/fhir_request
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhir_request
FUZZERS += fuzz_fhir_request
tests_fuzz_fuzz_fhir_request_SOURCES = tests/fuzz/fuzz_fhir_request.c
tests_fuzz_fuzz_fhir_request_LDADD = $(GATEWAY_FLOOR)
tests_fuzz_fuzz_fhir_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhir_request
tests_fuzz_replay_fhir_request_SOURCES = tests/fuzz/fuzz_fhir_request.c tests/fuzz/replay.c
tests_fuzz_replay_fhir_request_LDADD = $(GATEWAY_FLOOR)
endif
