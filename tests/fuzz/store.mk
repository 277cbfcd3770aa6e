EXTRA_DIST += tests/fuzz/corpus/search_query
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_search_query
FUZZERS += fuzz_search_query
tests_fuzz_fuzz_search_query_SOURCES = tests/fuzz/fuzz_search_query.c
tests_fuzz_fuzz_search_query_LDADD = $(GATEWAY_FLOOR)
tests_fuzz_fuzz_search_query_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_search_query
tests_fuzz_replay_search_query_SOURCES = tests/fuzz/fuzz_search_query.c tests/fuzz/replay.c
tests_fuzz_replay_search_query_LDADD = $(GATEWAY_FLOOR)
endif
# The same with a value of _filter.
EXTRA_DIST += tests/fuzz/corpus/search_filter
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_search_filter
FUZZERS += fuzz_search_filter
tests_fuzz_fuzz_search_filter_SOURCES = tests/fuzz/fuzz_search_query.c
tests_fuzz_fuzz_search_filter_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_FILTER
tests_fuzz_fuzz_search_filter_LDADD = $(GATEWAY_FLOOR)
tests_fuzz_fuzz_search_filter_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_search_filter
tests_fuzz_replay_search_filter_SOURCES = tests/fuzz/fuzz_search_query.c tests/fuzz/replay.c
tests_fuzz_replay_search_filter_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_FILTER
tests_fuzz_replay_search_filter_LDADD = $(GATEWAY_FLOOR)
endif
