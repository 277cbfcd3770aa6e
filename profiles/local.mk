noinst_LIBRARIES += libprofiles.a
libprofiles_a_SOURCES = \
	profiles/fhirpath.h profiles/fhirpath_program.h \
	profiles/fhirpath_arithmetic.c profiles/fhirpath_call.c profiles/fhirpath_case.c \
	profiles/fhirpath_code.c profiles/fhirpath_compile.c profiles/fhirpath_compile.h \
	profiles/fhirpath_convert.c profiles/fhirpath_equal.c \
	profiles/fhirpath_eval.c profiles/fhirpath_eval.h profiles/fhirpath_explain.c \
	profiles/fhirpath_definition.c profiles/fhirpath_fhir.c profiles/fhirpath_terms.c \
	profiles/fhirpath_functions.c \
	profiles/fhirpath_known.c profiles/fhirpath_lex.c profiles/fhirpath_lex.h \
	profiles/fhirpath_loop.c profiles/fhirpath_moment.c profiles/fhirpath_moment.h \
	profiles/fhirpath_names.c \
	profiles/fhirpath_operators.c profiles/fhirpath_path.c \
	profiles/fhirpath_regex.c profiles/fhirpath_resolve.c \
	profiles/fhirpath_set.c profiles/fhirpath_set.h \
	profiles/fhirpath_syntax.c profiles/fhirpath_syntax.h \
	profiles/fhirpath_text.c profiles/fhirpath_value.c profiles/fhirpath_value.h \
	profiles/pack.c profiles/pack.h profiles/pack_format.h \
	profiles/pack_build.c profiles/pack_build.h \
	profiles/pack_search.c profiles/pack_terms.c profiles/pack_types.c \
	profiles/pack_table.c profiles/pack_table.h \
	profiles/narrative.c profiles/narrative.h \
	profiles/narrative_active.c profiles/narrative_active.h \
	profiles/package.c profiles/package.h \
	profiles/record.c profiles/record.h profiles/record_build.c profiles/record_build.h \
	profiles/lexical.c profiles/lexical.h \
	profiles/decimal.c profiles/decimal.h profiles/decimal_math.c profiles/decimal_text.c \
	profiles/decimal_wide.c profiles/decimal_wide.h \
	profiles/decimal_working.h profiles/quantity.c profiles/quantity.h \
	profiles/ucum.c profiles/ucum.h profiles/ucum_convert.c profiles/ucum_parse.c \
	profiles/ucum_table.c profiles/ucum_table.h \
	profiles/value_set.c profiles/value_set.h
EXTRA_DIST += profiles/README.md
PROFILES_FLOOR = libprofiles.a $(BASE_FLOOR) $(PROFILES_LIBS)
