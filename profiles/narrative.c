#include "profiles/narrative.h"

#include "profiles/narrative_active.h"

enum {
	DEPTH_MOST = 256, /* of elements in the div */
};

struct scan {
	const char *start, *p, *end;
	narrative_fault_fn *fn;
	void *ctx;
	struct str open[DEPTH_MOST]; /* names of the open elements */
	unsigned depth;
	bool clean, ended; /* ended: not well-formed, no more is looked at */
	bool content;	   /* text or an image came */
};

/* txt-1, sorted. */
static const struct str elements[] = {
	STR("a"),
	STR("abbr"),
	STR("acronym"),
	STR("b"),
	STR("big"),
	STR("blockquote"),
	STR("br"),
	STR("caption"),
	STR("cite"),
	STR("code"),
	STR("col"),
	STR("colgroup"),
	STR("dd"),
	STR("dfn"),
	STR("div"),
	STR("dl"),
	STR("dt"),
	STR("em"),
	STR("h1"),
	STR("h2"),
	STR("h3"),
	STR("h4"),
	STR("h5"),
	STR("h6"),
	STR("hr"),
	STR("i"),
	STR("img"),
	STR("li"),
	STR("ol"),
	STR("p"),
	STR("pre"),
	STR("q"),
	STR("samp"),
	STR("small"),
	STR("span"),
	STR("strong"),
	STR("sub"),
	STR("sup"),
	STR("table"),
	STR("tbody"),
	STR("td"),
	STR("tfoot"),
	STR("th"),
	STR("thead"),
	STR("tr"),
	STR("tt"),
	STR("ul"),
	STR("var"),
};

/* txt-1, and what XML itself brings along, sorted. */
static const struct str attributes[] = {
	STR("abbr"),
	STR("accesskey"),
	STR("align"),
	STR("alt"),
	STR("axis"),
	STR("bgcolor"),
	STR("border"),
	STR("cellhalign"),
	STR("cellpadding"),
	STR("cellspacing"),
	STR("cellvalign"),
	STR("char"),
	STR("charoff"),
	STR("charset"),
	STR("cite"),
	STR("class"),
	STR("colspan"),
	STR("compact"),
	STR("coords"),
	STR("dir"),
	STR("frame"),
	STR("headers"),
	STR("height"),
	STR("href"),
	STR("hreflang"),
	STR("hspace"),
	STR("id"),
	STR("lang"),
	STR("longdesc"),
	STR("name"),
	STR("nowrap"),
	STR("rel"),
	STR("rev"),
	STR("rowspan"),
	STR("rules"),
	STR("scope"),
	STR("shape"),
	STR("span"),
	STR("src"),
	STR("start"),
	STR("style"),
	STR("summary"),
	STR("tabindex"),
	STR("title"),
	STR("type"),
	STR("valign"),
	STR("value"),
	STR("vspace"),
	STR("width"),
	STR("xml:lang"),
	STR("xml:space"),
	STR("xmlns"),
};

_Static_assert(sizeof(attributes) / sizeof(attributes[0]) <= 64, "a bit each");

static void
fault(struct scan *s, const char *at, const char *code, const char *what, struct str name)
{
	s->clean = false;
	s->fn(s->ctx, (size_t)(at - s->start), code, what, name);
}

/* Not well-formed. Returns false. */
static bool
broken(struct scan *s, const char *what)
{
	if (!s->ended)
		fault(s, s->p, "structure", what, STR(""));
	s->ended = true;
	return false;
}

/* Index of the name in a sorted table, or -1. */
static int
find(const struct str *table, int count, struct str name)
{
	int low = 0, high = count;

	while (low < high) {
		int middle = (low + high) / 2;
		int order = str_cmp(name, table[middle]);

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

#define FIND(table, name) find(table, (int)(sizeof(table) / sizeof(table[0])), name)

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && is_space(*s->p))
		s->p++;
}

static bool
is_name_byte(unsigned char c)
{
	unsigned char letter = c | 0x20;

	return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '_' ||
	       c == '-' || c == '.' || c >= 0x80;
}

/* Which names there are is known: XML's rules for them need not be checked but
 * for where they end. */
static bool
take_name(struct scan *s, struct str *out)
{
	const char *from = s->p;

	while (s->p < s->end && is_name_byte((unsigned char)*s->p))
		s->p++;
	*out = str_of(from, (size_t)(s->p - from));
	return out->len || broken(s, "a name must stand here");
}

static bool
take(struct scan *s, struct str what)
{
	if (!str_starts(str_of(s->p, (size_t)(s->end - s->p)), what))
		return false;
	s->p += what.len;
	return true;
}

/* Go behind the end of something that was begun. */
static bool
skip_to(struct scan *s, struct str end, const char *what)
{
	ptrdiff_t at = str_find_str(str_of(s->p, (size_t)(s->end - s->p)), end);

	if (at < 0)
		return broken(s, what);
	s->p += (size_t)at + end.len;
	return true;
}

/* A reference, its '&' at p. */
static bool
take_reference(struct scan *s, uint32_t *out)
{
	const char *what;

	return narrative_reference(&s->p, s->end, out, &what) || broken(s, what);
}

/* ---- Attributes ------------------------------------------------------ */

/* What the attribute's value, at `value`, must not be. */
static void
check_value(struct scan *s, struct str name, struct str value)
{
	if (str_is(name, "xmlns")) {
		if (!str_eq(value, STR(XHTML_NAMESPACE)))
			fault(s, value.p, "invariant",
			    "txt-1: another namespace than that of XHTML", STR(""));
	} else if (str_is(name, "style")) {
		if (narrative_is_active_style(value))
			fault(s, value.p, "security",
			    "a style that runs something or fetches it from elsewhere", STR(""));
	} else if (str_is(name, "href") || str_is(name, "src") || str_is(name, "cite") ||
		   str_is(name, "longdesc")) {
		if (narrative_is_active_link(value, !str_is(name, "src")))
			fault(s, value.p, "security", "a link that runs a script", STR(""));
	}
}

/* The value, its quote at p; without the quotes. */
static bool
take_value(struct scan *s, struct str *out)
{
	char quote = s->p < s->end ? *s->p : 0;
	const char *from = s->p + 1;

	if (quote != '"' && quote != '\'')
		return broken(s, "an attribute's value must stand here, in quotes");
	s->p++;
	while (s->p < s->end && *s->p != quote) {
		uint32_t ignored;

		if (*s->p == '<')
			return broken(s, "< in an attribute's value: write &lt;");
		if (*s->p != '&')
			s->p++;
		else if (!take_reference(s, &ignored))
			return false;
	}
	if (s->p == s->end)
		return broken(s, "the text ends inside an attribute's value");
	*out = str_of(from, (size_t)(s->p - from));
	s->p++;
	return true;
}

static bool
is_event(struct str name)
{
	return name.len > 2 && str_eq_nocase(str_of(name.p, 2), STR("on"));
}

/* One attribute; `seen` has a bit for each that came, *xhtml is set when it puts
 * its element into XHTML's namespace. */
static bool
take_attribute(struct scan *s, struct str element, uint64_t *seen, bool *xhtml)
{
	const char *at = s->p;
	struct str name, value = { NULL, 0 };
	int known;

	if (!take_name(s, &name))
		return false;
	skip_space(s);
	if (!take(s, STR("=")))
		return broken(s, "an attribute without a value");
	skip_space(s);
	if (!take_value(s, &value))
		return false;
	known = FIND(attributes, name);
	if (known < 0) {
		/* Nothing more is known of it: that it came twice is left open. */
		if (is_event(name))
			fault(s, at, "security", "an event handler: ", name);
		else
			fault(s, at, "invariant",
			    "txt-1: an attribute that narrative cannot have: ", name);
		return true;
	}
	if (*seen >> known & 1) {
		s->p = at;
		return broken(s, "an attribute that stands twice");
	}
	*seen |= UINT64_C(1) << known;
	*xhtml |= str_is(name, "xmlns");
	s->content |= str_is(element, "img") && str_is(name, "src");
	check_value(s, name, value);
	return true;
}

/* ---- Elements -------------------------------------------------------- */

static void
check_element(struct scan *s, const char *at, struct str name)
{
	if (FIND(elements, name) >= 0)
		return;
	if (str_eq_nocase(name, STR("script")))
		fault(s, at, "security", "a script", STR(""));
	else
		fault(s, at, "invariant", "txt-1: an element that narrative cannot have: ", name);
}

/* An element's start, its '<' at p. */
static bool
take_start(struct scan *s)
{
	const char *at = s->p++;
	bool xhtml = false;
	uint64_t seen = 0;
	struct str name;

	if (!take_name(s, &name))
		return false;
	check_element(s, at, name);
	for (;;) {
		const char *before = s->p;

		skip_space(s);
		if (s->p == s->end)
			return broken(s, "the text ends inside a tag");
		if (*s->p == '>' || *s->p == '/')
			break;
		if (s->p == before)
			return broken(s, "white space must stand before an attribute");
		if (!take_attribute(s, name, &seen, &xhtml))
			return false;
	}
	if (s->depth == 0 && !xhtml)
		fault(s, at, "structure", "the <div> lacks xmlns=\"" XHTML_NAMESPACE "\"", STR(""));
	if (take(s, STR("/>")))
		return true;
	if (!take(s, STR(">")))
		return broken(s, "a tag must end here");
	if (s->depth == DEPTH_MOST)
		return broken(s, "elements nested deeper than 256");
	s->open[s->depth++] = name;
	return true;
}

/* An element's end, behind its "</". */
static bool
take_end(struct scan *s)
{
	const char *at = s->p;
	struct str name;

	if (!take_name(s, &name))
		return false;
	if (s->depth == 0 || !str_eq(name, s->open[s->depth - 1])) {
		s->p = at;
		return broken(s, "an end tag that does not fit the open element");
	}
	s->depth--;
	skip_space(s);
	return take(s, STR(">")) || broken(s, "a tag must end here");
}

/* "<!…": the '<' is at p. */
static bool
take_markup(struct scan *s)
{
	const char *from;

	if (take(s, STR("<!--"))) {
		if (!skip_to(s, STR("--"), "a comment that does not end"))
			return false;
		return take(s, STR(">")) || broken(s, "-- inside a comment");
	}
	if (!take(s, STR("<![CDATA[")))
		return broken(s, "a declaration inside narrative");
	from = s->p;
	if (!skip_to(s, STR("]]>"), "a CDATA section that does not end"))
		return false;
	s->content |= str_trim(str_of(from, (size_t)(s->p - from) - 3)).len > 0;
	return true;
}

/* Text up to the next tag. */
static bool
take_text(struct scan *s)
{
	while (s->p < s->end && *s->p != '<') {
		uint32_t c = (unsigned char)*s->p;

		if (c == '&') {
			if (!take_reference(s, &c))
				return false;
		} else if (c == ']' && take(s, STR("]]>"))) {
			s->p -= 3;
			return broken(s, "]]> in text: write ]]&gt;");
		} else {
			s->p++;
		}
		s->content |= c > ' ';
	}
	return true;
}

/* One piece of content, or a tag. */
static bool
take_piece(struct scan *s)
{
	if (*s->p != '<')
		return take_text(s);
	if (s->end - s->p < 2)
		return broken(s, "the text ends inside a tag");
	switch (s->p[1]) {
	case '/':
		s->p += 2;
		return take_end(s);
	case '!':
		return take_markup(s);
	case '?':
		return broken(s, "a processing instruction inside narrative");
	default:
		return take_start(s);
	}
}

bool
narrative_check(struct str div, narrative_fault_fn *fn, void *ctx)
{
	struct scan s = {
		.start = div.p,
		.p = div.p,
		.end = div.p + div.len,
		.fn = fn,
		.ctx = ctx,
		.clean = true,
	};

	if (!str_starts(div, STR("<div")) || div.len == 4 || is_name_byte((unsigned char)div.p[4]))
		return broken(&s, "narrative must be one <div> element");
	do {
		if (!take_piece(&s))
			return false;
		if (s.p == s.end && s.depth)
			return broken(&s, "the text ends inside an element");
	} while (s.depth);
	if (s.p != s.end)
		return broken(&s, "something behind the end of the <div>");
	if (!s.content)
		fault(&s, div.p, "invariant", "txt-2: neither text nor an image in the narrative",
		    STR(""));
	return s.clean;
}
