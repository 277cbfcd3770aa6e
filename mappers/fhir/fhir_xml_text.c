/* Encodings into UTF-8; what libxml2's errors are called here. */
#include <limits.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "mappers/fhir/fhir_xml_reader.h"

enum encoding {
	UTF_8,
	UTF_16_LITTLE,
	UTF_16_BIG,
	LATIN_1,
	UNKNOWN,
};

enum {
	/* Attributes of one element: libxml2 compares each with all others. */
	ATTRIBUTES_MOST = 512,
	BLOCK = 1024,
};

/* By the first bytes (XML 1.0, appendix F); *bom: how many of them are a BOM. */
static enum encoding
by_first_bytes(struct str in, size_t *bom)
{
	*bom = 0;
	if (str_starts(in, STR("\xef\xbb\xbf"))) {
		*bom = 3;
		return UTF_8;
	}
	if (str_starts(in, STR("\xff\xfe")) || str_starts(in, STR("\xfe\xff"))) {
		*bom = 2;
		return in.p[0] == '\xff' ? UTF_16_LITTLE : UTF_16_BIG;
	}
	if (str_starts(in, STR("<\0")))
		return UTF_16_LITTLE;
	if (str_starts(in, STR("\0<")))
		return UTF_16_BIG;
	return UTF_8;
}

/* The encoding that the XML declaration of an ASCII-like text names; empty:
 * none. Whether the declaration is right is the parser's to say. */
static struct str
declared(struct str text)
{
	struct str rest;
	ptrdiff_t at;
	char quote;

	if (!str_starts(text, STR("<?xml")))
		return STR("");
	at = str_find(text, '>');
	rest = str_of(text.p, at < 0 ? 0 : (size_t)at);
	at = str_find_str(rest, STR("encoding"));
	if (at < 0)
		return STR("");
	rest = str_trim(str_from_index(rest, (size_t)at + 8));
	if (rest.len == 0 || rest.p[0] != '=')
		return STR("");
	rest = str_trim(str_from_index(rest, 1));
	if (rest.len == 0 || (rest.p[0] != '"' && rest.p[0] != '\''))
		return STR("");
	quote = rest.p[0];
	rest = str_from_index(rest, 1);
	at = str_find(rest, quote);
	return at < 0 ? STR("") : str_of(rest.p, (size_t)at);
}

static enum encoding
by_name(struct str name)
{
	static const struct {
		struct str name;
		enum encoding encoding;
	} known[] = {
		{ STR("UTF-8"), UTF_8 },
		{ STR("UTF8"), UTF_8 },
		{ STR("US-ASCII"), UTF_8 },
		{ STR("ASCII"), UTF_8 },
		{ STR("ISO-8859-1"), LATIN_1 },
		{ STR("ISO_8859-1"), LATIN_1 },
		{ STR("latin1"), LATIN_1 },
		{ STR("UTF-16"), UTF_16_BIG },
		{ STR("UTF-16LE"), UTF_16_LITTLE },
		{ STR("UTF-16BE"), UTF_16_BIG },
	};

	if (name.len == 0)
		return UTF_8;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq_nocase(name, known[i].name))
			return known[i].encoding;
	return UNKNOWN;
}

/* Put c at out, which has room for it. */
static size_t
from_latin(struct str in, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++)
		len += utf8_encode((unsigned char)in.p[i], out + len);
	return len;
}

static uint32_t
unit_at(const char *p, bool big)
{
	const unsigned char *u = (const unsigned char *)p;

	return big ? (uint32_t)u[0] << 8 | u[1] : (uint32_t)u[1] << 8 | u[0];
}

/* False where a surrogate lacks its other half, or a byte is left over; what
 * came before is at out. */
static bool
from_utf16(struct str in, bool big, char *out, size_t *len)
{
	size_t i = 0;

	for (*len = 0; in.len - i >= 2; i += 2) {
		uint32_t c = unit_at(in.p + i, big);

		if (c >= 0xd800 && c <= 0xdfff) {
			uint32_t low = c <= 0xdbff && in.len - i >= 4 ? unit_at(in.p + i + 2, big)
								      : 0;

			if (low < 0xdc00 || low > 0xdfff)
				return false;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		*len += utf8_encode(c, out + *len);
	}
	return i == in.len;
}

/* How many attributes the tag at p has, up to one more than the limit; *p is
 * moved behind them. */
static unsigned
count_attributes(const char **p, const char *end)
{
	const char *at = *p;
	unsigned n = 0;

	while (at && n <= ATTRIBUTES_MOST) {
		while (at < end && *at != '"' && *at != '\'' && *at != '>')
			at++;
		if (at == end || *at == '>')
			break;
		n++;
		at = memchr(at + 1, *at, (size_t)(end - at - 1));
		at = at ? at + 1 : NULL;
	}
	*p = at ? at : end;
	return n;
}

/*
 * A start tag with more attributes than the limit, or NULL. Only tags that
 * reach over a whole block are looked at, so this costs next to nothing; those
 * that are shorter cannot have too many.
 */
static const char *
find_many_attributes(const char *text, size_t len)
{
	const char *end = text + len, *p = text;

	while (end - p >= BLOCK) {
		const char *tag = NULL;

		if (!memchr(p, '<', BLOCK))
			tag = memrchr(text, '<', (size_t)(p - text));
		if (tag && tag[1] != '!' && tag[1] != '?') {
			const char *behind = tag;

			if (count_attributes(&behind, end) > ATTRIBUTES_MOST)
				return tag;
			p = behind > p ? behind : p + BLOCK;
		} else {
			p += BLOCK;
		}
	}
	return NULL;
}

static char *
refuse(struct reader *r, char *text, size_t len, const char *at, const char *why)
{
	r->lex.fault = why;
	r->lex.p = at;
	reader_stops(r, NO_LEAF, 0);
	xml_text_free(text, len);
	return NULL;
}

/* RFC 7303, 3: the byte order mark, the charset that came with the text, the
 * declaration, in this order. */
static enum encoding
encoding_of(struct str in, struct str charset, size_t *bom)
{
	enum encoding seen = by_first_bytes(in, bom), named;

	if (*bom)
		return seen;
	if (!charset.len)
		return seen == UTF_8 && by_name(declared(in)) == LATIN_1 ? LATIN_1 : seen;
	named = by_name(charset);
	/* "UTF-16" says nothing of the order. */
	return str_eq_nocase(charset, STR("UTF-16")) && seen != UTF_8 ? seen : named;
}

/* Is the text what it declares to be? What was said outside of it counts more. */
static const char *
check_declared(struct str text, enum encoding encoding)
{
	bool wide = encoding == UTF_16_LITTLE || encoding == UTF_16_BIG;
	struct str name = declared(text);
	enum encoding named = by_name(name);

	if (named == UNKNOWN)
		return "declared in an encoding that is neither UTF-8, UTF-16 nor ISO-8859-1";
	if (name.len && wide != (named == UTF_16_LITTLE || named == UTF_16_BIG))
		return "not in the encoding that it declares";
	if (encoding == UTF_8 && named == LATIN_1)
		return "not in the encoding that it declares";
	return NULL;
}

char *
xml_text(struct reader *r, struct str in, struct str charset, size_t *len)
{
	size_t bom, size, valid;
	enum encoding encoding = encoding_of(in, charset, &bom);
	struct str body = str_from_index(in, bom);
	const char *wrong = NULL;
	bool whole = true;
	char *text;

	if (encoding == UNKNOWN) {
		reader_refuses(r, "not-supported", in.p,
		    "the charset it comes with is neither UTF-8, UTF-16 nor ISO-8859-1");
		return NULL;
	}
	/* Two bytes of UTF-16 become up to three, one of ISO-8859-1 up to two. */
	size = encoding == UTF_8 ? body.len : body.len * 2;
	if (in.len > INT_MAX / 2 - 1 || size > INT_MAX - 1) {
		reader_refuses(r, "too-long", in.p, "the text is longer than 1 GiB");
		return NULL;
	}
	text = xmalloc(size + 1);
	*len = body.len;
	if (encoding == LATIN_1)
		*len = from_latin(body, text);
	else if (encoding != UTF_8)
		whole = from_utf16(body, encoding == UTF_16_BIG, text, len);
	else if (body.len)
		memcpy(text, body.p, body.len);
	text[*len] = 0;
	r->lex.start = r->lex.p = r->place.at = text;
	r->lex.end = text + *len;
	if (!charset.len)
		wrong = check_declared(str_of(text, *len), encoding);
	if (wrong)
		return refuse(r, text, *len, text, wrong);
	if (!whole)
		return refuse(r, text, *len, text + *len, "bytes that are not UTF-16");
	valid = utf8_valid_prefix(str_of(text, *len));
	if (valid != *len)
		return refuse(r, text, *len, text + valid, "bytes that are not UTF-8");
	r->lex.p = find_many_attributes(text, *len);
	if (r->lex.p) {
		record_fail(r->b, "more attributes of an element than the limit of 512");
		return refuse(r, text, *len, r->lex.p, "");
	}
	if (memchr(text, 0, *len))
		return refuse(r, text, *len, memchr(text, 0, *len), "a NUL character");
	return text;
}

void
xml_text_free(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

const char *
xml_fault(int code)
{
	switch (code) {
	case XML_ERR_DOCUMENT_EMPTY:
		return "there is no element";
	case XML_ERR_DOCUMENT_END:
		return "something behind the end of the root element, or the text ends too early";
	case XML_ERR_TAG_NOT_FINISHED:
	case XML_ERR_TAG_NAME_MISMATCH:
		return "an end tag that does not fit the open element, or the text ends too early";
	case XML_ERR_GT_REQUIRED:
		return "a tag must end here";
	case XML_ERR_SPACE_REQUIRED:
		return "white space must stand here";
	case XML_ERR_NAME_REQUIRED:
		return "a name must stand here";
	case XML_ERR_LT_IN_ATTRIBUTE:
		return "< in an attribute's value: write &lt;";
	case XML_ERR_ATTRIBUTE_NOT_STARTED:
		return "an attribute's value must stand here, in quotes";
	case XML_ERR_ATTRIBUTE_NOT_FINISHED:
		return "an attribute's value that does not end";
	case XML_ERR_ATTRIBUTE_WITHOUT_VALUE:
		return "an attribute without a value";
	case XML_ERR_ATTRIBUTE_REDEFINED:
		return "an attribute that stands twice";
	case XML_ERR_INVALID_CHAR:
	case XML_ERR_INVALID_CHARREF:
		return "a character that XML does not have";
	case XML_ERR_UNDECLARED_ENTITY:
	case XML_WAR_UNDECLARED_ENTITY:
		return "an entity other than &lt; &gt; &amp; &quot; &apos;: write the character";
	case XML_ERR_ENTITYREF_SEMICOL_MISSING:
	case XML_ERR_ENTITYREF_NO_NAME:
		return "an & that begins no reference: write &amp;";
	case XML_ERR_INVALID_ENCODING:
		return "bytes that are not in the declared encoding";
	case XML_ERR_COMMENT_NOT_FINISHED:
		return "a comment that does not end";
	case XML_ERR_HYPHEN_IN_COMMENT:
		return "-- inside a comment";
	case XML_ERR_CDATA_NOT_FINISHED:
		return "a CDATA section that does not end";
	case XML_ERR_MISPLACED_CDATA_END:
		return "]]> in text: write ]]&gt;";
	case XML_ERR_RESERVED_XML_NAME:
		return "an XML declaration that does not stand first";
	case XML_ERR_LTSLASH_REQUIRED:
		return "an end tag must stand here";
	case XML_NS_ERR_UNDEFINED_NAMESPACE:
		return "a prefix that no xmlns declares";
	case XML_NS_ERR_ATTRIBUTE_REDEFINED:
		return "an attribute that stands twice";
	default:
		return "not well-formed";
	}
}
