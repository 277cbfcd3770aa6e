/*
 * fhirpath_set.h - items on the stack that can be looked for in constant time.
 *
 * Inside of fhirpath only. A set holds places on the stack, which must stay
 * where they are. Few are compared each with each, more are hashed.
 */
#ifndef PROFILES_FHIRPATH_SET_H
#define PROFILES_FHIRPATH_SET_H

#include "profiles/fhirpath_eval.h"

enum {
	ITEM_SET_FEW = 12,
};

struct item_set {
	uint32_t from; /* unused by the set: where its owner's items start */
	uint32_t count;
	uint32_t few[ITEM_SET_FEW];
	uint32_t *slots; /* place + 1; NULL: few */
	uint32_t mask;
};

/* Add the item at that place: 1; 0 when an equal one is there; -1: e->err. */
int item_set_add(struct eval *e, struct item_set *set, uint32_t place);

/* Add the items from `from` up to `to`. Returns 0, or -1 with e->err. */
int item_set_add_all(struct eval *e, struct item_set *set, uint32_t from, uint32_t to);

/* Whether an equal one is there: 1, 0, or -1 with e->err. */
int item_set_has(struct eval *e, const struct item_set *set, const struct fhirpath_item *item);

#endif
