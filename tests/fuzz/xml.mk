EXTRA_DIST += tests/fuzz/corpus/fhir_xml
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_fhir_xml
FUZZERS += fuzz_fhir_xml
tests_fuzz_fuzz_fhir_xml_SOURCES = tests/fuzz/fuzz_fhir_xml.c
tests_fuzz_fuzz_fhir_xml_LDADD = $(MAPPERS_FLOOR)
tests_fuzz_fuzz_fhir_xml_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
check_PROGRAMS += tests/fuzz/replay_fhir_xml
tests_fuzz_replay_fhir_xml_SOURCES = tests/fuzz/fuzz_fhir_xml.c tests/fuzz/replay.c
tests_fuzz_replay_fhir_xml_LDADD = $(MAPPERS_FLOOR)
endif
