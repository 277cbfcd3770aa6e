# A test is a program that speaks TAP (tests/tap.h), or a script ending in
# .test that does.
include tests/unit/local.mk
include tests/conformance/local.mk
include tests/scenario/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
EXTRA_DIST += tests/README.md tests/tap.h
TESTS += $(check_PROGRAMS)
EXTRA_DIST += tests/conformance/README.md tests/fuzz/README.md tests/lint tests/unit/README.md
