#include "mappers/map/map_lex.h"

#include "base/utf8.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static void
skip_space(struct lexer *l)
{
	while (l->at < l->text.len) {
		char c = l->text.p[l->at];

		if (c == '#') {
			while (l->at < l->text.len && l->text.p[l->at] != '\n')
				l->at++;
			continue;
		}
		if (c == '\n') {
			l->line++;
			l->line_start = l->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			break;
		}
		l->at++;
	}
}

static struct token
start(struct lexer *l)
{
	struct token t = { TOKEN_END, str_of(l->text.p + l->at, 0),
		{ l->file, l->line, (uint32_t)(l->at - l->line_start + 1) } };

	return t;
}

static struct token
bad(struct token t, const char *what)
{
	t.kind = TOKEN_BAD;
	t.text = str_from(what);
	return t;
}

/* A text in quotes; l->at is behind the first. */
static struct token
lex_string(struct lexer *l, struct token t)
{
	size_t from = l->at, n = 0;
	char *out;

	while (l->at < l->text.len && l->text.p[l->at] != '"' && l->text.p[l->at] != '\n')
		l->at += l->text.p[l->at] == '\\' && l->text.len - l->at > 1 ? 2 : 1;
	if (l->at >= l->text.len || l->text.p[l->at] != '"')
		return bad(t, "the text has no closing quote on its line");
	out = arena_alloc_bytes(l->arena, l->at - from + 1);
	if (!out)
		return bad(t, "the maps are too large");
	for (size_t i = from; i < l->at; i++) {
		char c = l->text.p[i];

		if (c == '\\') {
			c = l->text.p[++i];
			if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c != '"' && c != '\\')
				return bad(
				    t, "only \\\", \\\\, \\n and \\t may follow a backslash");
		}
		out[n++] = c;
	}
	l->at++;
	t.kind = TOKEN_STRING;
	t.text = str_of(out, n);
	return utf8_is_valid(t.text) ? t : bad(t, "the text is not UTF-8");
}

struct token
map_lex_token(struct lexer *l)
{
	static const char *const signs[] = { "->", "=>", "!=", "<=", ">=" };
	struct token t;
	const char *p;
	size_t left;

	skip_space(l);
	t = start(l);
	p = l->text.p + l->at;
	left = l->text.len - l->at;
	if (left == 0)
		return t;
	if (*p == '"') {
		l->at++;
		return lex_string(l, t);
	}
	if (is_letter(*p) || is_digit(*p)) {
		bool digits = is_digit(*p);

		t.kind = digits ? TOKEN_NUMBER : TOKEN_WORD;
		while (t.text.len < left &&
		       (is_digit(p[t.text.len]) || (!digits && is_letter(p[t.text.len]))))
			t.text.len++;
		l->at += t.text.len;
		return t;
	}
	t.kind = TOKEN_SIGN;
	t.text.len = 1;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (str_starts(str_of(p, left), str_from(signs[i])))
			t.text.len = 2;
	if (t.text.len == 1 && memchr("{}()[],.:+-=<>", *p, 14) == NULL)
		return bad(t, "this sign has no meaning here");
	l->at += t.text.len;
	return t;
}

struct token
map_lex_word(struct lexer *l)
{
	struct token t;
	const char *p;

	skip_space(l);
	t = start(l);
	p = l->text.p + l->at;
	if (l->at == l->text.len)
		return t;
	if (*p == '"') {
		l->at++;
		return lex_string(l, t);
	}
	if (*p == '{' || *p == '}') {
		t.kind = TOKEN_SIGN;
		t.text.len = 1;
		l->at++;
		return t;
	}
	t.kind = TOKEN_WORD;
	while (l->at < l->text.len && memchr(" \t\r\n{}\"#", l->text.p[l->at], 8) == NULL)
		l->at++;
	t.text.len = (size_t)(l->text.p + l->at - p);
	return utf8_is_valid(t.text) ? t : bad(t, "the word is not UTF-8");
}

struct token
map_lex_label(struct lexer *l)
{
	struct token t = start(l);

	t.kind = TOKEN_WORD;
	while (l->at < l->text.len && memchr("]\n\r\"{}", l->text.p[l->at], 6) == NULL)
		l->at++;
	if (l->at >= l->text.len || l->text.p[l->at] != ']')
		return bad(t, "there is no ']' for this '['");
	t.text.len = (size_t)(l->text.p + l->at - t.text.p);
	t.text = str_trim(t.text);
	l->at++;
	return t.text.len ? t : bad(t, "between '[' and ']' must stand a name or number");
}
