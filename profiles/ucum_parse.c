/*
 * ucum_parse.c - codes into units (UCUM, chapter 2).
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "profiles/ucum.h"
#include "profiles/ucum_table.h"

struct parser {
	struct str code;
	size_t at;
	unsigned depth;
	struct error *err;
};

/* What the atoms are, each worked out when it is first asked for. */
static struct ucum_unit resolved[UCUM_ATOMS];
static enum {
	ATOM_NEW,
	ATOM_UNDER_WAY,
	ATOM_DONE,
} state[UCUM_ATOMS];
static struct decimal prefix_value[UCUM_PREFIXES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int parse_term(struct parser *p, struct ucum_unit *out);

static int
fail(struct parser *p, size_t at, enum error_kind kind, const char *why)
{
	return error_set(p->err, kind, "cannot read the unit '%.*s' at character %zu: %s",
	    p->code.len > 64 ? 64 : (int)p->code.len, p->code.p, at + 1, why);
}

/* The order of an atom's code and a text, by bytes. */
static int
compare_code(const void *key, const void *member)
{
	const struct str *code = key;
	const struct ucum_atom *atom = member;

	return str_cmp(*code, str_from(atom->code));
}

static const struct ucum_atom *
find_atom(struct str code)
{
	return bsearch(&code, ucum_atoms, UCUM_ATOMS, sizeof(*ucum_atoms), compare_code);
}

/* Work an atom out from its definition, which is right. */
static const struct ucum_unit *
resolve(const struct ucum_atom *atom)
{
	size_t i = (size_t)(atom - ucum_atoms);
	struct ucum_unit *u = &resolved[i];
	struct parser p = { .code = str_from(atom->unit) };
	struct decimal value;
	int base = 0, failed;

	if (state[i] == ATOM_DONE)
		return u;
	assert(state[i] == ATOM_NEW);
	state[i] = ATOM_UNDER_WAY;
	*u = ucum_one();
	for (size_t k = 0; k < i; k++)
		base += ucum_atoms[k].scale == UCUM_BASE;
	if (atom->scale == UCUM_BASE)
		u->dimension[base] = 1;
	else if (atom->scale == UCUM_PI)
		u->pi = 1;
	else if (atom->scale == UCUM_ARBITRARY)
		u->arbitrary[0] = (struct ucum_arbitrary){ (uint16_t)(i + 1), 1 };
	else {
		failed = parse_term(&p, u) || p.at != p.code.len ||
			 decimal_parse(str_from(atom->value), &value, NULL) ||
			 decimal_multiply(&u->over, &value, &u->over);
		assert(!failed);
		decimal_strip(&u->over);
	}
	state[i] = ATOM_DONE;
	return u;
}

static void
resolve_all(void)
{
	for (size_t i = 0; i < UCUM_PREFIXES; i++)
		decimal_parse(str_from(ucum_prefixes[i].value), &prefix_value[i], NULL);
	for (size_t i = 0; i < UCUM_ATOMS; i++)
		resolve(&ucum_atoms[i]);
}

const struct ucum_unit *
ucum_atom_unit(uint32_t atom)
{
	pthread_once(&once, resolve_all);
	return &resolved[atom];
}

/* The atom's unit in a term: a special one with the factor 1. */
static void
take_atom(const struct ucum_atom *atom, struct ucum_unit *out)
{
	*out = *resolve(atom);
	if (atom->scale >= UCUM_CELSIUS) {
		out->over = out->under = decimal_of(1);
		out->pi = 0;
		out->special = (uint16_t)(atom - ucum_atoms + 1);
	}
}

/* "mmol": a prefix and a metric atom. */
static bool
take_prefixed(struct str symbol, struct ucum_unit *out)
{
	const struct ucum_atom *atom;

	for (size_t i = 0; i < UCUM_PREFIXES; i++) {
		struct str prefix = str_from(ucum_prefixes[i].code);

		if (!str_starts(symbol, prefix))
			continue;
		atom = find_atom(str_from_index(symbol, prefix.len));
		if (!atom || !atom->metric)
			continue;
		take_atom(atom, out);
		decimal_multiply(&out->over, &prefix_value[i], &out->over);
		decimal_strip(&out->over);
		return true;
	}
	return false;
}

/* An atom that is written otherwise, for the message; NULL. */
static const char *
meant(struct str symbol)
{
	for (size_t i = 0; i < UCUM_ATOMS; i++) {
		struct str code = str_from(ucum_atoms[i].code);

		if (str_eq_nocase(code, symbol) ||
		    (code.len > 2 && code.p[0] == '[' &&
			str_eq_nocase(str_of(code.p + 1, code.len - 2), symbol)))
			return ucum_atoms[i].code;
	}
	return NULL;
}

static int
take_symbol(struct parser *p, size_t from, size_t end, struct ucum_unit *out)
{
	struct str symbol = str_of(p->code.p + from, end - from);
	const struct ucum_atom *atom = find_atom(symbol);
	const char *like;
	char why[128];

	if (atom) {
		take_atom(atom, out);
		return 0;
	}
	if (take_prefixed(symbol, out))
		return 0;
	like = meant(symbol);
	if (!like)
		return fail(p, from, ERROR_INVALID, "there is no such unit");
	snprintf(why, sizeof(why), "there is no such unit; did you mean '%s'?", like);
	return fail(p, from, ERROR_INVALID, why);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from..end as an exponent. */
static int
take_exponent(struct parser *p, size_t from, size_t end, int32_t *out)
{
	int32_t n = 0;
	bool negative = p->code.p[from] == '-';

	for (size_t i = from + !is_digit(p->code.p[from]); i < end; i++) {
		n = n * 10 + (p->code.p[i] - '0');
		if (n > UCUM_EXPONENT_MAX)
			return fail(p, from, ERROR_LIMIT, "the exponent is too large");
	}
	*out = negative ? -n : n;
	return 0;
}

static int
raise(struct parser *p, size_t from, size_t end, struct ucum_unit *u)
{
	int32_t exponent = 0;

	if (take_exponent(p, from, end, &exponent))
		return -1;
	if (u->special)
		return fail(p, from, ERROR_INVALID, "a special unit cannot have an exponent");
	if (ucum_power(u, exponent, u))
		return fail(p, from, ERROR_LIMIT, "the power is too large");
	return 0;
}

/* Where the symbol at p->at ends; -1 when a bracket is not closed. */
static ssize_t
symbol_end(struct parser *p)
{
	bool inside = false;
	size_t i = p->at;

	for (; i < p->code.len; i++) {
		char c = p->code.p[i];

		if (c < '!' || c > '~')
			return fail(p, i, ERROR_INVALID, "only printable ASCII stands in a unit");
		if (c == '[' && inside)
			return fail(p, i, ERROR_INVALID, "brackets cannot be nested");
		if (c == ']' && !inside)
			return fail(p, i, ERROR_INVALID, "there is no '[' to this bracket");
		if (c == '[' || c == ']')
			inside = !inside;
		if (!inside && memchr("./(){}", c, 6))
			break;
	}
	if (inside)
		return fail(p, i, ERROR_INVALID, "a ']' is missing");
	return (ssize_t)i;
}

/* Where the exponent starts in the symbol; end when it has none. */
static size_t
exponent_start(struct parser *p, size_t end)
{
	size_t i = end;

	while (i > p->at && is_digit(p->code.p[i - 1]))
		i--;
	if (i < end && i > p->at && (p->code.p[i - 1] == '-' || p->code.p[i - 1] == '+'))
		i--;
	return i;
}

/* A number in place of a symbol (§8); with a sign behind it, raised. */
static int
take_number(struct parser *p, size_t end, struct ucum_unit *out)
{
	struct error err;

	*out = ucum_one();
	if (decimal_parse(str_of(p->code.p + p->at, end - p->at), &out->over, &err))
		return fail(p, p->at, ERROR_LIMIT, "the number has too many digits");
	if (decimal_is_zero(&out->over))
		return fail(p, p->at, ERROR_INVALID, "a number must be positive");
	decimal_strip(&out->over);
	return 0;
}

/* A symbol or number, with its exponent. */
static int
parse_simple(struct parser *p, struct ucum_unit *out)
{
	ssize_t found = symbol_end(p);
	size_t end = (size_t)found, split, digits;
	bool is_number;

	if (found < 0)
		return -1;
	if (end == p->at)
		return fail(p, end, ERROR_INVALID, "a unit is missing");
	split = exponent_start(p, end);
	for (digits = p->at; digits < end && is_digit(p->code.p[digits]); digits++)
		;
	is_number = digits == end || (digits == split && digits > p->at);
	if (digits == end)
		split = end;
	if (split == p->at)
		return fail(p, split, ERROR_INVALID, "a unit is missing before the exponent");
	if (is_number ? take_number(p, split, out) : take_symbol(p, p->at, split, out))
		return -1;
	if (split < end && raise(p, split, end, out))
		return -1;
	p->at = end;
	return 0;
}

static int
skip_annotation(struct parser *p)
{
	size_t i = p->at + 1;

	for (; i < p->code.len && p->code.p[i] != '}'; i++) {
		if (p->code.p[i] == '{')
			return fail(p, i, ERROR_INVALID, "braces cannot be nested");
		if (p->code.p[i] < '!' || p->code.p[i] > '~')
			return fail(p, i, ERROR_INVALID, "only printable ASCII stands in a unit");
	}
	if (i == p->code.len)
		return fail(p, i, ERROR_INVALID, "a '}' is missing");
	p->at = i + 1;
	return 0;
}

static bool
next_is(const struct parser *p, char c)
{
	return p->at < p->code.len && p->code.p[p->at] == c;
}

static int
parse_nested(struct parser *p, struct ucum_unit *out)
{
	if (++p->depth > UCUM_DEPTH_MAX)
		return fail(p, p->at, ERROR_LIMIT, "there are too many parentheses");
	p->at++;
	if (next_is(p, '/'))
		return fail(p, p->at, ERROR_INVALID, "a unit is missing");
	if (parse_term(p, out))
		return -1;
	if (!next_is(p, ')'))
		return fail(p, p->at, ERROR_INVALID, "a ')' is missing");
	p->at++;
	p->depth--;
	return 0;
}

static int
parse_component(struct parser *p, struct ucum_unit *out)
{
	if (next_is(p, '('))
		return parse_nested(p, out);
	if (next_is(p, '{')) {
		*out = ucum_one();
		return skip_annotation(p);
	}
	if (parse_simple(p, out))
		return -1;
	return next_is(p, '{') ? skip_annotation(p) : 0;
}

static int
combine(
    struct parser *p, size_t at, bool divide, struct ucum_unit *left, const struct ucum_unit *right)
{
	bool special = left->special || right->special;

	if ((divide ? ucum_divide : ucum_multiply)(left, right, left) == 0)
		return 0;
	return special ? fail(p, at, ERROR_INVALID, "a special unit cannot stand with others")
		       : fail(p, at, ERROR_LIMIT, "the unit is too large");
}

/* Components from left to right; a leading '/' inverts the first. */
static int
parse_term(struct parser *p, struct ucum_unit *out)
{
	struct ucum_unit right;
	bool divide = next_is(p, '/');
	size_t at = p->at;

	if (divide) {
		p->at++;
		*out = ucum_one();
		if (parse_component(p, &right) || combine(p, at, true, out, &right))
			return -1;
	} else if (parse_component(p, out)) {
		return -1;
	}
	while (p->at < p->code.len && !next_is(p, ')')) {
		divide = next_is(p, '/');
		if (!divide && !next_is(p, '.'))
			return fail(p, p->at, ERROR_INVALID, "'.' or '/' is missing");
		at = p->at++;
		if (parse_component(p, &right) || combine(p, at, divide, out, &right))
			return -1;
	}
	return 0;
}

int
ucum_parse(struct str code, struct ucum_unit *out, struct error *err)
{
	struct parser p = { .code = code, .err = err };

	pthread_once(&once, resolve_all);
	if (code.len > UCUM_CODE_MAX)
		return error_set(
		    err, ERROR_LIMIT, "cannot read a unit of over %d characters", UCUM_CODE_MAX);
	if (code.len == 0) {
		*out = ucum_one();
		return 0;
	}
	if (parse_term(&p, out))
		return -1;
	if (p.at < code.len)
		return fail(&p, p.at, ERROR_INVALID, "there is no '(' to this parenthesis");
	return 0;
}
