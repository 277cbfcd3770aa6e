pkglib_LTLIBRARIES += summary.la
summary_la_SOURCES = plugins/summary/summary.c
summary_la_CPPFLAGS = -I$(top_srcdir)/plugins $(HARDEN_CPPFLAGS)
summary_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^firedoor_plugin$$'

include_HEADERS = plugins/firedoor_plugin.h
EXTRA_DIST += plugins/README.md
