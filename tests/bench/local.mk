# Built by `make bench-programs` only; tests/bench/bench.py tests/bench/bench_store.py \
	tests/bench/synthea_copies.py runs them.
EXTRA_PROGRAMS = tests/bench/bench_fhirpath tests/bench/bench_http \
	tests/bench/bench_json tests/bench/bench_v2 tests/bench/bench_xml \
	tests/bench/mllp_load
bench-programs: $(EXTRA_PROGRAMS)
.PHONY: bench-programs
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += tests/bench/README.md tests/bench/bench.py \
	tests/bench/fhirpath.txt tests/bench/fhirpath_js.mjs

tests_bench_mllp_load_SOURCES = tests/bench/mllp_load.c
tests_bench_mllp_load_LDADD = $(BASE_FLOOR)
tests_bench_bench_json_SOURCES = tests/bench/bench_json.c
tests_bench_bench_json_LDADD = $(MAPPERS_FLOOR)
tests_bench_bench_http_SOURCES = tests/bench/bench_http.c
tests_bench_bench_http_LDADD = $(GATEWAY_FLOOR)
tests_bench_bench_v2_SOURCES = tests/bench/bench_v2.c
tests_bench_bench_v2_LDADD = $(MAPPERS_FLOOR)
tests_bench_bench_fhirpath_SOURCES = tests/bench/bench_fhirpath.c
tests_bench_bench_fhirpath_LDADD = $(MAPPERS_FLOOR)
tests_bench_bench_xml_SOURCES = tests/bench/bench_xml.c
tests_bench_bench_xml_LDADD = $(MAPPERS_FLOOR)
