/*
 * _text and _content (FHIR R4, 3.1.1.4.15): words, "and", "or", "not" and
 * parentheses, as in (bone OR liver) and metastases. Words without one between
 * them are all to be there. All values have to be one's whole words; their order
 * and distance are not known.
 */
#include "base/arena.h"
#include "gateway/fhir/search_parse.h"

enum {
	NESTING = 12, /* of parentheses */
};

struct words {
	struct parse *ps;
	const struct criterion *c;
	struct str rest;
	unsigned depth;
};

static const struct store_inner *take_or(struct words *w);

static void
skip_blanks(struct words *w)
{
	while (w->rest.len && memchr(" \t\r\n", w->rest.p[0], 4))
		w->rest = str_from_index(w->rest, 1);
}

/* What stands up to a blank or parenthesis. */
static struct str
peek(struct words *w)
{
	size_t len = 0;

	skip_blanks(w);
	while (len < w->rest.len && !memchr(" \t\r\n()", w->rest.p[len], 6))
		len++;
	return str_of(w->rest.p, len);
}

static bool
take(struct words *w, const char *keyword)
{
	struct str next = peek(w);

	if (!str_eq_nocase(next, str_from(keyword)))
		return false;
	w->rest = str_from_index(w->rest, next.len);
	return true;
}

static const struct store_inner *
wrong(struct words *w, const char *what)
{
	parse_bad_value(w->ps, w->c, what);
	return NULL;
}

/* The words of a piece ("non-small" has two), all of which must be there. */
static const struct store_inner *
take_piece(struct words *w)
{
	struct str piece = peek(w), word;
	struct parse_scope scope;
	const struct store_inner *in;
	uint32_t found = 0;

	if (str_eq_nocase(piece, STR("and")) || str_eq_nocase(piece, STR("or")))
		return wrong(w, "words: one is missing beside 'and' or 'or'");
	if (str_find(piece, '"') >= 0)
		return wrong(w, "words: phrases in quotation marks are not searched");
	w->rest = str_from_index(w->rest, piece.len);
	parse_open(w->ps, &scope);
	while (search_next_word(&piece, w->ps->a, &word)) {
		struct store_clause *clause = parse_add_clause(w->ps, 1);

		if (!clause)
			break;
		parse_add_test(clause, w->c, TEST_WORD)->value = word;
		found++;
	}
	in = parse_close(w->ps, &scope);
	return found ? in : wrong(w, "words, with 'and', 'or', 'not' and parentheses");
}

static const struct store_inner *
take_term(struct words *w)
{
	const struct store_inner *in;

	if (take(w, "not")) {
		in = take_term(w);
		return in ? parse_as_test(w->ps, in, true) : NULL;
	}
	skip_blanks(w);
	if (!w->rest.len || w->rest.p[0] != '(')
		return take_piece(w);
	if (w->depth++ == NESTING)
		return wrong(w, "words in fewer parentheses within each other");
	w->rest = str_from_index(w->rest, 1);
	in = take_or(w);
	skip_blanks(w);
	if (in && (!w->rest.len || w->rest.p[0] != ')'))
		return wrong(w, "words: a ')' is missing");
	if (in)
		w->rest = str_from_index(w->rest, 1);
	w->depth--;
	return in;
}

static bool
goes_on(struct words *w)
{
	struct str next = peek(w);

	return (next.len && !str_eq_nocase(next, STR("or"))) ||
	       (w->rest.len && w->rest.p[0] == '(');
}

static const struct store_inner *
take_and(struct words *w)
{
	const struct store_inner *left = take_term(w);

	while (left && goes_on(w)) {
		const struct store_inner *right;

		take(w, "and");
		right = take_term(w);
		left = right ? parse_both(w->ps, left, right) : NULL;
	}
	return left;
}

static const struct store_inner *
take_or(struct words *w)
{
	const struct store_inner *left = take_and(w);

	while (left && take(w, "or")) {
		const struct store_inner *right = take_and(w);

		left = right ? parse_either(w->ps, left, right) : NULL;
	}
	return left;
}

static const struct store_inner *
read_value(struct parse *ps, const struct criterion *c, struct str value)
{
	struct words w = { .ps = ps, .c = c };
	const struct store_inner *in;

	if (!parse_unescape(ps, value, &w.rest))
		return wrong(&w, "words");
	in = take_or(&w);
	skip_blanks(&w);
	return in && w.rest.len ? wrong(&w, "words: a '(' is missing") : in;
}

/* Whether the configuration has it, and what was there before is indexed. */
static bool
is_served(struct parse *ps, const struct criterion *c)
{
	const struct search_own *state = search_index_words_state(ps->si);
	enum search_words words = search_index_words(ps->si);

	if (!state || (str_is(c->name, "_content") && words < SEARCH_ALL_WORDS)) {
		parse_not_supported(ps, c->name,
		    "words are not indexed for it; fhir.full_text in the configuration says of "
		    "what they are");
		return false;
	}
	if (__atomic_load_n(&state->ready, __ATOMIC_ACQUIRE))
		return true;
	parse_not_ready(ps, c->name, state);
	return false;
}

enum taken
parse_take_words(struct parse *ps, const struct criterion *c)
{
	struct criterion own = *c;
	struct str part, rest = c->value;
	const struct store_inner *all = NULL;

	own.param = search_index_find(ps->si, ps->type, c->name);
	if (!own.param)
		return parse_unknown_parameter(ps, c->name);
	own.number = own.param->number;
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	if (!is_served(ps, c))
		return SKIPPED;
	while (parse_split(&rest, ',', &part)) {
		const struct store_inner *one = read_value(ps, &own, part);

		all = one && all ? parse_either(ps, all, one) : one;
		if (!all)
			return SKIPPED;
	}
	return parse_take_all(ps, all);
}
