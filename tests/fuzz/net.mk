EXTRA_DIST += tests/fuzz/corpus/http1 tests/fuzz/corpus/mllp
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_http1 tests/fuzz/fuzz_mllp
FUZZERS += fuzz_http1 fuzz_mllp
tests_fuzz_fuzz_http1_SOURCES = tests/fuzz/fuzz_http1.c
tests_fuzz_fuzz_http1_LDADD = libgateway.a $(BASE_FLOOR)
tests_fuzz_fuzz_http1_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mllp_SOURCES = tests/fuzz/fuzz_mllp.c
tests_fuzz_fuzz_mllp_LDADD = libgateway.a $(BASE_FLOOR)
tests_fuzz_fuzz_mllp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_http1 tests/fuzz/replay_mllp
tests_fuzz_replay_http1_SOURCES = tests/fuzz/fuzz_http1.c tests/fuzz/replay.c
tests_fuzz_replay_http1_LDADD = libgateway.a $(BASE_FLOOR)
tests_fuzz_replay_mllp_SOURCES = tests/fuzz/fuzz_mllp.c tests/fuzz/replay.c
tests_fuzz_replay_mllp_LDADD = libgateway.a $(BASE_FLOOR)
endif
EXTRA_DIST += tests/fuzz/corpus/gzip
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_gzip
FUZZERS += fuzz_gzip
tests_fuzz_fuzz_gzip_SOURCES = tests/fuzz/fuzz_gzip.c
tests_fuzz_fuzz_gzip_LDADD = $(GATEWAY_FLOOR)
tests_fuzz_fuzz_gzip_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_gzip
tests_fuzz_replay_gzip_SOURCES = tests/fuzz/fuzz_gzip.c tests/fuzz/replay.c
tests_fuzz_replay_gzip_LDADD = $(GATEWAY_FLOOR)
endif
