noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/arena.c base/arena.h \
	base/banned.h \
	base/base64.c base/base64.h \
	base/buf.c base/buf.h \
	base/clock.c base/clock.h \
	base/error.c base/error.h \
	base/file.c base/file.h \
	base/finding.c base/finding.h \
	base/hash.c base/hash.h \
	base/log.c base/log.h \
	base/percent.c base/percent.h \
	base/str.c base/str.h \
	base/utf8.c base/utf8.h \
	base/zone.c base/zone.h
EXTRA_DIST += base/README.md
BASE_FLOOR = libbase.a $(BASE_LIBS)
