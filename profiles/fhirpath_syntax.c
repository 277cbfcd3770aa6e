#include "profiles/fhirpath_syntax.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/utf8.h"
#include "profiles/fhirpath_lex.h"

int
syntax_error(struct error *err, struct str expression, uint32_t at, const char *fmt, ...)
{
	unsigned line = 1, column = 1;
	char why[400];
	va_list ap;

	for (uint32_t i = 0; i < at && i < expression.len; i++) {
		unsigned char c = (unsigned char)expression.p[i];

		if (c == '\n') {
			line++;
			column = 1;
		} else if ((c & 0xc0) != 0x80) {
			column++;
		}
	}
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return error_set(err, ERROR_INVALID, "line %u, column %u: %s", line, column, why);
}

static bool
is_symbol(const struct parser *p, const char *symbol)
{
	return p->now.kind == TOKEN_SYMBOL && str_is(p->now.text, symbol);
}

static bool
is_word(const struct parser *p, const char *word)
{
	return p->now.kind == TOKEN_NAME && str_is(p->now.text, word);
}

static int
expected(struct parser *p, const char *what)
{
	if (p->now.kind == TOKEN_END)
		return syntax_error(p->err, p->in, p->now.at, "expected %s before the end", what);
	return syntax_error(p->err, p->in, p->now.at, "expected %s, not '%.*s'", what,
	    (int)(p->now.end - p->now.at > 40 ? 40 : p->now.end - p->now.at), p->in.p + p->now.at);
}

static int
take_symbol(struct parser *p, const char *symbol)
{
	if (!is_symbol(p, symbol))
		return expected(p, symbol);
	return lex_next(p);
}

static struct syntax *
make(
    struct parser *p, enum syntax_kind kind, uint32_t at, struct syntax *left, struct syntax *right)
{
	struct syntax *s = ARENA_NEW(p->arena, struct syntax);
	unsigned depth = 0;

	if (!s) {
		lex_fail(p, at, "the expression needs too much memory");
		return NULL;
	}
	if (left)
		depth = left->depth;
	if (right && right->depth > depth)
		depth = right->depth;
	if (depth + 1 > SYNTAX_DEPTH) {
		lex_fail(p, at, "the expression is nested too deeply");
		return NULL;
	}
	s->kind = (uint8_t)kind;
	s->at = at;
	s->depth = (uint16_t)(depth + 1);
	s->left = left;
	s->right = right;
	return s;
}

static struct syntax *parse_binary(struct parser *p, int least);

/* Binary operators and how tightly they bind, the tightest highest. */
static const struct {
	const char *text;
	uint8_t op, binds;
} operators[] = {
	{ "*", BINARY_MULTIPLY, 10 },
	{ "/", BINARY_DIVIDE, 10 },
	{ "div", BINARY_DIV, 10 },
	{ "mod", BINARY_MOD, 10 },
	{ "+", BINARY_ADD, 9 },
	{ "-", BINARY_SUBTRACT, 9 },
	{ "&", BINARY_CONCATENATE, 9 },
	{ "|", BINARY_UNION, 7 },
	{ "<=", BINARY_LESS_EQUAL, 6 },
	{ "<", BINARY_LESS, 6 },
	{ ">", BINARY_GREATER, 6 },
	{ ">=", BINARY_GREATER_EQUAL, 6 },
	{ "=", BINARY_EQUAL, 5 },
	{ "~", BINARY_EQUIVALENT, 5 },
	{ "!=", BINARY_NOT_EQUAL, 5 },
	{ "!~", BINARY_NOT_EQUIVALENT, 5 },
	{ "in", BINARY_IN, 4 },
	{ "contains", BINARY_CONTAINS, 4 },
	{ "and", BINARY_AND, 3 },
	{ "or", BINARY_OR, 2 },
	{ "xor", BINARY_XOR, 2 },
	{ "implies", BINARY_IMPLIES, 1 },
};

enum {
	TYPE_BINDS = 8, /* is, as */
};

/* The name at hand: an identifier, quoted or one of the words that may be. */
static bool
is_name(const struct parser *p)
{
	static const char *const reserved[] = { "and", "or", "xor", "implies", "div", "mod", "true",
		"false" };

	if (p->now.kind == TOKEN_QUOTED)
		return true;
	if (p->now.kind != TOKEN_NAME)
		return false;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (str_is(p->now.text, reserved[i]))
			return false;
	return true;
}

/* The arguments of a call, from its opening parenthesis. */
static int
parse_args(struct parser *p, struct syntax *call)
{
	struct syntax **tail = &call->args;

	if (lex_next(p))
		return -1;
	while (!is_symbol(p, ")")) {
		if (call->arg_count && !is_symbol(p, ","))
			return expected(p, ", or )");
		if (call->arg_count && lex_next(p))
			return -1;
		*tail = parse_binary(p, 0);
		if (!*tail)
			return -1;
		if ((*tail)->depth >= call->depth)
			call->depth = (uint16_t)((*tail)->depth + 1);
		tail = &(*tail)->next;
		call->arg_count++;
	}
	return lex_next(p);
}

/* name or name(…), as an element of left. */
static struct syntax *
parse_name(struct parser *p, struct syntax *left)
{
	struct syntax *s = make(p, SYNTAX_NAME, p->now.at, left, NULL);

	if (!s)
		return NULL;
	s->text = p->now.text;
	if (lex_next(p))
		return NULL;
	if (!is_symbol(p, "("))
		return s;
	s->kind = SYNTAX_CALL;
	return parse_args(p, s) ? NULL : s;
}

static struct syntax *
parse_literal(struct parser *p, enum syntax_kind kind)
{
	struct syntax *s = make(p, kind, p->now.at, NULL, NULL);
	bool number = kind == SYNTAX_INTEGER || kind == SYNTAX_DECIMAL;

	if (!s)
		return NULL;
	s->text = p->now.text;
	if (lex_next(p))
		return NULL;
	if (number && p->now.kind == TOKEN_STRING) {
		s->kind = SYNTAX_QUANTITY;
		s->text = str_printf(
		    p->arena, "%.*s '%.*s'", STR_ARG(s->text), STR_ARG(p->now.text));
		return lex_next(p) ? NULL : s;
	}
	if (number && p->now.kind == TOKEN_NAME) {
		static const char *const units[] = { "year", "month", "week", "day", "hour",
			"minute", "second", "millisecond" };
		struct str word = p->now.text;

		if (str_ends(word, STR("s")))
			word.len--;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (!str_is(word, units[i]))
				continue;
			s->kind = SYNTAX_QUANTITY;
			s->text = str_printf(
			    p->arena, "%.*s %.*s", STR_ARG(s->text), STR_ARG(p->now.text));
			return lex_next(p) ? NULL : s;
		}
	}
	return s;
}

static struct syntax *
parse_variable(struct parser *p)
{
	struct syntax *s;

	if (str_is(p->now.text, "this"))
		s = make(p, SYNTAX_THIS, p->now.at, NULL, NULL);
	else if (str_is(p->now.text, "index"))
		s = make(p, SYNTAX_INDEX, p->now.at, NULL, NULL);
	else if (str_is(p->now.text, "total"))
		s = make(p, SYNTAX_TOTAL, p->now.at, NULL, NULL);
	else
		return expected(p, "$this, $index or $total"), NULL;
	return s && lex_next(p) == 0 ? s : NULL;
}

static struct syntax *
parse_symbol_term(struct parser *p)
{
	struct syntax *s;
	uint32_t at = p->now.at;

	if (is_symbol(p, "(")) {
		if (lex_next(p))
			return NULL;
		s = parse_binary(p, 0);
		return s && take_symbol(p, ")") == 0 ? s : NULL;
	}
	if (is_symbol(p, "{")) {
		if (lex_next(p) || take_symbol(p, "}"))
			return NULL;
		return make(p, SYNTAX_EMPTY, at, NULL, NULL);
	}
	expected(p, "a value, a name or (");
	return NULL;
}

static struct syntax *
parse_term(struct parser *p)
{
	switch (p->now.kind) {
	case TOKEN_STRING:
		return parse_literal(p, SYNTAX_STRING);
	case TOKEN_INTEGER:
		return parse_literal(p, SYNTAX_INTEGER);
	case TOKEN_DECIMAL:
		return parse_literal(p, SYNTAX_DECIMAL);
	case TOKEN_DATE:
		return parse_literal(p, SYNTAX_DATE);
	case TOKEN_DATETIME:
		return parse_literal(p, SYNTAX_DATETIME);
	case TOKEN_TIME:
		return parse_literal(p, SYNTAX_TIME);
	case TOKEN_CONSTANT:
		if (!p->now.text.len)
			return expected(p, "the name of a constant behind %"), NULL;
		return parse_literal(p, SYNTAX_CONSTANT);
	case TOKEN_VARIABLE:
		return parse_variable(p);
	case TOKEN_SYMBOL:
		return parse_symbol_term(p);
	default:
		if (is_word(p, "true") || is_word(p, "false"))
			return parse_literal(p, SYNTAX_BOOLEAN);
		if (is_name(p))
			return parse_name(p, NULL);
		expected(p, "a value or a name");
		return NULL;
	}
}

static struct syntax *
parse_postfix(struct parser *p)
{
	struct syntax *s = parse_term(p);

	while (s) {
		uint32_t at = p->now.at;

		if (is_symbol(p, ".")) {
			if (lex_next(p))
				return NULL;
			if (p->now.kind == TOKEN_VARIABLE)
				return expected(p, "a name or a function behind the point"), NULL;
			/* FHIR has elements of that name (Narrative.div), and here no
			 * operator can stand: HL7's own tests write it bare. */
			if (!is_name(p) && !is_word(p, "div"))
				return expected(p, "a name behind the point"), NULL;
			s = parse_name(p, s);
		} else if (is_symbol(p, "[")) {
			struct syntax *index;

			if (lex_next(p))
				return NULL;
			index = parse_binary(p, 0);
			if (!index || take_symbol(p, "]"))
				return NULL;
			s = make(p, SYNTAX_INDEXER, at, s, index);
		} else {
			return s;
		}
	}
	return NULL;
}

static struct syntax *
parse_signed(struct parser *p)
{
	uint32_t at = p->now.at;
	bool minus = is_symbol(p, "-");
	struct syntax *s, *operand;

	if (!minus && !is_symbol(p, "+"))
		return parse_postfix(p);
	if (++p->depth > SYNTAX_DEPTH) {
		lex_fail(p, at, "the expression is nested too deeply");
		return NULL;
	}
	if (lex_next(p))
		return NULL;
	operand = parse_signed(p);
	p->depth--;
	if (!operand)
		return NULL;
	s = make(p, SYNTAX_SIGN, at, operand, NULL);
	if (s)
		s->op = minus ? BINARY_SUBTRACT : BINARY_ADD;
	return s;
}

/* is or as, then a type with its parts joined by points. */
static struct syntax *
parse_type(struct parser *p, struct syntax *left, enum syntax_kind kind)
{
	struct syntax *s = make(p, kind, p->now.at, left, NULL);
	struct str name;

	if (!s || lex_next(p))
		return NULL;
	if (!is_name(p))
		return expected(p, "the name of a type"), NULL;
	name = p->now.text;
	if (lex_next(p))
		return NULL;
	while (is_symbol(p, ".")) {
		if (lex_next(p))
			return NULL;
		if (!is_name(p))
			return expected(p, "the name of a type"), NULL;
		name = str_printf(p->arena, "%.*s.%.*s", STR_ARG(name), STR_ARG(p->now.text));
		if (lex_next(p))
			return NULL;
	}
	s->text = name;
	return s;
}

/* The operator at hand that binds tighter than least; -1 when there is none. */
static int
find_operator(const struct parser *p, int least)
{
	if (p->now.kind != TOKEN_NAME && p->now.kind != TOKEN_SYMBOL)
		return -1;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (operators[i].binds > least && str_is(p->now.text, operators[i].text))
			return (int)i;
	return -1;
}

static struct syntax *
parse_operators(struct parser *p, int least)
{
	struct syntax *s = parse_signed(p);

	while (s) {
		uint32_t at = p->now.at;
		struct syntax *right;
		int o;

		if (least < TYPE_BINDS && (is_word(p, "is") || is_word(p, "as"))) {
			s = parse_type(p, s, is_word(p, "is") ? SYNTAX_IS : SYNTAX_AS);
			continue;
		}
		o = find_operator(p, least);
		if (o < 0)
			return s;
		if (lex_next(p))
			return NULL;
		right = parse_binary(p, operators[o].binds);
		if (!right)
			return NULL;
		s = make(p, SYNTAX_BINARY, at, s, right);
		if (s)
			s->op = operators[o].op;
	}
	return NULL;
}

static struct syntax *
parse_binary(struct parser *p, int least)
{
	struct syntax *s;

	if (++p->depth > SYNTAX_DEPTH) {
		lex_fail(p, p->now.at, "the expression is nested too deeply");
		return NULL;
	}
	s = parse_operators(p, least);
	p->depth--;
	return s;
}

struct syntax *
syntax_parse(struct str expression, struct arena *a, struct error *err)
{
	struct parser p = { .in = expression, .arena = a, .err = err };
	struct syntax *s;

	if (expression.len > SYNTAX_BYTES) {
		error_set(err, ERROR_LIMIT, "the expression is over %d bytes long", SYNTAX_BYTES);
		return NULL;
	}
	if (utf8_valid_prefix(expression) != expression.len) {
		syntax_error(
		    err, expression, (uint32_t)utf8_valid_prefix(expression), "this is not UTF-8");
		return NULL;
	}
	if (lex_next(&p))
		return NULL;
	s = parse_binary(&p, 0);
	if (s && p.now.kind != TOKEN_END) {
		expected(&p, "an operator or the end");
		return NULL;
	}
	return s;
}
