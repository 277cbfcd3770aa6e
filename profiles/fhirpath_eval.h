/*
 * fhirpath_eval.h - evaluating a program: the stack of items.
 *
 * Inside of fhirpath only. Every op puts its items on top of one stack in the
 * arena; what it took from there is gone then. A collection is known by where
 * it starts, and ends at the top.
 */
#ifndef PROFILES_FHIRPATH_EVAL_H
#define PROFILES_FHIRPATH_EVAL_H

#include "profiles/fhirpath_program.h"

enum {
	EVAL_STEPS = 20000000, /* nodes visited and items compared */
	EVAL_ITEMS = 4000000,  /* on the stack */
};

struct eval {
	const struct fhirpath *f;
	const struct pack *pack;
	const struct record *r;
	struct arena *arena;
	struct error *err;
	struct fhirpath_item *stack;
	uint32_t top, room;
	uint32_t steps; /* left */
	uint32_t context;
};

/* What $this and $index are. */
struct frame {
	struct fhirpath_item this;
	uint32_t index;
};

enum truth {
	TRUTH_EMPTY,
	TRUTH_FALSE,
	TRUTH_TRUE,
};

/* Evaluate op; its items are put on the stack. Returns 0, or -1 with e->err. */
int eval_op(struct eval *e, uint32_t op, const struct frame *frame);

/* A function, its input evaluated: the items from base to the top. */
int eval_function(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);

/* Put an item, a node or a made value on the stack. */
int eval_push(struct eval *e, struct fhirpath_item item);
int eval_push_node(struct eval *e, uint32_t node);
int eval_push_made(struct eval *e, enum fhirpath_kind kind, struct str value);
int eval_push_bool(struct eval *e, bool value);
int eval_push_integer(struct eval *e, int64_t value);

/* The item that stands for a node; for one that holds a resource, that. */
struct fhirpath_item eval_item(const struct eval *e, uint32_t node);

/* Set e->err to what is wrong at the op's place. Returns -1. */
int eval_fail(struct eval *e, const struct op *op, const char *why);

/* Count n steps; -1 when there were too many. */
int eval_count(struct eval *e, uint32_t n);

/* Take the items from base on as one truth (N1, 4.5); -1 when they are many. */
int eval_truth(struct eval *e, const struct op *op, uint32_t base, enum truth *out);

/* Equality of two items (N1, 6.1): TRUTH_EMPTY where it cannot be told. */
enum truth
eval_equal_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y);

/* Take doubles from the items from base on; the first of each stays. */
int eval_distinct(struct eval *e, uint32_t base);

/* Whether one of the items from `from` up to `to` equals the item. */
bool eval_has(struct eval *e, uint32_t from, uint32_t to, const struct fhirpath_item *item);

/* A binary operator, its operands evaluated: from left to right, right to top. */
int eval_operator(struct eval *e, const struct op *op, uint32_t left, uint32_t right);

#endif
