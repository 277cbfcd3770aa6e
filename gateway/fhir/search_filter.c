/*
 * _filter (FHIR R4, "_filter parameter"):
 *
 *   filter = term (("and" / "or") term)*          from left to right
 *   term   = "not" "(" filter ")" / "(" filter ")" / path op value
 *   path   = name ["[" filter "]"] ["." path]
 *   value  = JSON string / token
 *
 * A test is what the search parameter of that name would be with a prefix or a
 * modifier, so that the rules of values are those of other searches. Texts are
 * compared without case, codes as their system has it. What stands in brackets
 * is of the resource that the reference before them names.
 */
#include "base/arena.h"
#include "base/utf8.h"
#include "gateway/fhir/search_parse.h"

enum {
	NESTING = 12, /* of brackets and parentheses */
};

/* The text that is left, and how deep it is. */
struct filter {
	struct parse *ps;
	struct str text; /* all of it, for places */
	struct str rest;
	unsigned depth;
};

static const struct store_inner *take_filter(struct filter *f);

static void
skip_blanks(struct filter *f)
{
	while (f->rest.len && (f->rest.p[0] == ' ' || f->rest.p[0] == '\t' ||
				  f->rest.p[0] == '\r' || f->rest.p[0] == '\n'))
		f->rest = str_from_index(f->rest, 1);
}

/* What was expected where the text is now; NULL. */
static const struct store_inner *
expected(struct filter *f, const char *what)
{
	parse_complain(f->ps, "value", "'_filter' is wrong at character %zu: %s was expected",
	    (size_t)(f->rest.p - f->text.p) + 1, what);
	return NULL;
}

static bool
take_char(struct filter *f, char c)
{
	skip_blanks(f);
	if (!f->rest.len || f->rest.p[0] != c)
		return false;
	f->rest = str_from_index(f->rest, 1);
	return true;
}

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == ':';
}

/* The word that comes, without taking it. */
static struct str
peek_word(struct filter *f)
{
	size_t len = 0;

	skip_blanks(f);
	while (len < f->rest.len && is_name_char(f->rest.p[len]))
		len++;
	return str_of(f->rest.p, len);
}

static bool
take_word(struct filter *f, const char *word)
{
	struct str next = peek_word(f);

	if (!str_is(next, word))
		return false;
	f->rest = str_from_index(f->rest, next.len);
	return true;
}

/* Tests: path op value. */

/* What stands behind a path, which may go through resources. */
struct test {
	struct filter *f;
	struct str op, value;
	struct str brackets; /* with what is behind them, of a step; {NULL, 0} */
	struct str path;     /* what is left of it */
};

static enum taken
wrong_op(struct parse *ps, const struct criterion *c, struct str op)
{
	return parse_refuse(ps, "not-supported",
	    "'_filter' has no operation '%.*s' for the search parameter '%.*s'",
	    STR_ARG(parse_shown(op)), STR_ARG(parse_shown(c->name)));
}

/* The value so that nothing in it separates values. */
static struct str
escape(struct parse *ps, struct str value)
{
	char *p = arena_alloc_bytes(ps->a, value.len * 2 + 1);
	size_t len = 0;

	if (!p) {
		ps->full = true;
		return value;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == ',' || value.p[i] == '\\')
			p[len++] = '\\';
		p[len++] = value.p[i];
	}
	return str_of(p, len);
}

static enum taken
take_with(struct parse *ps, struct criterion c, const char *modifier, struct str value)
{
	c.modifier = str_from(modifier);
	c.value = value;
	return parse_take_criterion(ps, &c);
}

static enum taken
take_present(struct parse *ps, const struct criterion *c, struct str value)
{
	if (str_is(value, "true"))
		return take_with(ps, *c, "missing", STR("false"));
	if (str_is(value, "false"))
		return take_with(ps, *c, "missing", STR("true"));
	return parse_bad_value(ps, c, "'true' or 'false', as 'pr' has it");
}

/* It has a value, and not this one: an index that knows values by their hash
 * cannot tell of another beside it. */
static enum taken
take_unequal(struct parse *ps, const struct criterion *c, struct str value)
{
	struct parse_scope scope;
	const struct store_inner *in;
	struct store_clause *clause;
	enum taken taken;

	parse_open(ps, &scope);
	taken = take_with(ps, *c, "", escape(ps, value));
	in = parse_close(ps, &scope);
	if (taken != TAKEN || !in)
		return SKIPPED;
	clause = parse_add_clause(ps, 1);
	if (!clause)
		return SKIPPED;
	clause->tests[0] = (struct store_test){ .kind = TEST_ALL, .inner = in, .negate = true };
	clause->count = 1;
	return take_with(ps, *c, "missing", STR("false"));
}

static enum taken
take_text(struct parse *ps, const struct criterion *c, struct str op, struct str value)
{
	static const struct {
		const char *op;
		enum store_test_kind kind;
	} ops[] = {
		{ "eq", TEST_STRING_EQUAL },
		{ "ne", TEST_STRING_UNEQUAL },
		{ "co", TEST_STRING_CONTAINS },
		{ "sw", TEST_STRING },
		{ "ew", TEST_STRING_ENDS },
	};

	for (size_t i = 0; i < COUNT_OF(ops); i++) {
		struct store_clause *clause;

		if (!str_is(op, ops[i].op))
			continue;
		if (!value.len)
			return parse_bad_value(ps, c, "a text: give at least a character");
		clause = parse_add_clause(ps, 1);
		if (clause)
			parse_add_test(clause, c, ops[i].kind)->value = value;
		return clause ? TAKEN : SKIPPED;
	}
	return wrong_op(ps, c, op);
}

/* The value with the operation as its prefix. */
static enum taken
take_ordered(struct parse *ps, const struct criterion *c, struct str op, struct str value)
{
	static const char *const ops[] = { "eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb" };
	struct str parts[] = { op, escape(ps, value) };
	struct store_clause *clause;
	uint32_t before = ps->clause_count;
	enum taken taken;

	if (parse_is_among(op, ops, COUNT_OF(ops)))
		return take_with(ps, *c, "", str_concat(ps->a, parts, 2));
	if (c->param->type != PARAM_DATE || !str_is(op, "po"))
		return wrong_op(ps, c, op);
	/* Periods overlap: as "ap" has it, without going wider. */
	taken = take_with(ps, *c, "", escape(ps, value));
	clause = taken == TAKEN && ps->clause_count > before ? &ps->clauses[before] : NULL;
	for (uint32_t i = 0; clause && i < clause->count; i++)
		clause->tests[i].compare = COMPARE_AP;
	return taken;
}

static enum taken
take_token(struct parse *ps, const struct criterion *c, struct str op, struct str value)
{
	static const struct {
		const char *op, *modifier;
	} ops[] = {
		{ "ss", "below" },
		{ "sb", "above" },
		{ "in", "in" },
		{ "ni", "not-in" },
	};

	for (size_t i = 0; i < COUNT_OF(ops); i++)
		if (str_is(op, ops[i].op))
			return take_with(ps, *c, ops[i].modifier, escape(ps, value));
	return wrong_op(ps, c, op);
}

/* A test of a parameter of the resource itself. */
static enum taken
take_leaf(struct parse *ps, const struct criterion *c, struct str op, struct str value)
{
	bool special = str_is(c->name, "_id") || str_is(c->name, "_lastUpdated");

	if (!special && !search_index_has(ps->si, ps->type, c->number))
		return parse_not_supported(
		    ps, c->name, "it has no expression, or none that this server can evaluate");
	if (str_is(op, "pr"))
		return take_present(ps, c, value);
	if (c->param->type == PARAM_DATE || c->param->type == PARAM_NUMBER ||
	    c->param->type == PARAM_QUANTITY)
		return take_ordered(ps, c, op, value);
	if (c->param->type == PARAM_STRING)
		return take_text(ps, c, op, value);
	if (str_is(op, "eq") || (str_is(op, "re") && c->param->type == PARAM_REFERENCE))
		return take_with(ps, *c, "", escape(ps, value));
	if (str_is(op, "ne"))
		return take_unequal(ps, c, value);
	if (c->param->type == PARAM_TOKEN && !special)
		return take_token(ps, c, op, value);
	return wrong_op(ps, c, op);
}

static enum taken take_path(struct parse *ps, struct test *t);

/* In the resource that a step leads to: its brackets, then the rest. */
static enum taken
take_step(struct parse *ps, void *ctx)
{
	struct test t = *(struct test *)ctx;

	if (t.brackets.p) {
		struct filter inner = *t.f;
		const struct store_inner *in;

		inner.rest = t.brackets;
		in = take_filter(&inner);
		if (!in || parse_take_all(ps, in) != TAKEN)
			return SKIPPED;
		t.brackets = (struct str){ NULL, 0 };
	}
	return take_path(ps, &t);
}

/* Where the brackets that begin at p end; the length when they do not. */
static size_t
end_of_brackets(struct str path, size_t at)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; at < path.len; at++) {
		char c = path.p[at];

		if (quoted && c == '\\')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '[')
			depth++;
		else if (!quoted && c == ']' && --depth == 0)
			return at;
	}
	return path.len;
}

static enum taken
take_path(struct parse *ps, struct test *t)
{
	struct criterion c = { 0 };
	size_t len = 0;

	while (len < t->path.len && is_name_char(t->path.p[len]))
		len++;
	c.name = str_of(t->path.p, len);
	if (len < t->path.len) {
		struct test inner = *t;

		if (t->path.p[len] == '[') {
			size_t end = end_of_brackets(t->path, len);

			inner.brackets = str_of(t->path.p + len + 1, end - len - 1);
			len = end + 1;
		}
		inner.path = str_from_index(t->path, len + 1);
		if (str_is(inner.path, "id"))
			inner.path = STR("_id");
		return parse_reach(
		    ps, c.name, inner.path, inner.brackets.p != NULL, take_step, &inner);
	}
	c.param = parse_find(ps, ps->type, c.name);
	if (!c.param && str_is(c.name, "id")) {
		c.name = STR("_id");
		c.param = parse_find(ps, ps->type, c.name);
	}
	if (!c.param)
		return parse_unknown_parameter(ps, c.name);
	c.number = c.param->number;
	return take_leaf(ps, &c, t->op, t->value);
}

/* A path up to the blank behind it, which may stand in brackets as well. */
static bool
read_path(struct filter *f, struct str *out)
{
	size_t at = 0;

	skip_blanks(f);
	for (;;) {
		size_t start = at;

		while (at < f->rest.len && is_name_char(f->rest.p[at]))
			at++;
		if (at == start)
			return false;
		if (at < f->rest.len && f->rest.p[at] == '[') {
			at = end_of_brackets(f->rest, at) + 1;
			if (at >= f->rest.len || f->rest.p[at] != '.')
				return false;
		}
		if (at >= f->rest.len || f->rest.p[at] != '.')
			break;
		at++;
	}
	*out = str_of(f->rest.p, at);
	f->rest = str_from_index(f->rest, at);
	return true;
}

/* "\u00e9" and its like, behind the backslash; 0: it is none. */
static size_t
read_escape(struct str in, char *out, size_t *len)
{
	static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	uint32_t c = 0;

	if (in.len < 2)
		return 0;
	for (size_t i = 0; i + 1 < sizeof(plain) - 1; i += 2)
		if (in.p[1] == plain[i]) {
			*len = 1;
			out[0] = plain[i + 1];
			return 2;
		}
	if (in.p[1] != 'u' || in.len < 6)
		return 0;
	for (size_t i = 2; i < 6; i++) {
		char d = in.p[i];
		int n = d >= '0' && d <= '9'   ? d - '0'
			: d >= 'a' && d <= 'f' ? d - 'a' + 10
			: d >= 'A' && d <= 'F' ? d - 'A' + 10
					       : -1;

		if (n < 0)
			return 0;
		c = c << 4 | (uint32_t)n;
	}
	if (c == 0 || (c >= 0xd800 && c < 0xe000))
		return 0;
	*len = utf8_encode(c, out);
	return 6;
}

static bool
read_string(struct filter *f, struct str *out)
{
	char *p = arena_alloc_bytes(f->ps->a, f->rest.len + 1);
	struct str in = str_from_index(f->rest, 1);
	size_t len = 0;

	if (!p) {
		f->ps->full = true;
		return false;
	}
	while (in.len && in.p[0] != '"') {
		char bytes[4] = { in.p[0] };
		size_t used = 1, made = 1;

		if (in.p[0] == '\\')
			used = read_escape(in, bytes, &made);
		if (!used)
			return false;
		memcpy(p + len, bytes, made);
		len += made;
		in = str_from_index(in, used);
	}
	if (!in.len)
		return false;
	*out = str_of(p, len);
	f->rest = str_from_index(in, 1);
	return true;
}

/* A JSON string, or all up to a blank, ] or ). */
static bool
read_value(struct filter *f, struct str *out)
{
	size_t len = 0;

	skip_blanks(f);
	if (f->rest.len && f->rest.p[0] == '"')
		return read_string(f, out);
	while (len < f->rest.len && !memchr(" \t\r\n)]", f->rest.p[len], 6))
		len++;
	*out = str_of(f->rest.p, len);
	f->rest = str_from_index(f->rest, len);
	return len > 0;
}

static const struct store_inner *
take_test(struct filter *f)
{
	struct test t = { .f = f };
	struct parse_scope scope;
	const struct store_inner *in;
	enum taken taken;

	if (!read_path(f, &t.path))
		return expected(f, "a search parameter, 'not' or '('");
	t.op = peek_word(f);
	if (!t.op.len)
		return expected(f, "an operation (eq, ne, co, …)");
	f->rest = str_from_index(f->rest, t.op.len);
	if (!read_value(f, &t.value))
		return expected(f, "a value: a JSON string, or characters without blanks");
	parse_open(f->ps, &scope);
	taken = take_path(f->ps, &t);
	in = parse_close(f->ps, &scope);
	return taken == TAKEN ? in : NULL;
}

static const struct store_inner *
take_group(struct filter *f, bool negate)
{
	const struct store_inner *in;

	if (f->depth == NESTING) {
		parse_complain(
		    f->ps, "too-costly", "'_filter' is nested more than %d deep", NESTING);
		return NULL;
	}
	f->depth++;
	in = take_filter(f);
	f->depth--;
	if (in && !take_char(f, ')'))
		return expected(f, "')', 'and' or 'or'");
	return in && negate ? parse_as_test(f->ps, in, true) : in;
}

static const struct store_inner *
take_term(struct filter *f)
{
	if (take_char(f, '('))
		return take_group(f, false);
	if (!take_word(f, "not"))
		return take_test(f);
	if (!take_char(f, '('))
		return expected(f, "'(' behind 'not'");
	return take_group(f, true);
}

/* No precedence: from left to right. */
static const struct store_inner *
take_filter(struct filter *f)
{
	const struct store_inner *left = take_term(f);

	while (left) {
		bool all = take_word(f, "and");
		const struct store_inner *right;

		if (!all && !take_word(f, "or"))
			break;
		right = take_term(f);
		if (!right)
			return NULL;
		left = all ? parse_both(f->ps, left, right) : parse_either(f->ps, left, right);
	}
	return left;
}

enum taken
parse_take_filter(struct parse *ps, const struct criterion *c)
{
	struct filter f = { .ps = ps, .text = c->value, .rest = c->value };
	const struct store_inner *in;

	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	in = take_filter(&f);
	if (!in)
		return SKIPPED;
	skip_blanks(&f);
	if (f.rest.len) {
		expected(&f, "'and', 'or' or the end");
		return SKIPPED;
	}
	return parse_take_all(ps, in);
}
