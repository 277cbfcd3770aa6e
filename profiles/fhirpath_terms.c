/*
 * FHIRPath's functions of terminology (R4, fhirpath.html): memberOf(),
 * subsumes() and subsumedBy(), answered by the host, or else from the pack.
 */
#include "base/error.h"
#include "profiles/fhirpath_eval.h"
#include "profiles/value_set.h"

/* A value set that was expanded in this evaluation. */
struct eval_value_set {
	struct eval_value_set *next;
	struct str url;
	struct value_set_codes codes;
	bool known;
};

/* System and code of a code, a Coding or the nth Coding of a concept. */
static bool
coding_at(const struct eval *e, const struct fhirpath_item *item, uint32_t nth, struct str *system,
    struct str *code)
{
	const struct record *r = eval_record(e, item);
	uint32_t node = item->node, child;

	*system = STR("");
	*code = item->value;
	if (item->kind != FHIRPATH_NODE)
		return nth == 0 && item->kind == FHIRPATH_STRING;
	if (node == FHIRPATH_MADE)
		return false;
	child = record_child(r, e->pack, node, STR("coding"));
	if (child) {
		for (; child && nth; nth--)
			child = record_next(r, node, child);
		node = child;
		nth = 0;
	}
	if (!node || nth)
		return false;
	*system = record_value(r, e->pack, node, STR("system"));
	*code = record_value(r, e->pack, node, STR("code"));
	return code->len > 0;
}

/* The value set, expanded at most once in an evaluation. */
static const struct eval_value_set *
find_value_set(struct eval *e, struct str url)
{
	struct eval_value_set *v;
	struct error why;

	for (v = e->value_sets; v; v = v->next)
		if (str_eq(v->url, url))
			return v;
	v = ARENA_NEW(e->arena, struct eval_value_set);
	if (!v) {
		eval_no_memory(e);
		return NULL;
	}
	v->url = url;
	v->known = value_set_expand(e->pack, url, e->arena, &v->codes, &why) == 0;
	v->next = e->value_sets;
	e->value_sets = v;
	/* Making it costs as much as some ten steps for each code. */
	return eval_count(e, 1000 + v->codes.count * 10) ? NULL : v;
}

/* Whether the code is in the value set: 1, 0, -1 when that cannot be told; -2
 * with e->err set. */
static int
ask_member(struct eval *e, struct str system, struct str code, struct str url)
{
	const struct fhirpath_host *host = e->in->host;
	const struct eval_value_set *v;

	if (host && host->member_of)
		return host->member_of(host->ctx, system, code, url);
	v = find_value_set(e, url);
	if (!v)
		return -2;
	if (eval_count(e, system.len ? 16 : v->codes.count))
		return -2;
	return v->known ? value_set_has(&v->codes, system, code) : -1;
}

static int
eval_member(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct str url, system, code;
	int answer = -1;

	if (eval_text_argument(e, op, op->a, frame, &url))
		return -1;
	if (e->top - base > 1)
		return eval_fail_function(e, op, "one item");
	for (uint32_t n = 0; e->top > base && url.len && answer <= 0; n++) {
		int one;

		if (eval_count(e, 16))
			return -1;
		if (!coding_at(e, &e->stack[base], n, &system, &code))
			break;
		one = ask_member(e, system, code, url);
		if (one < -1)
			return -1;
		answer = one > answer ? one : answer;
	}
	return eval_give_answer(e, base, answer);
}

/* Whether one code lies above the other, or is the same. */
static int
ask_subsumes(struct eval *e, struct str system, struct str broad, struct str narrow)
{
	const struct fhirpath_host *host = e->in->host;

	if (str_eq(broad, narrow))
		return 1;
	if (host && host->subsumes)
		return host->subsumes(host->ctx, system, broad, narrow);
	return value_set_subsumes(e->pack, system, broad, narrow);
}

static int
eval_subsumes(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct str system, code, other_system, other;
	bool up = op->code == FN_SUBSUMES, found;
	struct fhirpath_item item;
	int answer = -1;

	if (eval_argument(e, op, op->a, frame, &item, &found))
		return -1;
	if (e->top - base > 1)
		return eval_fail_function(e, op, "one item");
	for (uint32_t n = 0;
	     found && e->top > base && coding_at(e, &e->stack[base], n, &system, &code); n++) {
		for (uint32_t m = 0; coding_at(e, &item, m, &other_system, &other); m++) {
			int one = 0;

			if (eval_count(e, 32))
				return -1;
			if (str_eq(system, other_system))
				one = ask_subsumes(e, system, up ? code : other, up ? other : code);
			answer = one > answer ? one : answer;
		}
	}
	return eval_give_answer(e, base, answer);
}

int
eval_terms(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	return op->code == FN_MEMBER_OF ? eval_member(e, op, base, frame)
					: eval_subsumes(e, op, base, frame);
}
