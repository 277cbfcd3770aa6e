check_PROGRAMS += tests/unit/test_host
tests_unit_test_host_SOURCES = tests/unit/test_host.c
tests_unit_test_host_LDADD = $(GATEWAY_FLOOR)

# A module that is not installed needs -rpath to be built as one.
check_LTLIBRARIES += tests/unit/misbehave.la
tests_unit_misbehave_la_SOURCES = tests/unit/misbehave.c
tests_unit_misbehave_la_CPPFLAGS = -I$(top_srcdir)/plugins
tests_unit_misbehave_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath $(abs_builddir)
