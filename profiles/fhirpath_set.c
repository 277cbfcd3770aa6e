/* Sets of items; functions and operators of them. */
#include "profiles/fhirpath_set.h"

/* A hash that equal items share. */
static uint64_t
item_hash(const struct eval *e, const struct fhirpath_item *item)
{
	const struct record *r = eval_record(e, item);
	uint64_t hash = item->type;

	if (item->kind != FHIRPATH_NODE && item->value.len)
		return value_hash(item);
	if (item->node == FHIRPATH_MADE)
		return 0;
	for (uint32_t i = item->node + 1; i < r->nodes[item->node].end; i++) {
		struct fhirpath_item inner = eval_item(e, item->record, i);

		hash = (hash ^ r->nodes[i].element ^ value_hash(&inner)) *
		       UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

/* Steps that hashing the item and comparing it once takes. */
static uint32_t
item_size(const struct eval *e, const struct fhirpath_item *item)
{
	if (item->node == FHIRPATH_MADE)
		return 1 + (uint32_t)(item->value.len / 64);
	return eval_record(e, item)->nodes[item->node].end - item->node;
}

static bool
is_equal(struct eval *e, uint32_t place, const struct fhirpath_item *item)
{
	return eval_equal_items(e, &e->stack[place], item) == TRUTH_TRUE;
}

static int
make_slots(struct eval *e, struct item_set *set, const uint32_t *places, uint32_t count)
{
	uint32_t size = 64;

	while (size < count * 4)
		size *= 2;
	set->slots = arena_calloc(e->arena, size, sizeof(*set->slots));
	if (!set->slots)
		return eval_no_memory(e);
	set->mask = size - 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)item_hash(e, &e->stack[places[i]]) & set->mask;

		while (set->slots[at])
			at = (at + 1) & set->mask;
		set->slots[at] = places[i] + 1;
	}
	return eval_count(e, count);
}

static int
grow_slots(struct eval *e, struct item_set *set)
{
	uint32_t *places = arena_calloc(e->arena, set->count, sizeof(*places)), n = 0;

	if (!places)
		return eval_no_memory(e);
	for (uint32_t i = 0; i <= set->mask; i++)
		if (set->slots[i])
			places[n++] = set->slots[i] - 1;
	return make_slots(e, set, places, n);
}

int
item_set_has(struct eval *e, const struct item_set *set, const struct fhirpath_item *item)
{
	uint32_t at;

	if (!set->slots) {
		for (uint32_t i = 0; i < set->count; i++)
			if (is_equal(e, set->few[i], item))
				return 1;
		return eval_count(e, 1);
	}
	at = (uint32_t)item_hash(e, item) & set->mask;
	for (; set->slots[at]; at = (at + 1) & set->mask)
		if (is_equal(e, set->slots[at] - 1, item))
			return 1;
	return eval_count(e, item_size(e, item));
}

int
item_set_add(struct eval *e, struct item_set *set, uint32_t place)
{
	struct fhirpath_item item = e->stack[place];
	int has = item_set_has(e, set, &item);
	uint32_t at;

	if (has)
		return has < 0 ? -1 : 0;
	if (!set->slots && set->count < ITEM_SET_FEW) {
		set->few[set->count++] = place;
		return 1;
	}
	if (!set->slots && make_slots(e, set, set->few, set->count))
		return -1;
	if (set->count * 2 > set->mask && grow_slots(e, set))
		return -1;
	at = (uint32_t)item_hash(e, &item) & set->mask;
	while (set->slots[at])
		at = (at + 1) & set->mask;
	set->slots[at] = place + 1;
	set->count++;
	return 1;
}

int
item_set_add_all(struct eval *e, struct item_set *set, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (item_set_add(e, set, i) < 0)
			return -1;
	return 0;
}

int
eval_distinct(struct eval *e, uint32_t base)
{
	struct item_set set = { .from = base };
	uint32_t kept = base;

	for (uint32_t i = base; i < e->top; i++) {
		int added;

		e->stack[kept] = e->stack[i];
		added = item_set_add(e, &set, kept);
		if (added < 0)
			return -1;
		kept += (uint32_t)added;
	}
	e->top = kept;
	return 0;
}

static int
eval_is_distinct(struct eval *e, uint32_t base)
{
	uint32_t count = e->top - base;

	if (eval_distinct(e, base))
		return -1;
	return eval_give_bool(e, base, e->top - base == count);
}

/* intersect(), exclude(), subsetOf(): the items that are in the set, or not. */
static int
keep_members(struct eval *e, const struct op *op, uint32_t base, uint32_t mark)
{
	struct item_set set = { .from = mark };
	uint32_t kept = base;
	bool all = true;

	if (item_set_add_all(e, &set, mark, e->top))
		return -1;
	for (uint32_t i = base; i < mark; i++) {
		int has = item_set_has(e, &set, &e->stack[i]);

		if (has < 0)
			return -1;
		all = all && has;
		if (has == (op->code == FN_INTERSECT))
			e->stack[kept++] = e->stack[i];
	}
	if (op->code == FN_SUBSET_OF)
		return eval_give_bool(e, base, all);
	e->top = kept;
	return op->code == FN_INTERSECT ? eval_distinct(e, base) : 0;
}

static int
eval_superset(struct eval *e, uint32_t base, uint32_t mark)
{
	struct item_set set = { .from = base };

	if (item_set_add_all(e, &set, base, mark))
		return -1;
	for (uint32_t i = mark; i < e->top; i++) {
		int has = item_set_has(e, &set, &e->stack[i]);

		if (has < 0)
			return -1;
		if (!has)
			return eval_give_bool(e, base, false);
	}
	return eval_give_bool(e, base, true);
}

int
eval_set(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t mark = e->top;

	if (op->code == FN_DISTINCT)
		return eval_distinct(e, base);
	if (op->code == FN_IS_DISTINCT)
		return eval_is_distinct(e, base);
	if (eval_op(e, op->a, frame))
		return -1;
	if (op->code == FN_COMBINE)
		return 0;
	if (op->code == FN_SUPERSET_OF)
		return eval_superset(e, base, mark);
	return keep_members(e, op, base, mark);
}
