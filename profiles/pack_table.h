/*
 * pack_table.h - the tables of a pack while it is being made.
 *
 * Inside of pack_build only. Tables grow as needed (malloc) and are put behind
 * each other at the end. Texts and runs that are equal are kept once.
 */
#ifndef PROFILES_PACK_TABLE_H
#define PROFILES_PACK_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "profiles/pack.h"
#include "profiles/pack_format.h"

/* Kinds of definitions, in the order they are compiled. */
enum definition_kind {
	DEFINES_STRUCTURE,
	DEFINES_PARAM,
	DEFINES_COMPARTMENT,
	DEFINES_OPERATION,
	DEFINES_CODE_SYSTEM,
	DEFINES_VALUE_SET,
	DEFINES_CONCEPT_MAP,
	DEFINITION_KINDS
};

struct definition {
	json_t *root;
	char *file;	    /* "package: file" */
	struct str url;	    /* in root */
	struct str version; /* in root; may be empty */
	uint32_t package;   /* number of the package */
	enum definition_kind kind;
};

struct interned {
	uint64_t hash;
	uint32_t first, bytes; /* bytes 0: free */
};

struct growing {
	char *p;
	size_t len, room;
	struct interned *seen;
	uint32_t seen_count, seen_room;
};

/* An entry of the index before its size is known. */
struct index_entry {
	struct pack_key key;
	uint32_t row;
};

/* A name and its number. */
struct name_number {
	struct str name; /* borrowed */
	uint32_t number; /* PACK_NONE: free */
};

struct name_map {
	struct name_number *at;
	uint32_t count, room;
};

/* A type while its elements are being laid out. */
struct type_source {
	const struct definition *def;
	json_t *elements; /* of the snapshot */
	size_t element;	  /* which of them is this type's own */
	uint32_t detail;  /* row */
};

struct pack_builder {
	struct definition *defs;
	uint32_t def_count, def_room;
	uint32_t packages;
	char fhir_version[24];

	struct growing tables[PACK_TABLES];
	struct index_entry *index;
	uint32_t index_count, index_room;

	struct name_map types; /* by name, and by canonical */
	struct type_source *sources;
	uint32_t type_count, type_room;
};

/* Append rows to a table; gives the number of the first. */
uint32_t table_add(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count);

/* The same, or the number of equal rows that are there already. */
uint32_t table_intern(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count);

uint32_t table_count(const struct pack_builder *b, enum pack_table t);

/* Row i, good until the table grows. */
void *table_row(struct pack_builder *b, enum pack_table t, uint32_t i);

/* A run of equal rows, kept once. */
struct pack_run
run_intern(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count);

struct pack_text text_add(struct pack_builder *b, struct str s);
void index_add(struct pack_builder *b, enum pack_index kind, uint32_t scope, struct str key,
    bool fold, uint32_t row);

void name_map_put(struct name_map *m, struct str name, uint32_t number);
/* PACK_NONE when the name is not there. */
uint32_t name_map_get(const struct name_map *m, struct str name);

/* Members of JSON objects, or what stands for their absence. */
struct str js_text(const json_t *object, const char *name);
struct pack_text js_text_add(struct pack_builder *b, const json_t *object, const char *name);
bool js_true(const json_t *object, const char *name);

/* The number of a type by its name; PACK_NONE when there is none. */
uint32_t find_source_type(const struct pack_builder *b, struct str name);

/* Refuse a definition: "cannot use FILE: …". Returns -1. */
int refuse_definition(struct error *err, const struct definition *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Compile the definitions of a kind, sorted by canonical, into tables. The
 * first makes the types, which the others refer to.
 */
int
compile_types(struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int
compile_params(struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int compile_compartments(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int compile_operations(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int compile_code_systems(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int compile_value_sets(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);
int compile_concept_maps(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err);

#endif
