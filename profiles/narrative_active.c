#include "profiles/narrative_active.h"

static bool
take(const char **p, const char *end, struct str what)
{
	if (!str_starts(str_of(*p, (size_t)(end - *p)), what))
		return false;
	*p += what.len;
	return true;
}

static bool
fails(const char **what, const char *why)
{
	*what = why;
	return false;
}

/* A character that XML has (XML 1.0, 2.2). */
static bool
is_character(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c <= 0xd7ff) ||
	       (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/* "&#160;" or "&#xa0;", the "&#" behind us. */
static bool
read_character(const char **p, const char *end, uint32_t *out, const char **what)
{
	bool hex = *p < end && **p == 'x';
	uint32_t value = 0;
	const char *from;

	*p += hex;
	for (from = *p; *p < end && **p != ';'; ++*p) {
		unsigned char c = (unsigned char)**p, letter = c | 0x20;

		if (c >= '0' && c <= '9')
			value = value * (hex ? 16 : 10) + (c - '0');
		else if (hex && letter >= 'a' && letter <= 'f')
			value = value * 16 + (letter - 'a' + 10u);
		else
			return fails(what, "a character reference with something else than digits");
		if (value > 0x10ffff)
			return fails(what, "a reference to a character that XML does not have");
	}
	if (*p == from || *p == end || !is_character(value))
		return fails(what, "a reference to a character that XML does not have");
	++*p;
	*out = value;
	return true;
}

/* A reference, its '&' at p. */
bool
narrative_reference(const char **p, const char *end, uint32_t *out, const char **what)
{
	static const struct {
		struct str name;
		char c;
	} known[] = {
		{ STR("&lt;"), '<' },
		{ STR("&gt;"), '>' },
		{ STR("&amp;"), '&' },
		{ STR("&quot;"), '"' },
		{ STR("&apos;"), '\'' },
	};

	if (take(p, end, STR("&#")))
		return read_character(p, end, out, what);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (take(p, end, known[i].name)) {
			*out = (unsigned char)known[i].c;
			return true;
		}
	}
	return fails(
	    what, "an entity other than &lt; &gt; &amp; &quot; &apos;: write the character");
}

/*
 * An attribute's value as browsers see it, for the looks below: references
 * resolved, white space and control characters left out, in lower case, what is
 * not ASCII as '?'. Taken a window at a time: *value is cut to what did not fit.
 */
enum {
	WINDOW = 4096,
	OVERLAP = 32, /* longer than all that is looked for */
};

static size_t
plain_value(struct str *value, char *out, size_t room)
{
	const char *p = value->p, *end = p + value->len, *what;
	size_t len = 0;

	while (p < end && len < room) {
		uint32_t c = (unsigned char)*p;

		if (c != '&')
			p++;
		else if (!narrative_reference(&p, end, &c, &what))
			p = end; /* not here: it was refused before */
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c > ' ')
			out[len++] = c < 0x7f ? (char)c : '?';
	}
	*value = str_of(p, (size_t)(end - p));
	return len;
}

static bool
starts_with_any(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_starts(s, str_from(*words)))
			return true;
	return false;
}

/* A link that would run something; `followed` when it is clicked, not shown as
 * an image. */
bool
narrative_is_active_link(struct str link, bool followed)
{
	static const char *const schemes[] = { "javascript:", "vbscript:", "livescript:",
		"data:text/html", "data:text/xml", "data:application/", NULL };
	char plain[OVERLAP];
	struct str start = str_of(plain, plain_value(&link, plain, sizeof(plain)));

	return starts_with_any(start, schemes) ||
	       (followed && str_starts(start, STR("data:image/svg")));
}

/* Whether a window of a style would run something, or fetch it from elsewhere;
 * `last`: nothing comes behind it. */
static bool
is_active_window(struct str window, bool last)
{
	/* CSS has escapes and comments, which hide words. */
	static const char *const words[] = { "\\", "/*", "expression(", "@import",
		"behavior:", "-moz-binding", "javascript:", NULL };
	struct str rest = window;
	ptrdiff_t at;

	for (const char *const *word = words; *word; word++)
		if (str_find_str(window, str_from(*word)) >= 0)
			return true;
	while ((at = str_find_str(rest, STR("url("))) >= 0) {
		rest = str_from_index(rest, (size_t)at + 4);
		if (!last && rest.len < OVERLAP / 2)
			return false; /* the next window sees it */
		if (rest.len && (rest.p[0] == '"' || rest.p[0] == '\''))
			rest = str_from_index(rest, 1);
		if (!str_starts(rest, STR("#")) && !str_starts(rest, STR("data:image/")))
			return true;
	}
	return false;
}

bool
narrative_is_active_style(struct str style)
{
	char window[WINDOW];
	size_t len = 0;

	for (;;) {
		len += plain_value(&style, window + len, sizeof(window) - len);
		if (is_active_window(str_of(window, len), style.len == 0))
			return true;
		if (style.len == 0)
			return false;
		memmove(window, window + len - OVERLAP, OVERLAP);
		len = OVERLAP;
	}
}
