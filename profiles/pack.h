/*
 * pack.h - the definitions of a FHIR release, mapped.
 *
 * `firedoor pack` compiles FHIR packages into one file of flat tables;
 * pack_open() maps it read-only. Everything below points into the mapping,
 * costs no parsing, is immutable, and may be read by all threads and shared by
 * processes. No FHIR name is typed into the program: a type, an element, a
 * search parameter is a row here.
 *
 * Types form a graph. A type is a resource ("Patient"), a data type
 * ("HumanName"), a primitive ("string"), or the anonymous type of a nested
 * element, named by its path ("Patient.contact"). Its elements are one run of
 * rows in the order of the specification, inherited ones (id, extension, …)
 * included and choices spread out: value[x] is one row for each type it may
 * have, valueQuantity, valueString, …. A content reference is just an element
 * whose type is the one it points to. Element numbers grow in the order of
 * the specification within a type.
 * What a nested type's base is, its element says: BackboneElement or Element.
 * The value of a primitive is no element; elements that the definition rules
 * out (max 0) are none either. Only definitions of types make types: profiles
 * (derivation "constraint") are not in the type tables.
 *
 * The first pack_type_count() rows of the element table are the roots: row t
 * is the element of a whole record of type t, named as the type.
 */
#ifndef PROFILES_PACK_H
#define PROFILES_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct error;

enum {
	PACK_NONE = UINT32_MAX, /* no such row */
	PACK_MANY = UINT32_MAX, /* max of "*" */
};

/* A text in the pack. */
struct pack_text {
	uint32_t offset, len;
};

/* A run of rows of some table. */
struct pack_run {
	uint32_t first, count;
};

enum pack_kind {
	PACK_PRIMITIVE, /* has a value: string, date, xhtml, … */
	PACK_COMPLEX,	/* a data type */
	PACK_BACKBONE,	/* the type of a nested element */
	PACK_RESOURCE,
	PACK_LOGICAL,
};

/* The lexical space of a primitive type's value. */
enum pack_lexical {
	LEXICAL_NONE, /* not a primitive */
	LEXICAL_BOOLEAN,
	LEXICAL_INTEGER,
	LEXICAL_UNSIGNED_INT,
	LEXICAL_POSITIVE_INT,
	LEXICAL_INTEGER64, /* R5 */
	LEXICAL_DECIMAL,
	LEXICAL_STRING,
	LEXICAL_MARKDOWN,
	LEXICAL_CODE,
	LEXICAL_ID,
	LEXICAL_URI,
	LEXICAL_URL,
	LEXICAL_CANONICAL,
	LEXICAL_OID,
	LEXICAL_UUID,
	LEXICAL_BASE64,
	LEXICAL_INSTANT,
	LEXICAL_DATE,
	LEXICAL_DATETIME,
	LEXICAL_TIME,
	LEXICAL_XHTML,
};

struct pack_type {
	struct pack_text name, url; /* url empty for backbones */
	uint32_t base;		    /* type it specialises; PACK_NONE for the top */
	uint8_t kind;		    /* enum pack_kind */
	uint8_t lexical;	    /* enum pack_lexical */
	uint8_t abstract;
	uint8_t name_bits;	  /* the type's name table has 1 << name_bits slots */
	struct pack_run elements; /* in the element table */
	uint32_t names;		  /* first slot of the name table */
};

enum pack_element_flag {
	ELEMENT_REPEATS = 1 << 0, /* base max is over 1: an array in JSON */
	ELEMENT_SUMMARY = 1 << 1,
	ELEMENT_MODIFIER = 1 << 2,
	ELEMENT_ATTRIBUTE = 1 << 3, /* an attribute in XML: id, url */
	ELEMENT_PRIMITIVE = 1 << 4, /* its type is a primitive */
	ELEMENT_RESOURCE = 1 << 5,  /* holds a resource of any type */
	ELEMENT_REFERENCE = 1 << 6, /* its type is Reference */
};

struct pack_element {
	struct pack_text name; /* in JSON and XML: "valueQuantity" */
	struct pack_text stem; /* in FHIRPath: "value" */
	uint32_t type;	       /* of its value */
	uint32_t owner;	       /* type whose element it is; a root: PACK_NONE */
	uint32_t min, max;     /* of the stem: over all types of a choice */
	uint16_t flags;	       /* enum pack_element_flag */
	uint16_t choice;       /* number of the choice in its type, from 1; 0: none */
	uint32_t detail;       /* row of the detail table, shared by a choice */
};

enum pack_strength {
	BINDING_NONE,
	BINDING_EXAMPLE,
	BINDING_PREFERRED,
	BINDING_EXTENSIBLE,
	BINDING_REQUIRED,
};

/* What structure reading does not need. */
struct pack_detail {
	struct pack_text path;	  /* as in the definition: "Observation.value[x]" */
	struct pack_text brief;	  /* its short description */
	struct pack_text binding; /* canonical of the value set */
	uint32_t strength;	  /* enum pack_strength */
	struct pack_run targets;  /* texts: canonicals a Reference or canonical may point to */
	struct pack_run invariants;
};

struct pack_invariant {
	struct pack_text key, human, expression;
	uint32_t warning; /* severity is warning, not error */
};

enum pack_param_type {
	PARAM_NUMBER,
	PARAM_DATE,
	PARAM_STRING,
	PARAM_TOKEN,
	PARAM_REFERENCE,
	PARAM_COMPOSITE,
	PARAM_QUANTITY,
	PARAM_URI,
	PARAM_SPECIAL,
};

struct pack_param {
	struct pack_text code, url, name;
	struct pack_text expression; /* FHIRPath; empty: the server's own affair */
	uint32_t type;		     /* enum pack_param_type */
	struct pack_run bases;	     /* type numbers, in the number table */
	struct pack_run targets;     /* type numbers a reference may point to */
	struct pack_run components;  /* of a composite, in the component table */
};

struct pack_component {
	struct pack_text definition; /* canonical of a search parameter */
	struct pack_text expression;
};

struct pack_concept {
	struct pack_text code, display;
	uint32_t parent; /* concept row; PACK_NONE at the top */
	uint32_t abstract;
};

struct pack_code_system {
	struct pack_text url, version;
	uint32_t complete; /* content is "complete" */
	uint32_t case_sensitive;
	struct pack_run concepts; /* a parent comes before its children */
};

enum pack_filter_op {
	FILTER_EQUALS,
	FILTER_IS_A,
	FILTER_DESCENDENT_OF,
	FILTER_IS_NOT_A,
	FILTER_REGEX,
	FILTER_IN,
	FILTER_NOT_IN,
	FILTER_GENERALIZES,
	FILTER_EXISTS,
};

struct pack_filter {
	struct pack_text property, value;
	uint32_t op; /* enum pack_filter_op */
};

/* One include or exclude of a value set's compose. */
struct pack_include {
	struct pack_text system, version;
	uint32_t exclude;
	struct pack_run concepts; /* none listed: all of system, as filtered */
	struct pack_run filters;
	struct pack_run value_sets; /* texts: canonicals */
};

struct pack_value_set {
	struct pack_text url, version;
	struct pack_run includes;
};

/* A concept map; the map's rows are those of all its groups. */
struct pack_concept_map {
	struct pack_text url, version;
	struct pack_text source, target; /* canonicals of the value sets */
	struct pack_run rows;
};

struct pack_map_row {
	struct pack_text source_system, source_code;
	struct pack_text target_system, target_code; /* code empty: no match */
	struct pack_text equivalence;
};

struct pack_operation {
	struct pack_text code, url;
	uint32_t on_system, on_type, on_instance;
	uint32_t affects_state;
	struct pack_run types; /* type numbers */
	struct pack_run parameters;
};

/* A parameter at the top; the parts of a parameter have no rows. */
struct pack_parameter {
	struct pack_text name, type;
	uint32_t out, min, max;
};

struct pack_compartment {
	struct pack_text code, url; /* code: "Patient" */
	struct pack_run members;
};

/* A resource type in a compartment, by one search parameter. */
struct pack_member {
	uint32_t type;
	struct pack_text param; /* its code; "{def}": the compartment's own resource */
};

/* The tables of a pack. */
enum pack_table {
	TABLE_TEXT,    /* bytes */
	TABLE_TEXTS,   /* struct pack_text */
	TABLE_NUMBERS, /* uint32_t */
	TABLE_TYPES,
	TABLE_ELEMENTS,
	TABLE_NAMES, /* struct pack_slot: the name tables of all types */
	TABLE_DETAILS,
	TABLE_INVARIANTS,
	TABLE_PARAMS,
	TABLE_COMPONENTS,
	TABLE_TYPE_PARAMS, /* struct pack_run in the number table, a row a type */
	TABLE_CODE_SYSTEMS,
	TABLE_CONCEPTS,
	TABLE_VALUE_SETS,
	TABLE_INCLUDES,
	TABLE_FILTERS,
	TABLE_CONCEPT_MAPS,
	TABLE_MAP_ROWS,
	TABLE_OPERATIONS,
	TABLE_PARAMETERS,
	TABLE_COMPARTMENTS,
	TABLE_MEMBERS,
	TABLE_INDEX, /* struct pack_slot: finds rows by their keys */
	PACK_TABLES
};

/* A slot of a hash table with linear probing. */
struct pack_slot {
	uint32_t hash;
	uint32_t row; /* PACK_NONE: free */
};

/*
 * A mapped pack. Read it by the functions below; its layout is here only so
 * that they can be inline.
 */
struct pack {
	struct str map;
	const char *text;
	const struct pack_type *types;
	const struct pack_element *elements;
	const struct pack_slot *names;
	const void *table[PACK_TABLES];
	uint32_t count[PACK_TABLES];
	uint64_t id;
};

/*
 * Map a pack. Checks its magic, format version, size, the checksum of the
 * header and that every table lies within the file, so that what is not a
 * pack, is cut or comes from another version of the program is refused with
 * what to do. The rows themselves are trusted: they are what `firedoor pack`
 * wrote. Returns NULL with *err set. pack_free() unmaps it.
 */
const struct pack *pack_open(const char *path, struct error *err);
void pack_free(const struct pack *p);

/* Tells packs apart: a hash of what was packed. */
static inline uint64_t
pack_id(const struct pack *p)
{
	return p->id;
}

/* "4.0.1". */
struct str pack_fhir_version(const struct pack *p);

static inline struct str
pack_text(const struct pack *p, struct pack_text t)
{
	return str_of(p->text + t.offset, t.len);
}

static inline uint32_t
pack_type_count(const struct pack *p)
{
	return p->count[TABLE_TYPES];
}

static inline uint32_t
pack_element_count(const struct pack *p)
{
	return p->count[TABLE_ELEMENTS];
}

static inline const struct pack_type *
pack_type_at(const struct pack *p, uint32_t type)
{
	return &p->types[type];
}

static inline const struct pack_element *
pack_element_at(const struct pack *p, uint32_t element)
{
	return &p->elements[element];
}

/* The detail of an element, by the element's number. */
static inline const struct pack_detail *
pack_detail_at(const struct pack *p, uint32_t element)
{
	const struct pack_detail *d = (const struct pack_detail *)p->table[TABLE_DETAILS];

	return &d[p->elements[element].detail];
}

/* Number of the type of that name; PACK_NONE when there is none. */
uint32_t pack_find_type(const struct pack *p, struct str name);

/* As pack_find_type(), resources that are not abstract only. */
uint32_t pack_find_resource(const struct pack *p, struct str name);

/* Hash of an element's name; part of the format. */
static inline uint32_t
pack_name_hash(struct str s)
{
	uint64_t a = 0, b = 0;

	if (s.len >= 8) {
		memcpy(&a, s.p, 8);
		memcpy(&b, s.p + s.len - 8, 8);
	} else if (s.len >= 4) {
		memcpy(&a, s.p, 4);
		memcpy(&b, s.p + s.len - 4, 4);
	} else if (s.len > 0) {
		a = (unsigned char)s.p[0];
		b = (uint64_t)(unsigned char)s.p[s.len / 2] << 8 | (unsigned char)s.p[s.len - 1];
	}
	a = (a ^ s.len) * UINT64_C(0x9e3779b97f4a7c15);
	a = (a ^ a >> 32 ^ b) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(a >> 32);
}

/* Element of that JSON name in the type; PACK_NONE when there is none. */
static inline uint32_t
pack_find_element(const struct pack *p, uint32_t type, struct str name)
{
	const struct pack_type *t = &p->types[type];
	const struct pack_slot *slots = p->names + t->names;
	uint32_t mask = ((uint32_t)1 << t->name_bits) - 1, hash = pack_name_hash(name);

	for (uint32_t i = hash & mask; slots[i].row != PACK_NONE; i = (i + 1) & mask)
		if (slots[i].hash == hash &&
		    str_eq(pack_text(p, p->elements[slots[i].row].name), name))
			return slots[i].row;
	return PACK_NONE;
}

/* First element with that stem (the FHIRPath name) in the type. */
uint32_t pack_find_stem(const struct pack *p, uint32_t type, struct str stem);

/* Whether type is base or a specialisation of it. */
bool pack_type_is(const struct pack *p, uint32_t type, uint32_t base);

/* The nearest name of an element of the type, for suggestions; may be empty. */
struct str pack_suggest_element(const struct pack *p, uint32_t type, struct str name);

/* Rows of the tables that runs point into. */
static inline const uint32_t *
pack_numbers(const struct pack *p, struct pack_run run)
{
	return (const uint32_t *)p->table[TABLE_NUMBERS] + run.first;
}

static inline const struct pack_text *
pack_texts(const struct pack *p, struct pack_run run)
{
	return (const struct pack_text *)p->table[TABLE_TEXTS] + run.first;
}

static inline const struct pack_invariant *
pack_invariants(const struct pack *p, struct pack_run run)
{
	return (const struct pack_invariant *)p->table[TABLE_INVARIANTS] + run.first;
}

static inline const struct pack_component *
pack_components(const struct pack *p, struct pack_run run)
{
	return (const struct pack_component *)p->table[TABLE_COMPONENTS] + run.first;
}

static inline const struct pack_concept *
pack_concepts(const struct pack *p, struct pack_run run)
{
	return (const struct pack_concept *)p->table[TABLE_CONCEPTS] + run.first;
}

static inline const struct pack_include *
pack_includes(const struct pack *p, struct pack_run run)
{
	return (const struct pack_include *)p->table[TABLE_INCLUDES] + run.first;
}

static inline const struct pack_filter *
pack_filters(const struct pack *p, struct pack_run run)
{
	return (const struct pack_filter *)p->table[TABLE_FILTERS] + run.first;
}

static inline const struct pack_map_row *
pack_map_rows(const struct pack *p, struct pack_run run)
{
	return (const struct pack_map_row *)p->table[TABLE_MAP_ROWS] + run.first;
}

static inline const struct pack_parameter *
pack_parameters(const struct pack *p, struct pack_run run)
{
	return (const struct pack_parameter *)p->table[TABLE_PARAMETERS] + run.first;
}

static inline const struct pack_member *
pack_members(const struct pack *p, struct pack_run run)
{
	return (const struct pack_member *)p->table[TABLE_MEMBERS] + run.first;
}

static inline uint32_t
pack_param_count(const struct pack *p)
{
	return p->count[TABLE_PARAMS];
}

static inline const struct pack_param *
pack_param_at(const struct pack *p, uint32_t i)
{
	return (const struct pack_param *)p->table[TABLE_PARAMS] + i;
}

/*
 * The search parameter of that code for a resource type: its own, or one of
 * Resource or DomainResource. NULL when there is none.
 */
const struct pack_param *pack_find_param(const struct pack *p, uint32_t type, struct str code);

/*
 * Numbers (for pack_param_at) of all search parameters that apply to the
 * resource type, inherited ones included.
 */
const uint32_t *pack_type_params(const struct pack *p, uint32_t type, uint32_t *count);

/* By canonical, with or without "|version"; NULL when there is none. */
const struct pack_code_system *pack_find_code_system(const struct pack *p, struct str url);
const struct pack_value_set *pack_find_value_set(const struct pack *p, struct str url);
const struct pack_concept_map *pack_find_concept_map(const struct pack *p, struct str url);

/* Concept of that code in the code system; NULL when there is none. */
const struct pack_concept *
pack_find_concept(const struct pack *p, const struct pack_code_system *cs, struct str code);

const struct pack_compartment *pack_find_compartment(const struct pack *p, struct str code);

static inline uint32_t
pack_operation_count(const struct pack *p)
{
	return p->count[TABLE_OPERATIONS];
}

static inline const struct pack_operation *
pack_operation_at(const struct pack *p, uint32_t i)
{
	return (const struct pack_operation *)p->table[TABLE_OPERATIONS] + i;
}

#endif
