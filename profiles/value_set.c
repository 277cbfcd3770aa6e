#include "profiles/value_set.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	DEPTH_MOST = 16, /* value sets within each other */
};

struct expansion {
	const struct pack *p;
	struct arena *a;
	struct str url; /* of the value set that was asked for */
	struct error *err;
};

static int
too_large(struct expansion *x)
{
	return error_set(x->err, ERROR_LIMIT, "the value set %.*s has more than %d codes",
	    STR_ARG(x->url), VALUE_SET_MOST);
}

static int
by_code(const void *pa, const void *pb)
{
	const struct value_set_code *a = pa, *b = pb;
	int system = str_cmp(a->system, b->system);

	return system ? system : str_cmp(a->code, b->code);
}

static void
settle(struct value_set_codes *set)
{
	uint32_t kept = 0;

	if (set->count)
		qsort(set->at, set->count, sizeof(set->at[0]), by_code);
	for (uint32_t i = 0; i < set->count; i++)
		if (!kept || by_code(&set->at[kept - 1], &set->at[i]) != 0)
			set->at[kept++] = set->at[i];
	set->count = kept;
}

static bool
has_exactly(const struct value_set_codes *set, struct str system, struct str code)
{
	struct value_set_code key = { system, code };

	return set->count &&
	       bsearch(&key, set->at, set->count, sizeof(set->at[0]), by_code) != NULL;
}

static bool
has(const struct value_set_codes *set, struct str system, struct str code)
{
	return has_exactly(set, system, code) || has_exactly(set, system, STR(""));
}

static bool
add(struct expansion *x, struct value_set_codes *set, struct str system, struct str code)
{
	/* Room grows by doubling: there is more whenever count is a power of two. */
	if ((set->count & (set->count - 1)) == 0) {
		size_t room = set->count ? (size_t)set->count * 2 : 1;
		struct value_set_code *grown = set->count > VALUE_SET_MOST
						   ? NULL
						   : arena_grow(x->a, set->at,
							 set->count * sizeof(*grown),
							 room * sizeof(*grown));

		if (!grown)
			return false;
		set->at = grown;
	}
	set->at[set->count++] = (struct value_set_code){ system, code };
	return true;
}

/* Whether concept row `at` is `top` or lies below it. */
static bool
is_below(const struct pack_concept *all, uint32_t at, uint32_t top)
{
	while (at != PACK_NONE && at != top)
		at = all[at].parent;
	return at == top;
}

static const struct pack_concept *
all_concepts(const struct pack *p)
{
	return p->table[TABLE_CONCEPTS];
}

/* Whether a concept passes a filter whose value is concept `named`. */
static bool
passes(const struct pack *p, uint32_t op, uint32_t at, uint32_t named)
{
	const struct pack_concept *all = all_concepts(p);

	switch (op) {
	case FILTER_IS_A:
		return is_below(all, at, named);
	case FILTER_DESCENDENT_OF:
		return at != named && is_below(all, at, named);
	case FILTER_IS_NOT_A:
		return !is_below(all, at, named);
	case FILTER_GENERALIZES:
		return is_below(all, named, at);
	default: /* FILTER_EQUALS */
		return at == named;
	}
}

/* The filters that the hierarchy alone decides. */
static bool
is_of_hierarchy(const struct pack *p, const struct pack_filter *f)
{
	struct str property = pack_text(p, f->property);

	return (str_is(property, "concept") || str_is(property, "code")) &&
	       (f->op == FILTER_IS_A || f->op == FILTER_DESCENDENT_OF || f->op == FILTER_IS_NOT_A ||
		   f->op == FILTER_GENERALIZES || f->op == FILTER_EQUALS);
}

/* The concepts that the filters name, in the arena; NULL with x->err set. */
static uint32_t *
named_concepts(
    struct expansion *x, const struct pack_include *in, const struct pack_code_system *cs)
{
	const struct pack_filter *f = pack_filters(x->p, in->filters);
	uint32_t *named = arena_calloc(x->a, (size_t)in->filters.count + 1, sizeof(*named));

	for (uint32_t i = 0; named && i < in->filters.count; i++) {
		const struct pack_concept *c;
		struct str value = pack_text(x->p, f[i].value);

		if (!is_of_hierarchy(x->p, &f[i])) {
			error_set(x->err, ERROR_INVALID,
			    "the value set %.*s is defined by the property '%.*s' of %.*s, which "
			    "this server does not know",
			    STR_ARG(x->url), STR_ARG(pack_text(x->p, f[i].property)),
			    STR_ARG(pack_text(x->p, in->system)));
			return NULL;
		}
		c = pack_find_concept(x->p, cs, value);
		if (!c) {
			error_set(x->err, ERROR_INVALID,
			    "the value set %.*s names the code '%.*s', which %.*s does not have",
			    STR_ARG(x->url), STR_ARG(value), STR_ARG(pack_text(x->p, in->system)));
			return NULL;
		}
		named[i] = (uint32_t)(c - all_concepts(x->p));
	}
	if (!named)
		too_large(x);
	return named;
}

/* All of a code system that the filters let through. */
static int
add_filtered(struct expansion *x, const struct pack_include *in, const struct pack_code_system *cs,
    struct value_set_codes *out)
{
	const struct pack_filter *f = pack_filters(x->p, in->filters);
	const struct pack_concept *all = all_concepts(x->p);
	const uint32_t *named = named_concepts(x, in, cs);

	for (uint32_t at = cs->concepts.first;
	     named && at - cs->concepts.first < cs->concepts.count; at++) {
		uint32_t i = 0;

		while (i < in->filters.count && passes(x->p, f[i].op, at, named[i]))
			i++;
		if (i == in->filters.count &&
		    !add(x, out, pack_text(x->p, in->system), pack_text(x->p, all[at].code)))
			return too_large(x);
	}
	return named ? 0 : -1;
}

/* The codes that an include says itself; without its value sets. */
static int
add_system(struct expansion *x, const struct pack_include *in, struct value_set_codes *out)
{
	struct str system = pack_text(x->p, in->system);
	const struct pack_code_system *cs = pack_find_code_system(x->p, system);
	const struct pack_concept *listed = pack_concepts(x->p, in->concepts);

	for (uint32_t i = 0; i < in->concepts.count; i++)
		if (!add(x, out, system, pack_text(x->p, listed[i].code)))
			return too_large(x);
	if (in->concepts.count)
		return 0;
	if (cs && cs->complete)
		return add_filtered(x, in, cs, out);
	if (in->filters.count)
		return error_set(x->err, ERROR_INVALID,
		    "the value set %.*s is defined by a filter over the code system %.*s, which "
		    "this server's definitions do not have in full",
		    STR_ARG(x->url), STR_ARG(system));
	return add(x, out, system, STR("")) ? 0 : too_large(x);
}

static int expand(struct expansion *x, struct str url, unsigned depth, struct value_set_codes *out);

/* Both: of two that hold all of a system, all of it. */
static int
intersect(struct expansion *x, const struct value_set_codes *a, const struct value_set_codes *b,
    struct value_set_codes *out)
{
	const struct value_set_codes *sides[] = { a, b };

	for (int s = 0; s < 2; s++)
		for (uint32_t i = 0; i < sides[s]->count; i++)
			if (has(sides[1 - s], sides[s]->at[i].system, sides[s]->at[i].code) &&
			    !add(x, out, sides[s]->at[i].system, sides[s]->at[i].code))
				return too_large(x);
	settle(out);
	return 0;
}

/* An include or exclude: what is in all of its value sets and its system. */
static int
expand_include(
    struct expansion *x, const struct pack_include *in, unsigned depth, struct value_set_codes *out)
{
	const struct pack_text *sets = pack_texts(x->p, in->value_sets);
	bool first = true;

	*out = (struct value_set_codes){ NULL, 0 };
	if (in->system.len) {
		if (add_system(x, in, out) < 0)
			return -1;
		settle(out);
		first = false;
	}
	for (uint32_t i = 0; i < in->value_sets.count; i++) {
		struct value_set_codes one, both = { NULL, 0 };

		if (expand(x, pack_text(x->p, sets[i]), depth + 1, &one) < 0)
			return -1;
		if (!first && intersect(x, out, &one, &both) < 0)
			return -1;
		*out = first ? one : both;
		first = false;
	}
	return 0;
}

static int
subtract(struct expansion *x, struct value_set_codes *from, const struct value_set_codes *what)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < what->count; i++)
		if (what->at[i].code.len && has_exactly(from, what->at[i].system, STR("")))
			return error_set(x->err, ERROR_INVALID,
			    "the value set %.*s is the code system %.*s without some codes, and "
			    "this server's definitions do not have that in full",
			    STR_ARG(x->url), STR_ARG(what->at[i].system));
	for (uint32_t i = 0; i < from->count; i++)
		if (!has(what, from->at[i].system, from->at[i].code))
			from->at[kept++] = from->at[i];
	from->count = kept;
	return 0;
}

static int
expand(struct expansion *x, struct str url, unsigned depth, struct value_set_codes *out)
{
	const struct pack_value_set *vs = pack_find_value_set(x->p, url);
	const struct pack_include *in;

	*out = (struct value_set_codes){ NULL, 0 };
	if (!vs || !vs->includes.count)
		return error_set(x->err, ERROR_MISSING,
		    "the value set %.*s %s this server's definitions", STR_ARG(url),
		    vs ? "has no definition in" : "is not in");
	if (depth > DEPTH_MOST)
		return error_set(x->err, ERROR_LIMIT,
		    "the value set %.*s is made of others more than %d deep", STR_ARG(x->url),
		    DEPTH_MOST);
	in = pack_includes(x->p, vs->includes);
	for (int exclude = 0; exclude < 2; exclude++)
		for (uint32_t i = 0; i < vs->includes.count; i++) {
			struct value_set_codes one;

			if ((in[i].exclude != 0) != (exclude != 0))
				continue;
			if (expand_include(x, &in[i], depth, &one) < 0 ||
			    (exclude && subtract(x, out, &one) < 0))
				return -1;
			for (uint32_t j = 0; !exclude && j < one.count; j++)
				if (!add(x, out, one.at[j].system, one.at[j].code))
					return too_large(x);
			settle(out);
		}
	return 0;
}

int
value_set_expand(const struct pack *p, struct str url, struct arena *a, struct value_set_codes *out,
    struct error *err)
{
	struct expansion x = { p, a, url, err };

	return expand(&x, url, 0, out);
}

int
value_set_hierarchy(const struct pack *p, struct str system, struct str code,
    enum value_set_direction direction, struct arena *a, struct value_set_codes *out,
    struct error *err)
{
	struct expansion x = { p, a, system, err };
	const struct pack_code_system *cs = pack_find_code_system(p, system);
	const struct pack_concept *all = all_concepts(p), *c;
	uint32_t named;

	*out = (struct value_set_codes){ NULL, 0 };
	if (!cs || !cs->complete)
		return error_set(err, ERROR_MISSING,
		    "the code system %.*s is not in this server's definitions in full",
		    STR_ARG(system));
	c = pack_find_concept(p, cs, code);
	if (!c)
		return error_set(err, ERROR_MISSING, "the code system %.*s has no code '%.*s'",
		    STR_ARG(system), STR_ARG(code));
	named = (uint32_t)(c - all);
	for (uint32_t at = cs->concepts.first; at - cs->concepts.first < cs->concepts.count; at++)
		if ((direction == VALUE_SET_BELOW ? is_below(all, at, named)
						  : is_below(all, named, at)) &&
		    !add(&x, out, system, pack_text(p, all[at].code)))
			return too_large(&x);
	settle(out);
	return 0;
}

int
value_set_has(const struct value_set_codes *set, struct str system, struct str code)
{
	int answer = 0;

	if (system.len) {
		if (has_exactly(set, system, code))
			return 1;
		return has_exactly(set, system, STR("")) ? -1 : 0;
	}
	for (uint32_t i = 0; i < set->count; i++) {
		if (str_eq(set->at[i].code, code))
			return 1;
		if (!set->at[i].code.len)
			answer = -1;
	}
	return answer;
}

int
value_set_subsumes(const struct pack *p, struct str system, struct str broad, struct str narrow)
{
	const struct pack_code_system *cs = pack_find_code_system(p, system);
	const struct pack_concept *all = all_concepts(p), *above, *below;

	if (!cs || !cs->complete)
		return -1;
	above = pack_find_concept(p, cs, broad);
	below = pack_find_concept(p, cs, narrow);
	if (!above || !below)
		return -1;
	return is_below(all, (uint32_t)(below - all), (uint32_t)(above - all));
}
