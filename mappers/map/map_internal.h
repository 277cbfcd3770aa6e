/*
 * map_internal.h - what the files of the mapping engine share.
 *
 * A text is lexed and parsed into blocks of rules as written (map_lex.c,
 * map_parse.c). The compiler (map_compile.c) checks all names, and makes for
 * each map and each FHIR type it is used on a program: rules whose paths are
 * element numbers. Conditions, values and sources do not depend on the type
 * and are shared. All of it lives in the set's arena and does not change once
 * loaded.
 */
#ifndef MAPPERS_MAP_MAP_INTERNAL_H
#define MAPPERS_MAP_MAP_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "mappers/map/map.h"
#include "profiles/pack.h"

struct table;
struct program;
struct message_map;

/* Where something stands in a map file. */
struct place {
	const char *file;
	uint32_t line, column;
};

/* ---- as written ---- */

enum source_kind {
	SOURCE_NONE,
	SOURCE_FIELD,	/* PID-3.1 */
	SOURCE_PART,	/* CX.4, this, this.2 */
	SOURCE_SEGMENT, /* PID, GROUP.OBX: in messages and conditions */
};

struct source {
	struct place place;
	enum source_kind kind;
	uint16_t segment;			      /* number of its id */
	uint16_t field, rep, component, subcomponent; /* 0: not said */
	struct str type;			      /* of a part: "CX"; "this" */
	struct str group;			      /* of a segment in a message; may be empty */
};

enum value_kind {
	VALUE_TEXT,
	VALUE_SOURCE,
	VALUE_SUM,  /* of args */
	VALUE_CALL, /* fn with args */
	VALUE_REF,  /* reference to a resource of the message */
};

enum function {
	FN_FIRST,
	FN_JOIN,
	FN_TEXT,
	FN_LOWER,
	FN_UPPER,
	FN_TRIM,
	FN_PART,
	FN_OID,
	FN_UUID,
	FN_URI,
	FN_SYSTEM,
	FN_TRANSLATE,
	FN_TABLE_SYSTEM,
	FN_DATE,
	FN_DATETIME,
	FN_INSTANT,
	FN_TIME,
	FN_BASE64,
	FN_RECEIVED,
	FN_ESCAPE,
	FN_WORDS,
	FN_XHTML,
	FN_LATER,
	FN_EARLIER,
	FN_MINUTES,
};

struct value {
	enum value_kind kind;
	struct place place;
	struct str text; /* VALUE_TEXT; VALUE_REF: "Provenance[event]"; the table's
			  * name of translate() */
	struct source source;
	enum function fn;
	struct value **args;
	uint32_t arg_count;
	const struct table *table;
	bool sourced; /* has a source in it */
};

enum test_kind {
	TEST_AND,
	TEST_OR,
	TEST_NOT,
	TEST_VALUED,
	TEST_IN, /* equals one of values */
	TEST_LENGTH,
	TEST_COUNT,
	TEST_STARTS,
	TEST_NUMERIC,
	TEST_TABLE_GIVEN,
};

enum compare {
	COMPARE_EQ,
	COMPARE_NE,
	COMPARE_LT,
	COMPARE_LE,
	COMPARE_GT,
	COMPARE_GE,
};

struct test {
	enum test_kind kind;
	struct test *a, *b; /* AND, OR, NOT */
	struct source source;
	struct value **values; /* IN, STARTS */
	uint32_t value_count;
	enum compare compare;
	uint32_t number;
};

/* One step of a path as written. */
struct step_text {
	struct place place;
	struct str name;
	uint32_t slot;	     /* 0: no index */
	struct str url;	     /* of an extension */
	struct str resource; /* opened by this step: "Practitioner" */
};

struct path_text {
	struct place place;
	struct str instance; /* "DiagnosticReport", "Provenance[event]"; or empty */
	struct step_text *steps;
	uint32_t count;
};

enum rule_kind {
	RULE_MAP,     /* source -> target */
	RULE_SET,     /* target = value */
	RULE_DEFAULT, /* default target = value */
	RULE_DROP,
	RULE_WITHOUT,
	RULE_MATCH,
	RULE_RESOURCE,
	RULE_USE,
};

struct rule_text {
	struct rule_text *next;
	enum rule_kind kind;
	struct place place;
	struct source source;
	struct test *test;
	struct path_text path;
	struct place how_place;
	struct str datatype; /* "CX[Identifier]"; empty: none */
	struct str table;    /* name; empty: none */
	bool table_given;
	struct str system;
	struct value *value;
	struct rule_text *block;
	struct str reason;
	struct str *codes; /* of a match */
	uint32_t code_count;
	bool create;	 /* "create unless" */
	bool shared;	 /* from a block of rules that a message uses */
	bool always;	 /* of a resource */
	uint32_t number; /* for coverage: row of the set's rules */
};

enum block_kind {
	BLOCK_MESSAGE,
	BLOCK_SEGMENT,
	BLOCK_DATATYPE,
	BLOCK_TABLE,
	BLOCK_RULES, /* of messages, shared by name */
	BLOCK_EVENTS,
	BLOCK_V2,
};

struct table_row {
	struct str code, target, display, system;
	bool none, keep;
};

/* A part of a message structure: a segment or a group. */
struct part {
	struct part *next, *parent, *first; /* first child of a group */
	struct place place;
	struct str name;  /* of the group; may be empty */
	uint16_t segment; /* 0: a group */
	bool optional, repeats;
	uint32_t depth;
	const struct message_rule **rules; /* of a segment, in order */
	uint32_t rule_count;
};

/* NAME = WORD WORD …, of events and v2. */
struct word_row {
	struct word_row *next;
	struct place place;
	struct str name;
	struct str *words;
	uint32_t count;
};

struct block {
	struct block *next;
	enum block_kind kind;
	struct place place;
	bool extend;
	struct str name;  /* "PID[Patient]", "ADT_A01", "AdministrativeSex" */
	struct str v2;	  /* "PID" */
	struct str label; /* "Patient" */
	struct str on;	  /* FHIR type as said */
	struct rule_text *rules;
	struct part *structure; /* the root group */
	struct str from, to;	/* of a table */
	struct table_row *rows;
	uint32_t row_count;
	struct table_row *otherwise;
	struct word_row *words;
};

/* ---- compiled ---- */

struct table {
	struct str name, from, to;
	const struct table_row **slots; /* exact codes, open addressing */
	uint32_t mask;
	const struct table_row **prefixes; /* codes with a '*' */
	uint32_t prefix_count;
	const struct table_row *otherwise;
};

enum step_flag {
	STEP_REPEATS = 1 << 0,
	STEP_APPEND = 1 << 1,	 /* a new one each time */
	STEP_BY_REP = 1 << 2,	 /* one for each repetition of the source */
	STEP_PRIMITIVE = 1 << 3, /* its type is a primitive */
	STEP_REFERENCE = 1 << 4,
	STEP_SHARED = 1 << 5, /* the same for all segments: its index is a word */
};

struct step {
	uint32_t element;
	uint32_t type; /* of the element's value */
	uint32_t slot;
	uint32_t resource; /* type opened; PACK_NONE */
	uint32_t url;	   /* element number of Extension.url */
	struct str url_text;
	uint16_t choice;
	uint8_t flags;
};

struct path {
	struct step *steps;
	uint32_t count;
	bool repeats;  /* some step can take the repetitions of a source */
	uint32_t type; /* at its end */
	uint8_t lexical;
};

/* A resource of a message: "Provenance[event]". */
struct resource {
	struct str name;
	uint32_t type;
	uint32_t number;
	bool bundle, always;
	struct str per; /* "message", a group, or empty */
	uint16_t per_segment;
};

struct rule {
	const struct rule_text *text;
	struct path path;
	const struct program *map;
	const struct table *table;
	const struct resource *foreign; /* the path begins at it */
	const struct resource *ref;	/* the value refers to it */
	const struct rule *block;
	uint32_t block_count;
};

struct program {
	struct program *next;
	const struct block *block;
	uint32_t type;
	const struct message_map *message; /* of a block in a message's rule */
	struct rule *rules;
	uint32_t count;
	const struct rule_text *match;
	uint32_t identifier; /* element, when there is a match */
};

struct message_rule {
	const struct rule_text *text;
	const struct resource *target;
	struct path path; /* within it */
	const struct program *map;
	const struct rule *block;
	uint32_t block_count;
	bool drop;
};

struct message_map {
	const struct block *block;
	struct part *structure;
	struct resource *resources;
	uint32_t resource_count;
	struct message_rule *rules;
	uint32_t rule_count;
};

struct event {
	struct str key; /* "ADT^A01", "ORU" */
	struct str structure;
};

/* Elements the engine itself writes. */
struct known {
	uint32_t reference_reference;
	uint32_t coding_system, coding_code, coding_display, concept_coding;
	uint32_t identifier_system, identifier_value, identifier_type;
	uint32_t extension_url;
	uint32_t bundle, bundle_type, bundle_entry, entry_full_url, entry_resource, entry_request;
	uint32_t request_method, request_url, request_if_none_exist;
	uint32_t type_coding, type_concept, type_reference, type_extension, type_bundle;
};

struct map_set {
	const struct pack *pack;
	struct arena arena;
	struct block *blocks;
	struct str *ids; /* segment ids, by number from 1 */
	uint16_t id_count;
	uint16_t id_slots[4096];
	struct str *labels; /* words used as index */
	uint32_t label_count;
	struct str *urls;
	uint32_t url_count;
	const struct rule_text **rules; /* by number from 1 */
	uint32_t rule_count, rule_room;
	struct program *programs;
	struct table *tables;
	uint32_t table_count;
	struct message_map *messages;
	uint32_t message_count;
	struct event *events;
	uint32_t event_count;
	struct known known;
	uint32_t *required, *required_at; /* elements that must be there, by type:
					   * from required_at[type] */
};

enum {
	SLOT_LABEL = 1000000, /* slots from here are labels, then extensions */
	SLOT_URL = 2000000,
	MAP_DEPTH = 32,
};

/* Report at a place: "file:line:column: …". Returns -1. */
int map_error(struct error *err, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put an error behind those in *all, a line each, as long as there is room.
 * Returns -1. */
int map_error_add(struct error *all, const struct error *one);

/* Number of a segment id, made when it is new; 0 when there are too many. */
uint16_t map_id(struct map_set *set, struct str id);
/* The same, but 0 when it is in no map. */
uint16_t map_id_find(const struct map_set *set, const char *id);

/* The list with room for one more than its count items of that size; NULL when
 * the arena is full. Grows by doubling. */
void *map_grow(struct arena *a, void *list, uint32_t count, size_t size);

/* Parse a text; its blocks are put behind those of the set. */
int map_parse(struct map_set *set, const struct map_source *source, struct error *err);

/* Check and compile what was parsed. */
int map_compile(struct map_set *set, struct error *err);

/* The row for a code; NULL when neither it nor a default is there. *rest is
 * what stood for '*'. */
const struct table_row *map_table_find(const struct table *t, struct str code, struct str *rest);

/* The code that a row gives: the star filled in. */
struct str
map_table_target(const struct table_row *row, struct str code, struct str rest, struct arena *a);

/* The system of what a row gives. */
struct str map_table_system(const struct table *t, const struct table_row *row);

#endif
