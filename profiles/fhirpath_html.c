/*
 * What narrative may hold (R4, 2.4.0): a div, the formatting of chapters 7 to
 * 11 (but sections 4 of 9) and 15 of HTML 4.0, a name and href on <a>, images
 * and internally contained styles; nothing active, no forms, no base, link.
 */
#include "profiles/fhirpath_eval.h"

static const char *const elements[] = { "a", "abbr", "acronym", "address", "area", "b", "bdo",
	"big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "dfn",
	"div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd",
	"li", "map", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup",
	"table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var" };

static const char *const attributes[] = { "abbr", "align", "alt", "axis", "bgcolor", "border",
	"cellhalign", "cellpadding", "cellspacing", "cellvalign", "char", "charoff", "charset",
	"cite", "class", "clear", "color", "colspan", "compact", "coords", "dir", "face", "frame",
	"headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name",
	"noshade", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "size", "span",
	"src", "start", "style", "summary", "tabindex", "title", "type", "usemap", "valign",
	"value", "vspace", "width", "xml:lang", "xmlns", "xml:base", "xml:space" };

enum {
	HTML_DEPTH = 200,
};

/* A tag: "<a href='x'>", "</a>", "<br/>". */
struct tag {
	struct str name;
	bool closes, empty;
};

static bool
is_in(struct str s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(s, list[i]))
			return true;
	return false;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(struct str *s)
{
	while (s->len && is_space(s->p[0]))
		*s = str_from_index(*s, 1);
}

static struct str
take_name(struct str *s)
{
	size_t n = 0;
	struct str name;

	while (n < s->len && !is_space(s->p[n]) && !memchr("=/><\"'", s->p[n], 6))
		n++;
	name = str_of(s->p, n);
	*s = str_from_index(*s, n);
	return name;
}

/* name="value" pairs up to the end of the tag. */
static bool
take_attributes(struct str *s, struct tag *t)
{
	for (;;) {
		struct str name;
		ptrdiff_t end;

		skip_space(s);
		if (str_starts(*s, STR("/>"))) {
			t->empty = true;
			*s = str_from_index(*s, 2);
			return !t->closes;
		}
		if (str_starts(*s, STR(">"))) {
			*s = str_from_index(*s, 1);
			return true;
		}
		name = take_name(s);
		skip_space(s);
		if (t->closes ||
		    !is_in(name, attributes, sizeof(attributes) / sizeof(attributes[0])) ||
		    !str_starts(*s, STR("=")))
			return false;
		*s = str_from_index(*s, 1);
		skip_space(s);
		if (!s->len || (s->p[0] != '"' && s->p[0] != '\''))
			return false;
		end = str_find(str_from_index(*s, 1), s->p[0]);
		if (end < 0)
			return false;
		*s = str_from_index(*s, (size_t)end + 2);
	}
}

static bool
take_tag(struct str *s, struct tag *t)
{
	*t = (struct tag){ .closes = str_starts(*s, STR("</")) };
	*s = str_from_index(*s, t->closes ? 2 : 1);
	t->name = take_name(s);
	return is_in(t->name, elements, sizeof(elements) / sizeof(elements[0])) &&
	       take_attributes(s, t);
}

/* Text that is more than spaces, or a picture, is content. */
static bool
has_content(struct str text)
{
	return str_trim(text).len > 0;
}

bool
html_is_allowed(struct str html)
{
	struct str open[HTML_DEPTH], rest = str_trim(html);
	bool content = false;
	unsigned depth = 0;
	struct tag t;

	if (!str_starts(rest, STR("<div")))
		return false;
	while (rest.len) {
		ptrdiff_t at = str_find(rest, '<');

		if (str_starts(rest, STR("<!--"))) {
			at = str_find_str(rest, STR("-->"));
			if (at < 0)
				return false;
			rest = str_from_index(rest, (size_t)at + 3);
			continue;
		}
		if (at < 0)
			return false;
		content = content || has_content(str_of(rest.p, (size_t)at));
		rest = str_from_index(rest, (size_t)at);
		if (at == 0 || !str_starts(rest, STR("<!--"))) {
			if (!take_tag(&rest, &t))
				return false;
			content = content || str_is(t.name, "img");
			if (t.closes && (depth == 0 || !str_eq(open[--depth], t.name)))
				return false;
			if (!t.closes && !t.empty && depth == HTML_DEPTH)
				return false;
			if (!t.closes && !t.empty)
				open[depth++] = t.name;
			if (depth == 0)
				return content && rest.len == 0;
		}
	}
	return false;
}
