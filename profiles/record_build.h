/*
 * record_build.h - the inside of a record builder, for those who read wire
 * formats and cannot afford a call for each node.
 *
 * They put nodes and text down themselves and keep their own stack; the rules:
 * `end` of a node is the size of its subtree while building; the two top bits
 * of `element` are theirs until the node's parent is finished; what passes a
 * limit calls record_fail().
 */
#ifndef PROFILES_RECORD_BUILD_H
#define PROFILES_RECORD_BUILD_H

#include "profiles/record.h"

enum {
	RECORD_MARKS = 0xc0000000,
	RECORD_FULL = UINT32_MAX, /* no node: a limit was passed */
	RECORD_DEPTH = 1000,	  /* the most that limits.depth may be */
};

void record_fail(struct record_builder *b, const char *what);

/* As record_builder_finish(), but leave the builder as it is. */
struct error;
const struct record *
record_builder_make(const struct record_builder *b, struct arena *a, struct error *err);

/* Make room for one more node; false past the limit. */
bool record_more_nodes(struct record_builder *b);

/* Make room for size more bytes of text; false past the limit. */
bool record_more_text(struct record_builder *b, size_t size);

/* Put the children of a node, which reach to b->count, into the order of their
 * elements, marks not counted. */
void record_sort_children(struct record_builder *b, uint32_t node);

/* Room for that many nodes in b->spare, whose contents are lost. */
void record_room_spare(struct record_builder *b, uint32_t nodes);

/* A node without value and children. Returns its index, or RECORD_FULL. */
static inline uint32_t
record_push(struct record_builder *b, uint32_t element)
{
	if (b->count == b->room && !record_more_nodes(b))
		return RECORD_FULL;
	b->nodes[b->count] = (struct record_node){ .element = element, .end = 1 };
	return b->count++;
}

/*
 * What readers remember and look up for each element, made when first asked
 * for: follow[e] is the element that came after e the last time (after the
 * root of a type: the first child), so that the next name can be guessed;
 * required[t] is how many elements of type t must be there, a choice counting
 * as one.
 */
void record_learn(struct record_builder *b);

#endif
