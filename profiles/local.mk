noinst_LIBRARIES += libprofiles.a
libprofiles_a_SOURCES = \
	profiles/fhirpath.h profiles/fhirpath_program.h \
	profiles/fhirpath_compile.c profiles/fhirpath_value.c \
	profiles/fhirpath_eval.c profiles/fhirpath_eval.h \
	profiles/fhirpath_functions.c profiles/fhirpath_operators.c \
	profiles/fhirpath_lex.c profiles/fhirpath_lex.h \
	profiles/fhirpath_syntax.c profiles/fhirpath_syntax.h \
	profiles/pack.c profiles/pack.h profiles/pack_format.h \
	profiles/pack_build.c profiles/pack_build.h \
	profiles/pack_search.c profiles/pack_terms.c profiles/pack_types.c \
	profiles/pack_table.c profiles/pack_table.h \
	profiles/package.c profiles/package.h \
	profiles/record.c profiles/record.h profiles/record_build.c profiles/record_build.h \
	profiles/lexical.c profiles/lexical.h \
	profiles/decimal.c profiles/decimal.h profiles/decimal_math.c \
	profiles/decimal_working.h profiles/quantity.c profiles/quantity.h \
	profiles/ucum.c profiles/ucum.h profiles/ucum_convert.c profiles/ucum_parse.c \
	profiles/ucum_table.c profiles/ucum_table.h
EXTRA_DIST += profiles/README.md
PROFILES_FLOOR = libprofiles.a $(BASE_FLOOR) $(PROFILES_LIBS)
