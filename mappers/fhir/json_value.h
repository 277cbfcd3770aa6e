/*
 * json_value.h - any JSON (RFC 8259) as a tree that can be changed.
 *
 * For documents that are worked on as JSON, as a JSON Patch does; a resource
 * that is only read goes straight into a record (fhir_json.h). Numbers keep
 * their text. All lies in an arena, strings without escapes included. One
 * thread at a time.
 */
#ifndef MAPPERS_FHIR_JSON_VALUE_H
#define MAPPERS_FHIR_JSON_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct arena;
struct error;

enum value_kind {
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_NUMBER,
	VALUE_STRING,
	VALUE_ARRAY,
	VALUE_OBJECT,
};

enum {
	VALUE_DEPTH = 256, /* the deepest nesting that is read or written */
};

struct json_value;

/* A member of an object; an item of an array, which has no name. */
struct json_member {
	struct str name;
	struct json_value *value;
};

struct json_value {
	enum value_kind kind;
	struct str text; /* of a string; a number as it was written */
	struct json_member *at;
	uint32_t count, room;
};

/*
 * Read a text that is one JSON value. Members keep their order, and all of one
 * name are kept. NULL with *err set: no JSON (with line and column), nested
 * deeper than VALUE_DEPTH, or the arena is full.
 */
struct json_value *json_value_read(struct str in, struct arena *a, struct error *err);

/* Write it compactly. Returns 0; -1 when it is too deep or out is full. */
int json_value_write(const struct json_value *v, struct buf *out);

/* The first member of that name; NULL when there is none or v is no object. */
struct json_value *json_value_get(const struct json_value *v, struct str name);

/* Put a member or item at that index (at most count), the others behind it.
 * Returns 0; -1 when the arena is full. */
int json_value_insert(struct json_value *v, uint32_t index, struct str name,
    struct json_value *value, struct arena *a);

/* Take the one at that index (below count) away. */
void json_value_remove(struct json_value *v, uint32_t index);

#endif
