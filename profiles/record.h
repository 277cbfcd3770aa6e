/*
 * record.h - one resource as one block of memory.
 *
 * A record is immutable, holds no pointers, and may be handed to any thread,
 * written to disk or sent to a worker as it is. It is an array of nodes in the
 * order of the specification (element numbers of the pack it was built with),
 * and the text of all values behind it.
 *
 * Node 0 is the root. A node's children follow it, each with its subtree;
 * `end` is the index behind the subtree, which is where the next sibling
 * stands. Repetitions are consecutive siblings. A primitive has its value as
 * text, and may have children (id, extension); one without text has no value.
 * The text of a value is what it means, free of JSON's or XML's escapes, the
 * digits of numbers as they were written. An element that holds a resource
 * (Bundle.entry.resource, contained) has one child: the root of that resource.
 */
#ifndef PROFILES_RECORD_H
#define PROFILES_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "profiles/pack.h"

struct arena;

struct record_node {
	uint32_t element; /* number in the pack */
	uint32_t end;	  /* index behind the subtree */
	uint32_t text;	  /* offset in the record's text */
	uint32_t len;	  /* of the value in bytes; 0: no value */
};

struct record {
	uint64_t pack; /* pack_id() of the definitions */
	uint32_t node_count;
	uint32_t text_len;
	struct record_node nodes[]; /* the text follows the last node */
};

/* Bytes of the whole block. */
static inline size_t
record_size(const struct record *r)
{
	return sizeof(*r) + (size_t)r->node_count * sizeof(struct record_node) + r->text_len;
}

/* The value of node i; {p, 0} when it has none. */
static inline struct str
record_text(const struct record *r, uint32_t i)
{
	return str_of((const char *)&r->nodes[r->node_count] + r->nodes[i].text, r->nodes[i].len);
}

/* The type of node i. */
static inline uint32_t
record_type(const struct record *r, const struct pack *p, uint32_t i)
{
	return pack_element_at(p, r->nodes[i].element)->type;
}

/*
 * Walk the children of node `parent`:
 *
 *	RECORD_EACH_CHILD(r, parent, i) ...
 */
#define RECORD_EACH_CHILD(r, parent, i)                                                            \
	for (uint32_t i = (parent) + 1; i < (r)->nodes[parent].end; i = (r)->nodes[i].end)

/*
 * The first child of that JSON name; 0 when there is none. Where parent is an
 * element that holds a resource, that resource is searched: so it is for all
 * functions that take a name.
 */
uint32_t
record_child(const struct record *r, const struct pack *p, uint32_t parent, struct str name);

/* Its next repetition; 0 when node i is the last. */
uint32_t record_next(const struct record *r, uint32_t parent, uint32_t i);

/* Value of the first child of that name, or an empty text. */
struct str
record_value(const struct record *r, const struct pack *p, uint32_t parent, struct str name);

/* Name of the type of node i: "Patient", "HumanName". */
struct str record_type_name(const struct record *r, const struct pack *p, uint32_t i);

/*
 * The FHIRPath of node i: "Patient.name[1].given[0]". Index shown where the
 * element repeats. In the arena; {NULL, 0} when that is full.
 */
struct str record_path(const struct record *r, const struct pack *p, uint32_t i, struct arena *a);

/* The same element, text and children, whatever the order of the texts. */
bool record_equal(const struct record *a, uint32_t i, const struct record *b, uint32_t j);

/*
 * Check a block that came from outside (a worker, a disk): it was built with
 * this pack; sizes, ends, offsets and element numbers are within bounds,
 * children belong to their parents' types and stand in order. Values are not
 * checked. r is aligned for its members; len is the block's true size.
 */
bool record_check(const struct record *r, size_t len, const struct pack *p);

/*
 * The resource whose root is node `node` of r (where an element holds it, the
 * node behind that element's) as a record of its own. NULL when the arena is
 * full.
 */
const struct record *record_extract(const struct record *r, uint32_t node, struct arena *a);

struct record_limits {
	uint32_t nodes, depth;
	size_t text; /* bytes of all values */
};

/* 2,000,000 nodes, 64 deep, 256 MiB of text. */
extern const struct record_limits record_default_limits;

/* An open element. */
struct record_level {
	uint32_t node; /* its node */
	uint32_t type; /* its type: that of the resource where it is a root */
	uint32_t last; /* element of its newest child; 0 before the first */
	bool disorder; /* children came in another order than the elements' */
};

/*
 * Builds one record after another; the memory it works in is its own (malloc)
 * and is kept, wiped before it is given back. Failure (a limit passed) is
 * sticky: what follows does nothing, and record_builder_finish() tells.
 *
 *	record_builder_init(&b, pack, &record_default_limits);
 *	record_open_root(&b, type);
 *	record_put(&b, STR("birthDate"), STR("1970-01-01"));
 *	record_open(&b, STR("name"));
 *	record_put(&b, STR("family"), family);
 *	record_close(&b);
 *	record_close(&b);
 *	r = record_builder_finish(&b, arena, &err);
 *
 * Children may come in any order of elements: record_close() puts them into
 * that of the specification, keeping the order of repetitions. What is opened
 * and closed without a value and without children stands as an empty node:
 * whoever may not have something to put in asks first, or abandons.
 */
struct record_builder {
	const struct pack *pack;
	struct record_limits limits;
	struct record_node *nodes; /* `end` is the subtree's size meanwhile */
	uint32_t count, room;
	char *text;
	size_t text_len, text_room;
	size_t text_high; /* bytes of text ever written: to be wiped */
	struct record_level *stack;
	uint32_t depth, stack_room;
	struct record_node *spare; /* where children are put into order */
	uint32_t spare_room;
	const char *failed; /* what limit was passed; NULL: none */
	uint32_t *follow;   /* of readers: see profiles/record_build.h */
	uint32_t *required;
};

void record_builder_init(
    struct record_builder *b, const struct pack *p, const struct record_limits *limits);
void record_builder_release(struct record_builder *b);

/* Forget what was built, keep the memory. */
void record_builder_reset(struct record_builder *b);

/* Open the root of a resource (or of any type): the whole record's, or, inside
 * an open element that holds a resource, that one's. */
void record_open_root(struct record_builder *b, uint32_t type);

/* Open an element by its number, or by its name in the open type. Asserts that
 * the name is known: for input, look it up first. */
void record_open_element(struct record_builder *b, uint32_t element);
void record_open(struct record_builder *b, struct str name);

/* Give the open element its value. Asserts that it has no children yet. */
void record_set_text(struct record_builder *b, struct str value);

/* Close the newest open element. */
void record_close(struct record_builder *b);

/* Close the newest open element and take it, and all that is in it, away. */
void record_abandon(struct record_builder *b);

/* Whether the open element has a value or children. */
bool record_is_filled(const struct record_builder *b);

/* Open, set, close. Without a value (len 0) does nothing. */
void record_put(struct record_builder *b, struct str name, struct str value);

/* Copy the subtree of node i of r (same pack) into the open element. */
void record_copy(struct record_builder *b, const struct record *r, uint32_t i);

/*
 * The record, copied into the arena; the builder is reset. All must be
 * closed. Returns NULL with *err set (ERROR_LIMIT) when a limit was passed or
 * the arena is full.
 */
struct error;
const struct record *
record_builder_finish(struct record_builder *b, struct arena *a, struct error *err);

#endif
