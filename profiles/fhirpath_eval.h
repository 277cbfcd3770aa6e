/*
 * fhirpath_eval.h - evaluating a program: the stack of items.
 *
 * Inside of fhirpath only. Every op puts its items on top of one stack in the
 * arena; what it took from there is gone then. A collection is known by where
 * it starts, and ends at the top.
 */
#ifndef PROFILES_FHIRPATH_EVAL_H
#define PROFILES_FHIRPATH_EVAL_H

#include "profiles/fhirpath_value.h"

enum {
	QUANTITY_STEPS = 32,  /* that reading, converting, comparing two counts for */
	EVAL_ITEMS = 1 << 22, /* on the stack, whose room doubles */
	EVAL_RECORDS = 1000,  /* that the host gives */
	/* Texts that are made stay until the end: so many bytes count as a step,
	 * which bounds the memory, too. */
	EVAL_STEP_BYTES = 8,
};

struct eval {
	const struct fhirpath *f;
	const struct pack *pack;
	const struct fhirpath_input *in;
	const struct record *r;	       /* in->record */
	const struct record **records; /* NULL as long as there is only that one */
	uint32_t record_count, record_room;
	struct arena *arena;
	struct error *err;
	struct fhirpath_item *stack;
	uint32_t top, room;
	uint32_t steps; /* left */
	struct fhirpath_items *variables;
	struct eval_value_set *value_sets; /* that were asked for */
	int64_t now;
};

/* What $this, $index and $total are. */
struct frame {
	struct fhirpath_item this;
	uint32_t index;
	const struct fhirpath_items *total;
};

enum truth {
	TRUTH_EMPTY,
	TRUTH_FALSE,
	TRUTH_TRUE,
};

/* Evaluate op; its items are put on the stack. Returns 0, or -1 with e->err. */
int eval_op(struct eval *e, uint32_t op, const struct frame *frame);

/* The children of the items from base on, or of one; by steps, or by name. */
int eval_child(struct eval *e, const struct op *op, uint32_t base);
int eval_child_of(struct eval *e, const struct op *op, const struct fhirpath_item *item);
int eval_child_named(struct eval *e, const struct op *op, uint32_t base);

/* OP_PATH from an item. */
int eval_path(struct eval *e, const struct op *op, const struct fhirpath_item *from);

/* A function, its input evaluated: the items from base to the top. */
int eval_function(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);

/* Functions by what they are about. */
int eval_loop(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_set(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_text(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_conversion(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_math(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_boundary(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_fhir(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_terms(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame);
int eval_definition(struct eval *e, const struct op *op, uint32_t base);

/* A text function whose text and arguments are there. */
int eval_regex(struct eval *e, const struct op *op, struct str text, struct str pattern,
    struct str replacement);
int eval_case(struct eval *e, struct str text, bool upper);
int eval_code(struct eval *e, const struct op *op, struct str text, struct str format);

/* Put an item, a node or a made value on the stack. */
int eval_grow(struct eval *e);
static inline int
eval_push(struct eval *e, struct fhirpath_item item)
{
	if (e->top == e->room && eval_grow(e))
		return -1;
	e->stack[e->top++] = item;
	return 0;
}

int eval_push_node(struct eval *e, uint32_t record, uint32_t node);
int eval_push_made(struct eval *e, enum fhirpath_kind kind, struct str value);
int eval_push_bool(struct eval *e, bool value);
int eval_push_integer(struct eval *e, int64_t value);
int eval_push_decimal(struct eval *e, enum fhirpath_kind kind, const struct decimal *d);
int eval_push_moment(struct eval *e, const struct moment *m);

/* The same in place of all items from base on. */
int eval_give_bool(struct eval *e, uint32_t base, bool value);

/* The record of an item. */
static inline const struct record *
eval_record(const struct eval *e, const struct fhirpath_item *item)
{
	return item->record == 0 ? e->r : e->records[item->record];
}

/* The item that stands for a node; for one that holds a resource, that. */
struct fhirpath_item eval_item(const struct eval *e, uint32_t record, uint32_t node);
void eval_fill(const struct eval *e, uint32_t record, uint32_t node, struct fhirpath_item *out);

/* Set e->err to what is wrong at the op's place. Returns -1. */
int eval_fail(struct eval *e, const struct op *op, const char *why);
int eval_fail_function(struct eval *e, const struct op *op, const char *of);
int eval_no_memory(struct eval *e);

/* Count n steps; -1 when there were too many. */
int eval_too_long(struct eval *e);
static inline int
eval_count(struct eval *e, uint32_t n)
{
	if (n > e->steps)
		return eval_too_long(e);
	e->steps -= n;
	return 0;
}

/* Take the items from base on as one truth (N1, 4.5); -1 when they are many. */
int eval_truth(struct eval *e, const struct op *op, uint32_t base, enum truth *out);

/*
 * Evaluate an argument beside the items. *found: there is exactly one item,
 * then in *out; -1 when there are several.
 */
int eval_argument(struct eval *e, const struct op *op, uint32_t argument, const struct frame *frame,
    struct fhirpath_item *out, bool *found);

/* The same for one whole number; -1 when it is none. */
int eval_integer_argument(struct eval *e, const struct op *op, uint32_t argument,
    const struct frame *frame, int64_t *out, bool *found);

/* The same for one text; empty when there is none. */
int eval_text_argument(struct eval *e, const struct op *op, uint32_t argument,
    const struct frame *frame, struct str *out);

/* A yes, no or unknown (-1) in place of the items. */
int eval_give_answer(struct eval *e, uint32_t base, int answer);

/* Keep the items from first up to last of those from base on. */
void eval_keep(struct eval *e, uint32_t base, uint32_t first, uint32_t last);

/* Equality of two items (N1, 6.1): TRUTH_EMPTY where it cannot be told. */
enum truth
eval_equal_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y);

/* Equality and equivalence of what is from left to right, and from right on. */
int eval_equality(struct eval *e, const struct op *op, uint32_t left, uint32_t right);

/* Texts that are the same but for case and how much white space there is. */
bool text_is_equivalent(struct str x, struct str y);

/* Take doubles from the items from base on; the first of each stays. */
int eval_distinct(struct eval *e, uint32_t base);

/* A binary operator, its operands evaluated: from left to right, right to top. */
int eval_operator(struct eval *e, const struct op *op, uint32_t left, uint32_t right);
int eval_arithmetic(struct eval *e, const struct op *op, uint32_t left, uint32_t right);

/* An item as a made one: FHIR's Quantity becomes FHIRPath's where it can
 * (R4, 2.9.1.4); false when it is a node that has no value. */
bool eval_value(struct eval *e, const struct fhirpath_item *item, struct fhirpath_item *out);

/* FHIR's Quantity as FHIRPath's. */
bool
eval_quantity_value(struct eval *e, const struct fhirpath_item *item, struct fhirpath_item *out);

/* Two texts as one, in place of the items from left on. */
int eval_add_texts(struct eval *e, uint32_t left, struct str x, struct str y);

/* What a reference at hand refers to: OP_REFERS, and in the record. */
int eval_refers(struct eval *e, const struct op *op, uint32_t base);
int eval_resolve(struct eval *e, uint32_t base);

/* Put the root of a record that the host gave on the stack. */
int eval_push_record(struct eval *e, const struct record *r);
uint32_t eval_resource_of(const struct record *r, const struct pack *p, uint32_t node);
uint32_t eval_container_of(const struct record *r, const struct pack *p, uint32_t node);

#endif
