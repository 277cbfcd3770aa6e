noinst_LIBRARIES += libprofiles.a
libprofiles_a_SOURCES = \
	profiles/pack.h \
	profiles/record.c profiles/record.h profiles/record_build.c profiles/record_build.h
EXTRA_DIST += profiles/README.md
PROFILES_FLOOR = libprofiles.a $(BASE_FLOOR) $(PROFILES_LIBS)
