#include "gateway/fhir/search_query.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "profiles/decimal.h"

enum {
	PAIRS_MOST = 500,
	TESTS_MOST = 400, /* as many as the store takes */
	NAME_SHOWN = 64,  /* bytes of a parameter's name in a finding */
	MAC_BYTES = 16,
};

int
query_pairs(struct str query, struct arena *a, struct query_pair **pairs, uint32_t *count,
    struct error *err)
{
	struct query_pair *at = arena_calloc(a, PAIRS_MOST, sizeof(*at));
	struct str part;

	*count = 0;
	*pairs = at;
	if (!at)
		return error_set(err, ERROR_LIMIT, "the query is too long");
	while (query.len && str_split(&query, '&', &part)) {
		struct str name;

		if (!part.len)
			continue;
		if (*count == PAIRS_MOST)
			return error_set(
			    err, ERROR_LIMIT, "the query has more than %d parameters", PAIRS_MOST);
		str_split(&part, '=', &name);
		if (!part.p)
			part = STR("");
		if (percent_decode(name, true, a, &at[*count].name, err) < 0 ||
		    percent_decode(part, true, a, &at[*count].value, err) < 0)
			return -1;
		(*count)++;
	}
	return 0;
}

/* Parsing. */

struct parse {
	struct search_index *si;
	const struct pack *p;
	uint32_t type;
	const struct search_options *o;
	struct arena *a;
	struct search_query *out;
	struct findings *findings;
	struct store_clause *clauses;
	uint32_t clause_count, tests;
	unsigned errors; /* of this parse */
	bool full;	 /* the arena is */
	bool conditions; /* of a conditional write: no result parameters */
	unsigned depth;	 /* of inner searches */
};

/* A parameter: name, and what stands behind the colon. */
struct criterion {
	struct str name, modifier;
	struct str value;
	const struct pack_param *param;
	uint32_t number; /* of the parameter in the pack */
};

/* What a pair was. */
enum taken {
	TAKEN,	 /* obeyed */
	SKIPPED, /* not obeyed: left out of the self link */
};

static struct str
shown(struct str name)
{
	return str_of(name.p, name.len < NAME_SHOWN ? name.len : NAME_SHOWN);
}

__attribute__((format(printf, 3, 4))) static enum taken
complain(struct parse *ps, const char *code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	findings_add(ps->findings, SEVERITY_ERROR, code, (struct str){ NULL, 0 }, 0, 0, "%s", text);
	ps->errors++;
	return SKIPPED;
}

/* Unknown or not supported: an error, or, with lenient handling, a warning. */
__attribute__((format(printf, 3, 4))) static enum taken
refuse(struct parse *ps, const char *code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ps->o->lenient || ps->conditions)
		return complain(ps, code, "%s", text);
	findings_add(ps->findings, SEVERITY_WARNING, code, (struct str){ NULL, 0 }, 0, 0,
	    "%s; it was left out", text);
	return SKIPPED;
}

static const char *const result_parameters[] = {
	"_count",
	"_sort",
	"_total",
	"_summary",
	"_elements",
	"_format",
	"_pretty",
};

/* Parts of the standard that are known by name and not served. */
static const char *const unsupported[] = { "_include", "_revinclude", "_contained",
	"_containedType", "_list", "_filter", "_text", "_content", "_query", "_type", "_score" };

static bool
is_among(struct str name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(name, list[i]))
			return true;
	return false;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void
consider(struct str name, struct str candidate, unsigned *best, struct str *nearest)
{
	unsigned d = str_distance(name, candidate, *best);

	if (d < *best) {
		*best = d;
		*nearest = candidate;
	}
}

/* The parameter of the type that is spelt most like it; may be empty. */
static struct str
nearest_parameter(struct parse *ps, struct str name)
{
	struct str nearest = STR("");
	unsigned best = name.len < 6 ? 3 : 4;
	uint32_t count;
	const uint32_t *params = pack_type_params(ps->p, ps->type, &count);

	for (uint32_t i = 0; i < count; i++)
		consider(
		    name, pack_text(ps->p, pack_param_at(ps->p, params[i])->code), &best, &nearest);
	for (size_t i = 0; i < COUNT_OF(result_parameters); i++)
		consider(name, str_from(result_parameters[i]), &best, &nearest);
	return nearest;
}

static enum taken
unknown_parameter(struct parse *ps, struct str name)
{
	struct str type = pack_text(ps->p, pack_type_at(ps->p, ps->type)->name);
	struct str nearest = nearest_parameter(ps, name);

	if (nearest.len)
		return refuse(ps, "not-found",
		    "%.*s has no search parameter '%.*s': did you mean '%.*s'?", STR_ARG(type),
		    STR_ARG(shown(name)), STR_ARG(nearest));
	return refuse(ps, "not-found",
	    "%.*s has no search parameter '%.*s': the CapabilityStatement lists those it has",
	    STR_ARG(type), STR_ARG(shown(name)));
}

static enum taken
not_supported(struct parse *ps, struct str what, const char *why)
{
	return refuse(
	    ps, "not-supported", "'%.*s' is not supported: %s", STR_ARG(shown(what)), why);
}

static enum taken
unknown_modifier(struct parse *ps, const struct criterion *c)
{
	static const char *const known[] = { "missing", "exact", "contains", "not", "text", "in",
		"below", "above", "not-in", "of-type", "identifier" };
	struct str nearest = STR("");
	unsigned best = 4;

	if (is_among(c->modifier, known, COUNT_OF(known)))
		return refuse(ps, "not-supported",
		    "the modifier ':%.*s' is not supported for the search parameter '%.*s'",
		    STR_ARG(shown(c->modifier)), STR_ARG(shown(c->name)));
	for (size_t i = 0; i < COUNT_OF(known); i++)
		consider(c->modifier, str_from(known[i]), &best, &nearest);
	if (nearest.len)
		return refuse(ps, "not-found",
		    "the search parameter '%.*s' has no modifier ':%.*s': did you mean ':%.*s'?",
		    STR_ARG(shown(c->name)), STR_ARG(shown(c->modifier)), STR_ARG(nearest));
	return refuse(ps, "not-found", "the search parameter '%.*s' has no modifier ':%.*s'",
	    STR_ARG(shown(c->name)), STR_ARG(shown(c->modifier)));
}

static enum taken
bad_value(struct parse *ps, const struct criterion *c, const char *wanted)
{
	return complain(ps, "value", "the value of the search parameter '%.*s' is not %s",
	    STR_ARG(shown(c->name)), wanted);
}

/* Cut *rest at the next sep that no backslash precedes. The part is still
 * escaped. */
static bool
split_escaped(struct str *rest, char sep, struct str *part)
{
	if (!rest->p)
		return false;
	for (size_t i = 0; i < rest->len; i++) {
		if (rest->p[i] == '\\') {
			i++;
		} else if (rest->p[i] == sep) {
			*part = str_of(rest->p, i);
			*rest = str_of(rest->p + i + 1, rest->len - i - 1);
			return true;
		}
	}
	*part = *rest;
	rest->p = NULL;
	return true;
}

/* Take the backslashes away (R4, 3.1.1.3.1). false: one stands before what
 * needs none. */
static bool
unescape(struct parse *ps, struct str in, struct str *out)
{
	char *p;
	size_t len = 0;

	*out = in;
	if (str_find(in, '\\') < 0)
		return true;
	p = arena_alloc_bytes(ps->a, in.len + 1);
	if (!p) {
		ps->full = true;
		return true;
	}
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\\') {
			i++;
			if (i == in.len || !memchr(",|$\\", in.p[i], 4))
				return false;
		}
		p[len++] = in.p[i];
	}
	*out = str_of(p, len);
	return true;
}

/* A clause with room for so many tests; NULL when there are too many. */
static struct store_clause *
add_clause(struct parse *ps, uint32_t tests)
{
	struct store_clause *c = &ps->clauses[ps->clause_count];

	if (tests > TESTS_MOST - ps->tests) {
		complain(ps, "too-costly", "the search has more than %d values", TESTS_MOST);
		return NULL;
	}
	c->tests = arena_calloc(ps->a, tests ? tests : 1, sizeof(struct store_test));
	if (!c->tests) {
		ps->full = true;
		return NULL;
	}
	c->count = 0;
	ps->tests += tests;
	ps->clause_count++;
	return c;
}

static struct store_test *
add_test(struct store_clause *clause, const struct criterion *c, enum store_test_kind kind)
{
	struct store_test *t = &clause->tests[clause->count++];

	t->kind = kind;
	t->param = c->number;
	return t;
}

/* How many values a comma separates. */
static uint32_t
count_values(struct str value)
{
	struct str part;
	uint32_t n = 0;

	while (split_escaped(&value, ',', &part))
		n++;
	return n;
}

/*
 * Call one for each value: it adds tests to the clause and returns false when
 * the value is bad (told by then). per: tests that a value may become.
 */
typedef bool value_fn(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause);

static enum taken
each_value(struct parse *ps, const struct criterion *c, uint64_t per, value_fn *one)
{
	struct str part, rest = c->value;
	uint64_t most = count_values(c->value) * per;
	struct store_clause *clause = add_clause(
	    ps, most > TESTS_MOST ? TESTS_MOST + 1 : (uint32_t)most);

	if (!clause)
		return SKIPPED;
	while (split_escaped(&rest, ',', &part))
		if (!one(ps, c, part, clause))
			return SKIPPED;
	return TAKEN;
}

/* :not with several values: none of them (a clause each, and all hold). */
static enum taken
each_value_not(struct parse *ps, const struct criterion *c, value_fn *one)
{
	struct str part, rest = c->value;

	while (split_escaped(&rest, ',', &part)) {
		struct store_clause *clause = add_clause(ps, 1);

		if (!clause || !one(ps, c, part, clause))
			return SKIPPED;
		clause->tests[0].negate = true;
	}
	return TAKEN;
}

static enum taken
take_missing(struct parse *ps, const struct criterion *c)
{
	struct store_clause *clause;

	if (!str_is(c->value, "true") && !str_is(c->value, "false"))
		return bad_value(ps, c, "'true' or 'false'");
	clause = add_clause(ps, 1);
	if (!clause)
		return SKIPPED;
	add_test(clause, c, TEST_MISSING)->value = c->value;
	return TAKEN;
}

/* [code], [system]|[code], |[code], [system]| (R4, 3.1.1.4.10). */
static bool
token_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c, TEST_TOKEN);
	struct str first, second = value;
	bool good;

	split_escaped(&second, '|', &first);
	if (!second.p) {
		t->any_system = true;
		good = unescape(ps, first, &t->value) && t->value.len;
	} else {
		good = unescape(ps, first, &t->system) && unescape(ps, second, &t->value) &&
		       (t->system.len || t->value.len);
		t->no_system = !t->system.len;
		t->any_value = !t->value.len;
	}
	if (!good)
		bad_value(ps, c, "a token: write code, system|code, |code or system|");
	return good;
}

static enum taken
take_token(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->modifier, "not"))
		return each_value_not(ps, c, token_value);
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	return each_value(ps, c, 1, token_value);
}

static bool
string_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c,
	    str_is(c->modifier, "exact")      ? TEST_STRING_EXACT
	    : str_is(c->modifier, "contains") ? TEST_STRING_CONTAINS
					      : TEST_STRING);

	if (unescape(ps, value, &t->value) && t->value.len)
		return true;
	bad_value(ps, c, "a text: give at least a character, and \\ only before , | $ or \\");
	return false;
}

static enum taken
take_string(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len && !str_is(c->modifier, "exact") && !str_is(c->modifier, "contains"))
		return unknown_modifier(ps, c);
	return each_value(ps, c, 1, string_value);
}

static bool
uri_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c, TEST_URI);

	if (unescape(ps, value, &t->value) && t->value.len)
		return true;
	bad_value(ps, c, "a URI");
	return false;
}

static enum taken
take_uri(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	return each_value(ps, c, 1, uri_value);
}

static bool
read_prefix(struct str *value, enum store_compare *out)
{
	static const struct {
		const char *name;
		enum store_compare compare;
	} prefixes[] = {
		{ "eq", COMPARE_EQ },
		{ "ne", COMPARE_NE },
		{ "gt", COMPARE_GT },
		{ "lt", COMPARE_LT },
		{ "ge", COMPARE_GE },
		{ "le", COMPARE_LE },
		{ "sa", COMPARE_SA },
		{ "eb", COMPARE_EB },
		{ "ap", COMPARE_AP },
	};

	*out = COMPARE_EQ;
	if (!value->len || memchr("0123456789+-.", value->p[0], 13))
		return true;
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (str_starts(*value, str_from(prefixes[i].name))) {
			*value = str_from_index(*value, 2);
			*out = prefixes[i].compare;
			return true;
		}
	return false;
}

static bool
bad_prefix(struct parse *ps, const struct criterion *c, const char *what)
{
	refuse(ps, "not-found",
	    "the search parameter '%.*s' has a value that is no %s and begins with none of the "
	    "prefixes eq, ne, gt, lt, ge, le, sa, eb, ap",
	    STR_ARG(shown(c->name)), what);
	return false;
}

/* "ap" of a date: a tenth of the time between it and now, on both sides (R4,
 * 3.1.1.4.4). */
static void
widen_date(struct store_test *t)
{
	int64_t now = clock_wall();
	int64_t gap = t->high < now ? now - t->high : t->low > now ? t->low - now : 0;

	t->low -= gap / 10;
	t->high += gap / 10;
}

static bool
date_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(
	    clause, c, str_is(c->name, "_lastUpdated") ? TEST_UPDATED : TEST_DATE);

	if (!read_prefix(&value, &t->compare))
		return bad_prefix(ps, c, "date");
	if (instant_parse(value, &t->low, &t->high)) {
		if (t->compare == COMPARE_AP)
			widen_date(t);
		return true;
	}
	bad_value(ps, c,
	    "a date: write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.sss]] with Z or an "
	    "offset, whose + is %2B in a URL");
	return false;
}

static enum taken
take_date(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	return each_value(ps, c, 1, date_value);
}

/* A number as asked for: what eq and ne look at, and what the others do. */
struct asked {
	struct decimal low, high, exact;
};

/*
 * eq and ne look at the range that the digits leave open, ap at a tenth around
 * the number; to all others it is exact (R4, 3.1.1.4.3 and 3.1.1.4.4).
 */
static bool
read_number(struct str text, enum store_compare compare, struct asked *out)
{
	struct decimal tenth = { 0 }, ten = decimal_of(10);

	if (decimal_parse(text, &out->exact, NULL) < 0)
		return false;
	out->low = out->high = out->exact;
	if (compare == COMPARE_EQ || compare == COMPARE_NE)
		return decimal_interval(&out->exact, &out->low, &out->high) == 0;
	if (compare != COMPARE_AP)
		return true;
	decimal_abs(&out->exact, &tenth);
	return decimal_divide(&tenth, &ten, &tenth) == 0 &&
	       decimal_subtract(&out->exact, &tenth, &out->low) == 0 &&
	       decimal_add(&out->exact, &tenth, &out->high) == 0;
}

/* The high end of what the digits leave open is not in it. */
static void
set_range(struct store_test *t, const struct asked *n)
{
	bool precise = t->compare == COMPARE_EQ || t->compare == COMPARE_NE;

	t->low = search_number(&n->low);
	t->high = search_number(&n->high) - (precise ? 1 : 0);
}

static bool
number_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c, TEST_NUMBER);
	struct asked n;

	if (!read_prefix(&value, &t->compare))
		return bad_prefix(ps, c, "number");
	if (!read_number(value, t->compare, &n)) {
		bad_value(ps, c, "a number");
		return false;
	}
	set_range(t, &n);
	return true;
}

/* On a scale that runs against that of its base units, more is less. */
static void
turn(struct store_test *t, struct asked *n)
{
	static const enum store_compare turned[] = {
		[COMPARE_EQ] = COMPARE_EQ,
		[COMPARE_NE] = COMPARE_NE,
		[COMPARE_GT] = COMPARE_LT,
		[COMPARE_LT] = COMPARE_GT,
		[COMPARE_GE] = COMPARE_LE,
		[COMPARE_LE] = COMPARE_GE,
		[COMPARE_SA] = COMPARE_EB,
		[COMPARE_EB] = COMPARE_SA,
		[COMPARE_AP] = COMPARE_AP,
	};
	struct decimal low = n->low;

	n->low = n->high;
	n->high = low;
	t->compare = turned[t->compare];
}

/* Whether more in the unit is less in its base units. */
static bool
runs_against(struct parse *ps, struct str system, struct str code)
{
	struct decimal one = decimal_of(1), two = decimal_of(2);
	struct str again = code;

	return search_quantity(system, &code, &one, ps->a) == 0 &&
	       search_quantity(system, &again, &two, ps->a) == 0 && decimal_compare(&one, &two) > 0;
}

/* The ends in the unit's base units; false when they are not on its scale. */
static bool
set_quantity(struct parse *ps, struct store_test *t, struct asked *n)
{
	struct str code = t->value, again = t->value;
	bool against = runs_against(ps, t->system, t->value);

	if (search_quantity(t->system, &code, &n->low, ps->a) < 0 ||
	    search_quantity(t->system, &again, &n->high, ps->a) < 0)
		return false;
	t->value = code;
	if (against)
		turn(t, n);
	set_range(t, n);
	return true;
}

/* [number], [number]|[system]|[code], [number]||[code] (R4, 3.1.1.4.11). */
static bool
quantity_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c, TEST_NUMBER);
	struct str number, system, code = value;
	struct asked n;
	bool good;

	if (!read_prefix(&code, &t->compare))
		return bad_prefix(ps, c, "quantity");
	good = split_escaped(&code, '|', &number) && read_number(number, t->compare, &n);
	if (good && code.p) {
		split_escaped(&code, '|', &system);
		good = code.p && unescape(ps, system, &t->system) &&
		       unescape(ps, code, &t->value) && t->value.len;
	}
	if (good && t->system.len) {
		t->kind = TEST_QUANTITY;
		good = set_quantity(ps, t, &n);
	} else if (good) {
		set_range(t, &n);
	}
	if (!good)
		bad_value(ps, c, "a quantity: write number, number|system|code or number||code");
	return good;
}

static enum taken
take_number(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	return each_value(
	    ps, c, 1, c->param->type == PARAM_QUANTITY ? quantity_value : number_value);
}

static void
add_reference(struct parse *ps, const struct criterion *c, struct store_clause *clause,
    uint32_t target, struct str id)
{
	struct store_test *t = add_test(clause, c, TEST_REFERENCE);

	t->value = str_printf(ps->a, "%.*s/%.*s",
	    STR_ARG(pack_text(ps->p, pack_type_at(ps->p, target)->name)), STR_ARG(id));
	if (!t->value.p)
		ps->full = true;
}

/* The type in "Type/id"; PACK_NONE when it is not written so. */
static uint32_t
type_in(struct parse *ps, struct str reference)
{
	ptrdiff_t slash = str_find(reference, '/');

	if (slash <= 0 || str_find(str_from_index(reference, (size_t)slash + 1), '/') >= 0)
		return PACK_NONE;
	return pack_find_resource(ps->p, str_of(reference.p, (size_t)slash));
}

/* [id], [type]/[id] or [url] (R4, 3.1.1.4.12); of a canonical, its URL. */
static bool
reference_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	const uint32_t *targets = pack_numbers(ps->p, c->param->targets);
	uint32_t wanted = c->modifier.len ? pack_find_resource(ps->p, c->modifier) : PACK_NONE;
	uint32_t given;
	bool versioned;

	if (!unescape(ps, value, &value) || !value.len) {
		bad_value(ps, c, "a reference: write Type/id, an id or a URL");
		return false;
	}
	value = search_reference(ps->si, value, &versioned);
	if (versioned) {
		not_supported(ps, c->name, "a reference to a version; leave '/_history/…' out");
		return false;
	}
	given = type_in(ps, value);
	if (wanted != PACK_NONE && given != PACK_NONE && given != wanted) {
		bad_value(ps, c, "a reference to the type that the modifier names");
		return false;
	}
	if (str_find(value, '/') >= 0 || str_find(value, ':') >= 0) {
		add_test(clause, c, TEST_REFERENCE)->value = value;
		return true;
	}
	if (wanted != PACK_NONE) {
		add_reference(ps, c, clause, wanted, value);
		return true;
	}
	for (uint32_t i = 0; i < c->param->targets.count; i++)
		if (!pack_type_at(ps->p, targets[i])->abstract)
			add_reference(ps, c, clause, targets[i], value);
	return true;
}

static enum taken
take_reference(struct parse *ps, const struct criterion *c)
{
	uint32_t targets = c->param->targets.count;

	if (str_is(c->modifier, "identifier"))
		return each_value(ps, c, 1, token_value);
	if (c->modifier.len && pack_find_resource(ps->p, c->modifier) == PACK_NONE)
		return unknown_modifier(ps, c);
	return each_value(ps, c, c->modifier.len || !targets ? 1 : targets, reference_value);
}

static bool
id_value(struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = add_test(clause, c, TEST_ID);

	if (unescape(ps, value, &t->value) && t->value.len)
		return true;
	bad_value(ps, c, "an id");
	return false;
}

static enum taken
take_id(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->modifier, "not"))
		return each_value_not(ps, c, id_value);
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	return each_value(ps, c, 1, id_value);
}

static enum taken
take_criterion(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->name, "_id"))
		return take_id(ps, c);
	if (str_is(c->name, "_lastUpdated"))
		return take_date(ps, c);
	if (!search_index_has(ps->si, ps->type, c->number))
		return not_supported(ps, c->name,
		    "parameters of type composite and special, and those whose expression cannot "
		    "be evaluated, are not served");
	if (str_is(c->modifier, "missing"))
		return take_missing(ps, c);
	switch (c->param->type) {
	case PARAM_TOKEN:
		return take_token(ps, c);
	case PARAM_STRING:
		return take_string(ps, c);
	case PARAM_DATE:
		return take_date(ps, c);
	case PARAM_NUMBER:
	case PARAM_QUANTITY:
		return take_number(ps, c);
	case PARAM_REFERENCE:
		return take_reference(ps, c);
	default:
		return take_uri(ps, c);
	}
}

/* Result parameters. */

static enum taken
take_count(struct parse *ps, const struct criterion *c)
{
	int64_t n;

	if (!str_to_int(c->value, &n) || n < 0)
		return bad_value(ps, c, "a number of resources");
	ps->out->store.count = n > ps->o->most ? ps->o->most : (uint32_t)n;
	if (n == 0)
		ps->out->count_only = ps->out->store.want_total = true;
	return TAKEN;
}

static enum taken
take_sort(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->value, "-_lastUpdated")) {
		ps->out->store.ascending = false;
		return TAKEN;
	}
	if (str_is(c->value, "_lastUpdated")) {
		ps->out->store.ascending = true;
		return TAKEN;
	}
	return not_supported(
	    ps, c->name, "sorting by anything but '_lastUpdated' and '-_lastUpdated'");
}

static enum taken
take_total(struct parse *ps, const struct criterion *c)
{
	if (!str_is(c->value, "none") && !str_is(c->value, "estimate") &&
	    !str_is(c->value, "accurate"))
		return bad_value(ps, c, "'none', 'estimate' or 'accurate'");
	ps->out->store.want_total = !str_is(c->value, "none");
	return TAKEN;
}

static enum taken
take_summary(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->value, "count")) {
		ps->out->count_only = ps->out->store.want_total = true;
		return TAKEN;
	}
	if (part_read_summary(c->value, &ps->out->subset))
		return TAKEN;
	return bad_value(ps, c, "'true', 'text', 'data', 'count' or 'false'");
}

static enum taken
take_elements(struct parse *ps, const struct criterion *c)
{
	struct error err;

	if (part_read_elements(ps->p, ps->type, c->value, ps->a, &ps->out->subset, &err) == 0)
		return TAKEN;
	return refuse(ps, "value", "%s", err.text);
}

static enum taken
take_result(struct parse *ps, const struct criterion *c)
{
	if (ps->conditions)
		return complain(ps, "invalid", "'%.*s' is no condition", STR_ARG(shown(c->name)));
	if (c->modifier.len)
		return unknown_modifier(ps, c);
	if (str_is(c->name, "_count"))
		return take_count(ps, c);
	if (str_is(c->name, "_sort"))
		return take_sort(ps, c);
	if (str_is(c->name, "_total"))
		return take_total(ps, c);
	if (str_is(c->name, "_summary"))
		return take_summary(ps, c);
	if (str_is(c->name, "_elements"))
		return take_elements(ps, c);
	return TAKEN; /* _format, _pretty: the answer's affair */
}

static uint32_t
param_number(struct parse *ps, const struct pack_param *param)
{
	return (uint32_t)(param - pack_param_at(ps->p, 0));
}

/* Inner searches: chains and _has (R4, 3.1.1.4.13 and 3.1.1.4.14). */

static enum taken take_named(struct parse *ps, const struct query_pair *pair);

static bool
may_search(struct parse *ps, uint32_t type, struct store_visibility *out)
{
	return ps->o->permit && ps->o->permit(ps->o->permit_ctx, type, out);
}

static enum taken
forbidden(struct parse *ps, uint32_t type)
{
	return complain(ps, "forbidden", "the sender has no right to search %.*s",
	    STR_ARG(pack_text(ps->p, pack_type_at(ps->p, type)->name)));
}

/* The search of a type within this one; NULL when it is not taken. */
static const struct store_inner *
parse_inner(struct parse *ps, uint32_t type, const struct store_visibility *v, struct str name,
    struct str value)
{
	struct store_inner *in = arena_calloc(ps->a, 1, sizeof(*in));
	struct store_clause *clauses = ps->clauses;
	uint32_t count = ps->clause_count, outer = ps->type;
	struct query_pair pair = { name, value };
	bool taken;

	if (ps->depth == STORE_DEPTH) {
		complain(ps, "too-costly", "the search has more than %d resources in a chain",
		    STORE_DEPTH);
		return NULL;
	}
	ps->clauses = arena_calloc(
	    ps->a, (size_t)count_values(value) + 1, sizeof(struct store_clause));
	if (!in || !ps->clauses) {
		ps->full = true;
		ps->clauses = clauses;
		return NULL;
	}
	ps->clause_count = 0;
	ps->type = type;
	ps->depth++;
	taken = take_named(ps, &pair) == TAKEN;
	*in = (struct store_inner){ type, ps->clauses, ps->clause_count, *v };
	ps->depth--;
	ps->type = outer;
	ps->clauses = clauses;
	ps->clause_count = count;
	return taken ? in : NULL;
}

/* Whether the type has what a chain goes on with: "name:exact", "_has:…". */
static bool
type_has(struct parse *ps, uint32_t type, struct str rest)
{
	size_t len = 0;

	while (len < rest.len && rest.p[len] != '.' && rest.p[len] != ':')
		len++;
	rest.len = len;
	return str_is(rest, "_has") || pack_find_param(ps->p, type, rest);
}

/* The types a chain goes to, in the arena, each with the rest of the name. */
struct steps {
	uint32_t *types;
	uint32_t count;
};

/* Those that a reference may point to, that have the parameter, and that the
 * sender may search. */
static enum taken
find_steps(struct parse *ps, const struct criterion *c, struct str rest, struct steps *out)
{
	const uint32_t *targets = pack_numbers(ps->p, c->param->targets);
	struct store_visibility ignored;
	uint32_t known = 0;

	for (uint32_t i = 0; i < c->param->targets.count; i++) {
		if (pack_type_at(ps->p, targets[i])->abstract || !type_has(ps, targets[i], rest))
			continue;
		known++;
		if (may_search(ps, targets[i], &ignored))
			out->types[out->count++] = targets[i];
	}
	if (out->count)
		return TAKEN;
	if (known)
		return complain(ps, "forbidden",
		    "the sender has no right to search what '%.*s' "
		    "refers to",
		    STR_ARG(shown(c->name)));
	return refuse(ps, "not-found",
	    "none of the types that '%.*s' may refer to has the search parameter '%.*s'; name a "
	    "type, as in '%.*s:Patient.name'",
	    STR_ARG(shown(c->name)), STR_ARG(shown(rest)), STR_ARG(shown(c->name)));
}

static enum taken
take_steps(struct parse *ps, const struct criterion *c, struct str rest, const struct steps *to)
{
	struct store_clause *clause = add_clause(ps, to->count);

	for (uint32_t i = 0; clause && i < to->count; i++) {
		struct store_visibility v;
		const struct store_inner *in;

		if (!may_search(ps, to->types[i], &v))
			return forbidden(ps, to->types[i]);
		in = parse_inner(ps, to->types[i], &v, rest, c->value);
		if (!in)
			return SKIPPED;
		add_test(clause, c, TEST_CHAIN)->inner = in;
	}
	return clause ? TAKEN : SKIPPED;
}

/* "subject:Patient.name", "subject.name": head and, behind the dot, rest. */
static enum taken
take_chain(struct parse *ps, struct str head, struct str rest, struct str value)
{
	struct criterion c = { .name = head, .value = value };
	ptrdiff_t colon = str_find(head, ':');
	struct steps to = { 0 };

	if (colon >= 0) {
		c.name = str_of(head.p, (size_t)colon);
		c.modifier = str_from_index(head, (size_t)colon + 1);
	}
	c.param = pack_find_param(ps->p, ps->type, c.name);
	if (!c.param)
		return unknown_parameter(ps, c.name);
	c.number = param_number(ps, c.param);
	if (c.param->type != PARAM_REFERENCE || !search_index_has(ps->si, ps->type, c.number))
		return complain(ps, "value",
		    "the search parameter '%.*s' is no reference to go on "
		    "from",
		    STR_ARG(shown(c.name)));
	to.types = arena_calloc(ps->a, (size_t)c.param->targets.count + 1, sizeof(to.types[0]));
	if (!to.types) {
		ps->full = true;
		return SKIPPED;
	}
	if (!c.modifier.len)
		return find_steps(ps, &c, rest, &to) == TAKEN ? take_steps(ps, &c, rest, &to)
							      : SKIPPED;
	to.types[0] = pack_find_resource(ps->p, c.modifier);
	if (to.types[0] == PACK_NONE)
		return refuse(ps, "not-found", "there is no resource type '%.*s'",
		    STR_ARG(shown(c.modifier)));
	to.count = 1;
	return take_steps(ps, &c, rest, &to);
}

static enum taken
bad_has(struct parse *ps)
{
	return complain(ps, "value",
	    "'_has' is written _has:Type:parameter:parameter, as in _has:Observation:patient:code");
}

/* "Observation:patient:code": a type, its reference to here, its parameter. */
static enum taken
take_has(struct parse *ps, struct str rest, struct str value)
{
	struct str type_name, reference,
	    here = pack_text(ps->p, pack_type_at(ps->p, ps->type)->name);
	struct criterion c = { 0 };
	const struct store_inner *in;
	struct store_clause *clause;
	struct store_visibility v;
	uint32_t type;

	if (!str_split(&rest, ':', &type_name) || !rest.p || !str_split(&rest, ':', &reference) ||
	    !rest.p || !rest.len)
		return bad_has(ps);
	type = pack_find_resource(ps->p, type_name);
	if (type == PACK_NONE)
		return refuse(
		    ps, "not-found", "there is no resource type '%.*s'", STR_ARG(shown(type_name)));
	c.param = pack_find_param(ps->p, type, reference);
	c.number = c.param ? param_number(ps, c.param) : 0;
	if (!c.param || c.param->type != PARAM_REFERENCE ||
	    !search_index_has(ps->si, type, c.number))
		return refuse(ps, "not-found",
		    "%.*s has no search parameter '%.*s' that refers to a %.*s",
		    STR_ARG(shown(type_name)), STR_ARG(shown(reference)), STR_ARG(here));
	if (!may_search(ps, type, &v))
		return forbidden(ps, type);
	in = parse_inner(ps, type, &v, rest, value);
	clause = in ? add_clause(ps, 1) : NULL;
	if (!clause)
		return SKIPPED;
	add_test(clause, &c, TEST_HAS)->inner = in;
	return TAKEN;
}

/* A criterion of ps->type, also of an inner search. */
static enum taken
take_named(struct parse *ps, const struct query_pair *pair)
{
	static const char has[] = "_has:";
	struct criterion c = { .value = pair->value, .name = pair->name };
	ptrdiff_t dot = str_find(pair->name, '.'), colon = str_find(pair->name, ':');
	bool reaches = str_starts(pair->name, str_from(has)) || dot >= 0;

	if (reaches && ps->conditions)
		return not_supported(
		    ps, pair->name, "conditions of a write are of the resource itself");
	if (reaches && !pair->value.len)
		return complain(ps, "value", "the search parameter '%.*s' has no value",
		    STR_ARG(shown(pair->name)));
	if (str_starts(pair->name, str_from(has)))
		return take_has(ps, str_from_index(pair->name, sizeof(has) - 1), pair->value);
	if (dot >= 0)
		return take_chain(ps, str_of(pair->name.p, (size_t)dot),
		    str_from_index(pair->name, (size_t)dot + 1), pair->value);

	if (colon >= 0) {
		c.name = str_of(pair->name.p, (size_t)colon);
		c.modifier = str_from_index(pair->name, (size_t)colon + 1);
	}
	if (is_among(c.name, unsupported, COUNT_OF(unsupported)))
		return not_supported(ps, c.name, "this server does not have it");
	c.param = pack_find_param(ps->p, ps->type, c.name);
	if (!c.param)
		return unknown_parameter(ps, c.name);
	if (colon >= 0 && !c.modifier.len)
		return complain(ps, "value", "the search parameter '%.*s' has an empty modifier",
		    STR_ARG(shown(c.name)));
	if (!c.value.len)
		return complain(ps, "value", "the search parameter '%.*s' has no value",
		    STR_ARG(shown(c.name)));
	c.number = param_number(ps, c.param);
	return take_criterion(ps, &c);
}

static enum taken
take_pair(struct parse *ps, const struct query_pair *pair)
{
	struct criterion c = { .value = pair->value, .name = pair->name };
	ptrdiff_t colon = str_find(pair->name, ':');

	if (colon >= 0) {
		c.name = str_of(pair->name.p, (size_t)colon);
		c.modifier = str_from_index(pair->name, (size_t)colon + 1);
	}
	if (is_among(c.name, result_parameters, COUNT_OF(result_parameters)))
		return take_result(ps, &c);
	return take_named(ps, pair);
}

/* What was not obeyed leaves no clause behind. */
static void
take_all(struct parse *ps, const struct query_pair *pairs, uint32_t count)
{
	for (uint32_t i = 0; i < count && !ps->full; i++) {
		uint32_t clauses = ps->clause_count;

		if (str_is(pairs[i].name, SEARCH_CURSOR) && !ps->conditions)
			continue;
		if (take_pair(ps, &pairs[i]) == TAKEN)
			ps->out->used[ps->out->used_count++] = pairs[i];
		else
			ps->clause_count = clauses;
	}
}

static int
parse_pairs(struct parse *ps, const struct query_pair *pairs, uint32_t count)
{
	uint64_t room = (uint64_t)(count < PAIRS_MOST ? count : PAIRS_MOST) + TESTS_MOST + 1;

	if (count > PAIRS_MOST) {
		complain(ps, "too-costly", "the search has more than %d parameters", PAIRS_MOST);
		return -1;
	}
	ps->clauses = arena_calloc(ps->a, room, sizeof(struct store_clause));
	ps->out->used = arena_calloc(ps->a, (size_t)count + 1, sizeof(struct query_pair));
	if (ps->clauses && ps->out->used)
		take_all(ps, pairs, count);
	else
		ps->full = true;
	if (ps->full)
		complain(ps, "too-costly", "the search is larger than the memory allowed for it");
	ps->out->store.clauses = ps->clauses;
	ps->out->store.clause_count = ps->clause_count;
	return ps->errors ? -1 : 0;
}

static int
take_cursor(struct parse *ps, const struct query_pair *pairs, uint32_t count)
{
	struct store_query *q = &ps->out->store;
	struct str context = search_cursor_context(ps->p, ps->out, ps->a);

	for (uint32_t i = 0; i < count; i++) {
		if (!str_is(pairs[i].name, SEARCH_CURSOR))
			continue;
		if (!context.p || !ps->o->cursor_key.len ||
		    !search_cursor_parse(
			ps->o->cursor_key, context, pairs[i].value, &q->moment, &q->from_row)) {
			complain(ps, "value",
			    "'" SEARCH_CURSOR "' is no cursor of this search: follow the links as "
			    "they were given");
			return -1;
		}
	}
	return 0;
}

int
search_query_parse(struct search_index *si, const struct pack *p, uint32_t type,
    const struct query_pair *pairs, uint32_t count, const struct search_options *o, struct arena *a,
    struct search_query *out, struct findings *findings)
{
	struct parse ps = {
		.si = si, .p = p, .type = type, .o = o, .a = a, .out = out, .findings = findings
	};

	*out = (struct search_query){ .store = { .type = type,
					  .visibility = o->visibility,
					  .want_total = o->want_total,
					  .count = o->count } };
	if (parse_pairs(&ps, pairs, count) < 0 || take_cursor(&ps, pairs, count) < 0)
		return -1;
	if (out->count_only)
		out->store.count = 0;
	return 0;
}

int
search_match_parse(struct search_index *si, const struct pack *p, uint32_t type, struct str query,
    struct arena *a, struct store_match *out, struct findings *findings)
{
	static const struct search_options options = { .most = 1 };
	struct search_query parsed = { 0 };
	struct parse ps = { .si = si,
		.p = p,
		.type = type,
		.o = &options,
		.a = a,
		.out = &parsed,
		.findings = findings,
		.conditions = true };
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	if (query_pairs(query, a, &pairs, &count, &err) < 0) {
		complain(&ps, "value", "%s", err.text);
		return -1;
	}
	if (parse_pairs(&ps, pairs, count) < 0)
		return -1;
	if (!ps.clause_count) {
		complain(
		    &ps, "required", "there is no condition: give at least one search parameter");
		return -1;
	}
	*out = (struct store_match){ ps.clauses, ps.clause_count };
	return 0;
}

/* Paging. */

struct str
search_cursor_context(const struct pack *p, const struct search_query *q, struct arena *a)
{
	struct str type = pack_text(p, pack_type_at(p, q->store.type)->name), context;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_put_str(&b, type);
	for (uint32_t i = 0; i < q->used_count; i++) {
		if (str_is(q->used[i].name, "_count"))
			continue;
		buf_put_byte(&b, '&');
		percent_encode(q->used[i].name, &b);
		buf_put_byte(&b, '=');
		percent_encode(q->used[i].value, &b);
	}
	context = b.full ? (struct str){ NULL, 0 } : str_dup(a, buf_str(&b));
	buf_release(&b);
	return context;
}

static void
put_number(uint8_t *p, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

static uint64_t
get_number(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

/* HMAC over both numbers and the context's hash, cut to 128 bits. */
static bool
sign(struct str key, struct str context, const uint8_t numbers[16], uint8_t mac[MAC_BYTES])
{
	uint8_t message[16 + SHA256_BYTES], whole[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	memcpy(message, numbers, 16);
	sha256(context, message + 16);
	if (!HMAC(EVP_sha256(), key.p, (int)key.len, message, sizeof(message), whole, &len) ||
	    len < MAC_BYTES)
		return false;
	memcpy(mac, whole, MAC_BYTES);
	return true;
}

void
search_cursor_make(
    struct str key, struct str context, int64_t moment, uint64_t row, char out[SEARCH_CURSOR_TEXT])
{
	uint8_t bytes[16 + MAC_BYTES];

	put_number(bytes, (uint64_t)moment);
	put_number(bytes + 8, row);
	if (!sign(key, context, bytes, bytes + 16))
		random_bytes(bytes, sizeof(bytes)); /* one that is not taken back */
	hex_encode(bytes, sizeof(bytes), out);
}

bool
search_cursor_parse(
    struct str key, struct str context, struct str text, int64_t *moment, uint64_t *row)
{
	uint8_t bytes[16 + MAC_BYTES], mac[MAC_BYTES];

	if (!hex_decode(text, bytes, sizeof(bytes)) || !sign(key, context, bytes, mac) ||
	    !str_eq_secret(
		str_of((const char *)bytes + 16, MAC_BYTES), str_of((const char *)mac, MAC_BYTES)))
		return false;
	*moment = (int64_t)get_number(bytes);
	*row = get_number(bytes + 8);
	return true;
}
