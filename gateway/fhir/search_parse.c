#include "gateway/fhir/search_parse.h"

#include <stdarg.h>

#include "base/arena.h"

enum {
	NAME_SHOWN = 64, /* bytes of a parameter's name in a finding */
};

struct str
parse_shown(struct str name)
{
	return str_of(name.p, name.len < NAME_SHOWN ? name.len : NAME_SHOWN);
}

enum taken
parse_complain(struct parse *ps, const char *code, const char *fmt, ...)
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

enum taken
parse_refuse(struct parse *ps, const char *code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ps->o->lenient || ps->conditions)
		return parse_complain(ps, code, "%s", text);
	findings_add(ps->findings, SEVERITY_WARNING, code, (struct str){ NULL, 0 }, 0, 0,
	    "%s; it was left out", text);
	return SKIPPED;
}

bool
parse_is_among(struct str name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(name, list[i]))
			return true;
	return false;
}

static const char *const result_parameters[] = {
	"_count",
	"_sort",
	"_total",
	"_summary",
	"_elements",
	"_include",
	"_revinclude",
	"_format",
	"_pretty",
};

bool
parse_is_result(struct str name)
{
	return parse_is_among(name, result_parameters, COUNT_OF(result_parameters));
}

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

void
parse_not_ready(struct parse *ps, struct str name, const struct search_own *own)
{
	uint64_t done = __atomic_load_n(&own->done, __ATOMIC_RELAXED);
	uint64_t total = __atomic_load_n(&own->total, __ATOMIC_RELAXED);

	parse_complain(ps, "transient",
	    "the search parameter '%.*s' is new, and %llu of %llu versions are indexed by it so "
	    "far (%d %%): ask again later",
	    STR_ARG(parse_shown(name)), (unsigned long long)done, (unsigned long long)total,
	    total ? (int)(done * 100 / total) : 0);
}

const struct search_param *
parse_find(struct parse *ps, uint32_t type, struct str name)
{
	const struct search_param *param = search_index_find(ps->si, type, name);
	const struct search_own *own = param ? param->own : NULL;

	if (own && !__atomic_load_n(&own->ready, __ATOMIC_ACQUIRE))
		parse_not_ready(ps, name, own);
	return param;
}

enum taken
parse_unknown_parameter(struct parse *ps, struct str name)
{
	struct str type = pack_text(ps->p, pack_type_at(ps->p, ps->type)->name);
	struct str nearest = nearest_parameter(ps, name);

	if (nearest.len)
		return parse_refuse(ps, "not-found",
		    "%.*s has no search parameter '%.*s': did you mean '%.*s'?", STR_ARG(type),
		    STR_ARG(parse_shown(name)), STR_ARG(nearest));
	return parse_refuse(ps, "not-found",
	    "%.*s has no search parameter '%.*s': the CapabilityStatement lists those it has",
	    STR_ARG(type), STR_ARG(parse_shown(name)));
}

enum taken
parse_not_supported(struct parse *ps, struct str what, const char *why)
{
	return parse_refuse(
	    ps, "not-supported", "'%.*s' is not supported: %s", STR_ARG(parse_shown(what)), why);
}

enum taken
parse_unknown_modifier(struct parse *ps, const struct criterion *c)
{
	static const char *const known[] = { "missing", "exact", "contains", "not", "text", "in",
		"below", "above", "not-in", "of-type", "identifier" };
	struct str nearest = STR("");
	unsigned best = 4;

	if (parse_is_among(c->modifier, known, COUNT_OF(known)))
		return parse_refuse(ps, "not-supported",
		    "the modifier ':%.*s' is not supported for the search parameter '%.*s'",
		    STR_ARG(parse_shown(c->modifier)), STR_ARG(parse_shown(c->name)));
	for (size_t i = 0; i < COUNT_OF(known); i++)
		consider(c->modifier, str_from(known[i]), &best, &nearest);
	if (nearest.len)
		return parse_refuse(ps, "not-found",
		    "the search parameter '%.*s' has no modifier ':%.*s': did you mean ':%.*s'?",
		    STR_ARG(parse_shown(c->name)), STR_ARG(parse_shown(c->modifier)),
		    STR_ARG(nearest));
	return parse_refuse(ps, "not-found", "the search parameter '%.*s' has no modifier ':%.*s'",
	    STR_ARG(parse_shown(c->name)), STR_ARG(parse_shown(c->modifier)));
}

enum taken
parse_bad_value(struct parse *ps, const struct criterion *c, const char *wanted)
{
	return parse_complain(ps, "value", "the value of the search parameter '%.*s' is not %s",
	    STR_ARG(parse_shown(c->name)), wanted);
}

bool
parse_split(struct str *rest, char sep, struct str *part)
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

bool
parse_unescape(struct parse *ps, struct str in, struct str *out)
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

static struct store_clause *
next_clause(struct parse *ps)
{
	if (ps->clause_count == ps->clause_room) {
		uint32_t room = ps->clause_room ? ps->clause_room * 2 : 8;
		struct store_clause *grown = arena_grow(
		    ps->a, ps->clauses, ps->clause_room * sizeof(*grown), room * sizeof(*grown));

		if (!grown) {
			ps->full = true;
			return NULL;
		}
		ps->clauses = grown;
		ps->clause_room = room;
	}
	return &ps->clauses[ps->clause_count];
}

void
parse_open(struct parse *ps, struct parse_scope *outer)
{
	*outer = (struct parse_scope){ ps->clauses, ps->clause_count, ps->clause_room };
	ps->clauses = NULL;
	ps->clause_count = ps->clause_room = 0;
}

struct store_inner *
parse_close(struct parse *ps, const struct parse_scope *outer)
{
	struct store_inner *in = arena_calloc(ps->a, 1, sizeof(*in));

	if (in)
		*in = (struct store_inner){
			.type = ps->type, .clauses = ps->clauses, .count = ps->clause_count
		};
	else
		ps->full = true;
	ps->clauses = outer->clauses;
	ps->clause_count = outer->count;
	ps->clause_room = outer->room;
	return in;
}

struct store_clause *
parse_add_clause(struct parse *ps, uint32_t tests)
{
	struct store_clause *c = next_clause(ps);

	if (!c)
		return NULL;
	if (tests > TESTS_MOST - ps->tests) {
		parse_complain(ps, "too-costly", "the search has more than %d values", TESTS_MOST);
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

struct store_test *
parse_add_test(struct store_clause *clause, const struct criterion *c, enum store_test_kind kind)
{
	struct store_test *t = &clause->tests[clause->count++];

	t->kind = kind;
	t->param = c->number;
	return t;
}

uint32_t
parse_count_values(struct str value)
{
	struct str part;
	uint32_t n = 0;

	while (parse_split(&value, ',', &part))
		n++;
	return n;
}

enum taken
parse_each(struct parse *ps, const struct criterion *c, uint64_t per, parse_value_fn *one)
{
	struct str part, rest = c->value;
	uint64_t most = parse_count_values(c->value) * per;
	struct store_clause *clause = parse_add_clause(
	    ps, most > TESTS_MOST ? TESTS_MOST + 1 : (uint32_t)most);

	if (!clause)
		return SKIPPED;
	while (parse_split(&rest, ',', &part))
		if (!one(ps, c, part, clause))
			return SKIPPED;
	return TAKEN;
}

enum taken
parse_each_not(struct parse *ps, const struct criterion *c, parse_value_fn *one)
{
	struct str part, rest = c->value;

	while (parse_split(&rest, ',', &part)) {
		struct store_clause *clause = parse_add_clause(ps, 1);

		if (!clause || !one(ps, c, part, clause))
			return SKIPPED;
		clause->tests[0].negate = true;
	}
	return TAKEN;
}
