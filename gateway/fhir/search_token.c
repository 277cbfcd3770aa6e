/*
 * Criteria of tokens and URIs (FHIR R4, 3.1.1.4.10 and 3.1.1.4.15), with the
 * modifiers that ask a value set or a hierarchy.
 */
#include "base/arena.h"
#include "base/error.h"
#include "gateway/fhir/search_parse.h"
#include "profiles/value_set.h"

/* The code as systems without case have it, when one of the pack's does. */
static bool
code_without_case(struct parse *ps, struct str code, struct str *out)
{
	return search_token_alike(ps->si, code, ps->a, out) && !str_eq(code, *out);
}

bool
parse_token(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_TOKEN);
	struct str first, second = value;
	bool good;

	parse_split(&second, '|', &first);
	if (!second.p) {
		struct str alike;

		t->any_system = true;
		good = parse_unescape(ps, first, &t->value) && t->value.len;
		if (good && code_without_case(ps, t->value, &alike)) {
			struct store_test *too = parse_add_test(clause, c, TEST_TOKEN);

			too->any_system = true;
			too->value = alike;
		}
	} else {
		good = parse_unescape(ps, first, &t->system) &&
		       parse_unescape(ps, second, &t->value) && (t->system.len || t->value.len);
		t->no_system = !t->system.len;
		t->any_value = !t->value.len;
		t->value = search_token_value(ps->si, t->system, t->value, ps->a);
	}
	if (!good)
		parse_bad_value(ps, c, "a token: write code, system|code, |code or system|");
	return good;
}

/* None of the values: a clause each. */
static enum taken
take_not(struct parse *ps, const struct criterion *c)
{
	struct str part, rest = c->value;

	while (parse_split(&rest, ',', &part)) {
		struct store_clause *one = parse_add_clause(ps, PARSE_TOKEN_TESTS);

		if (!one || !parse_token(ps, c, part, one))
			return SKIPPED;
		one->tests[0].negate = true;
		if (one->count < 2)
			continue;
		/* Neither the code nor its like. */
		one->count = 1;
		one = parse_add_clause(ps, 1);
		if (!one)
			return SKIPPED;
		*parse_add_test(one, c, TEST_TOKEN) = one[-1].tests[1];
		one->tests[0].negate = true;
	}
	return TAKEN;
}

static bool
text_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_TOKEN_TEXT);

	if (parse_unescape(ps, value, &t->value) && t->value.len)
		return true;
	parse_bad_value(ps, c, "a text: give at least a character, and \\ only before , | $ or \\");
	return false;
}

/* system|code|value: the type of the identifier, and the identifier. */
static bool
of_type_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_OF_TYPE);
	struct str system = STR(""), code = STR(""), number = STR(""), rest = value;
	bool good = parse_split(&rest, '|', &system) && parse_split(&rest, '|', &code) &&
		    parse_split(&rest, '|', &number) && !rest.p &&
		    parse_unescape(ps, system, &t->system) && parse_unescape(ps, code, &code) &&
		    parse_unescape(ps, number, &number) && t->system.len && code.len && number.len;

	if (!good) {
		parse_bad_value(ps, c,
		    "the type and value of an identifier: write type-system|type-code|value");
		return false;
	}
	t->value = search_of_type(code, number, ps->a);
	if (!t->value.p)
		ps->full = true;
	return true;
}

/* The test for a list of codes that the pack gave. */
static void
set_codes(struct parse *ps, struct store_test *t, const struct value_set_codes *codes)
{
	struct store_token *set = arena_calloc(ps->a, (size_t)codes->count + 1, sizeof(*set));

	if (!set) {
		ps->full = true;
		return;
	}
	for (uint32_t i = 0; i < codes->count; i++)
		set[i] = (struct store_token){ codes->at[i].system,
			search_token_value(ps->si, codes->at[i].system, codes->at[i].code, ps->a) };
	t->set = set;
	t->set_count = codes->count;
}

/* :in and :not-in: a value set. */
static bool
in_value(struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_TOKEN_SET);
	struct value_set_codes codes;
	struct error err;

	if (!parse_unescape(ps, value, &value) || !value.len) {
		parse_bad_value(ps, c, "the URL of a value set");
		return false;
	}
	t->negate = str_is(c->modifier, "not-in");
	if (value_set_expand(ps->p, value, ps->a, &codes, &err) == 0) {
		set_codes(ps, t, &codes);
		return true;
	}
	parse_complain(ps, err.kind == ERROR_LIMIT ? "too-costly" : "not-supported",
	    "the search parameter '%.*s:%.*s' cannot be served: %s", STR_ARG(parse_shown(c->name)),
	    STR_ARG(c->modifier), err.text);
	return false;
}

/* :above and :below: a code's place in its system. */
static bool
hierarchy_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_TOKEN_SET);
	struct str system = STR(""), code = value;
	struct value_set_codes codes;
	struct error err;

	parse_split(&code, '|', &system);
	if (!code.p || !parse_unescape(ps, system, &system) || !parse_unescape(ps, code, &code) ||
	    !system.len || !code.len) {
		parse_bad_value(ps, c, "a code with its system: write system|code");
		return false;
	}
	if (value_set_hierarchy(ps->p, system, code,
		str_is(c->modifier, "below") ? VALUE_SET_BELOW : VALUE_SET_ABOVE, ps->a, &codes,
		&err) == 0) {
		set_codes(ps, t, &codes);
		return true;
	}
	parse_complain(ps, "not-supported", "the search parameter '%.*s:%.*s' cannot be served: %s",
	    STR_ARG(parse_shown(c->name)), STR_ARG(c->modifier), err.text);
	return false;
}

enum taken
parse_take_token(struct parse *ps, const struct criterion *c)
{
	static const struct {
		const char *modifier;
		parse_value_fn *one;
	} modifiers[] = {
		{ "text", text_value },
		{ "of-type", of_type_value },
		{ "in", in_value },
		{ "above", hierarchy_value },
		{ "below", hierarchy_value },
	};

	if (!c->modifier.len)
		return parse_each(ps, c, PARSE_TOKEN_TESTS, parse_token);
	if (str_is(c->modifier, "not"))
		return take_not(ps, c);
	if (str_is(c->modifier, "not-in"))
		return parse_each_not(ps, c, in_value);
	for (size_t i = 0; i < COUNT_OF(modifiers); i++)
		if (str_is(c->modifier, modifiers[i].modifier))
			return parse_each(ps, c, 1, modifiers[i].one);
	return parse_unknown_modifier(ps, c);
}

static bool
uri_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(
	    clause, c, str_is(c->modifier, "below") ? TEST_URI_BELOW : TEST_URI);

	if (!parse_unescape(ps, value, &t->value) || !t->value.len) {
		parse_bad_value(ps, c, "a URI");
		return false;
	}
	while (t->kind == TEST_URI_BELOW && t->value.len > 1 && t->value.p[t->value.len - 1] == '/')
		t->value.len--;
	return true;
}

/* :above: the URI, and what is left of it at each "/", with and without that.
 * What stands before the path is no URL that could be above. */
static enum taken
take_above(struct parse *ps, const struct criterion *c)
{
	struct str value, scheme = STR("://");
	struct store_clause *clause;
	uint32_t slashes = 0;
	ptrdiff_t start;

	if (!parse_unescape(ps, c->value, &value))
		return parse_bad_value(ps, c, "a URI");
	start = str_find_str(value, scheme);
	start = start < 0 ? (ptrdiff_t)value.len : start + (ptrdiff_t)scheme.len;
	for (size_t i = (size_t)start; i < value.len; i++)
		slashes += value.p[i] == '/';
	clause = parse_add_clause(ps, 2 * slashes + 1);
	if (!clause)
		return SKIPPED;
	parse_add_test(clause, c, TEST_URI)->value = value;
	for (size_t i = (size_t)start; i < value.len; i++) {
		if (value.p[i] != '/')
			continue;
		parse_add_test(clause, c, TEST_URI)->value = str_of(value.p, i);
		if (i + 1 < value.len)
			parse_add_test(clause, c, TEST_URI)->value = str_of(value.p, i + 1);
	}
	return TAKEN;
}

enum taken
parse_take_uri(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->modifier, "above"))
		return take_above(ps, c);
	if (c->modifier.len && !str_is(c->modifier, "below"))
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, 1, uri_value);
}
