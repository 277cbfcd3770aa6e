/* encode(), decode(), escape() and unescape() (N1, 5.6, additional). */
#include "base/utf8.h"
#include "profiles/fhirpath_eval.h"

/* Text being made in the arena. */
struct out {
	char *p;
	size_t n;
};

static void
put(struct out *o, struct str s)
{
	if (s.len)
		memcpy(o->p + o->n, s.p, s.len);
	o->n += s.len;
}

static void
encode_hex(struct str s, struct out *o)
{
	for (size_t i = 0; i < s.len; i++) {
		o->p[o->n++] = "0123456789abcdef"[(unsigned char)s.p[i] >> 4];
		o->p[o->n++] = "0123456789abcdef"[(unsigned char)s.p[i] & 15];
	}
}

static const char base64[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static void
encode_base64(struct str s, const char *alphabet, struct out *o)
{
	for (size_t i = 0; i < s.len; i += 3) {
		size_t have = s.len - i < 3 ? s.len - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < have ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			o->p[o->n++] = k <= have ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
	}
}

static bool
decode_hex(struct str s, struct out *o)
{
	unsigned value = 0;

	for (size_t i = 0; i < s.len; i++) {
		int c = s.p[i], low = c | 32;

		if ((c < '0' || c > '9') && (low < 'a' || low > 'f'))
			return false;
		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : low - 'a' + 10);
		if (i % 2)
			o->p[o->n++] = (char)(value & 255);
	}
	return s.len % 2 == 0;
}

static bool
decode_base64(struct str s, const char *alphabet, struct out *o)
{
	uint32_t bits = 0, have = 0, pad = 0;

	for (size_t i = 0; i < s.len; i++) {
		const char *at;

		if (s.p[i] == '=') {
			pad++;
			continue;
		}
		at = s.p[i] ? strchr(alphabet, s.p[i]) : NULL;
		if (!at || pad)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		o->p[o->n++] = (char)(bits >> have & 255);
	}
	return pad <= 2 && s.len % 4 == 0 && have != 6;
}

static void
escape_html(struct str s, struct out *o)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '<')
			put(o, STR("&lt;"));
		else if (c == '>')
			put(o, STR("&gt;"));
		else if (c == '&')
			put(o, STR("&amp;"));
		else if (c == '"')
			put(o, STR("&quot;"));
		else if (c == '\'')
			put(o, STR("&#39;"));
		else
			o->p[o->n++] = c;
	}
}

static const char json_from[] = "\"\\\b\f\n\r\t/", json_to[] = "\"\\bfnrt/";

static void
escape_json(struct str s, struct out *o)
{
	for (size_t i = 0; i < s.len; i++) {
		const char *at = s.p[i] && s.p[i] != '/' ? strchr(json_from, s.p[i]) : NULL;

		if (at) {
			o->p[o->n++] = '\\';
			o->p[o->n++] = json_to[at - json_from];
		} else if ((unsigned char)s.p[i] < ' ') {
			put(o, STR("\\u00"));
			encode_hex(str_of(s.p + i, 1), o);
		} else {
			o->p[o->n++] = s.p[i];
		}
	}
}

/* The character of "&#39;" or "&#x27;" at s, and its length; 0 when none. */
static size_t
read_numeric(struct str s, uint32_t *c)
{
	bool hex = s.len > 2 && (s.p[2] | 32) == 'x';
	size_t i = hex ? 3 : 2;

	*c = 0;
	for (; i < s.len && s.p[i] != ';' && *c < 0x110000; i++) {
		int d = s.p[i], low = d | 32;

		if (d >= '0' && d <= '9')
			*c = *c * (hex ? 16 : 10) + (uint32_t)(d - '0');
		else if (hex && low >= 'a' && low <= 'f')
			*c = *c * 16 + (uint32_t)(low - 'a' + 10);
		else
			return 0;
	}
	if (i >= s.len || s.p[i] != ';' || *c == 0 || *c > 0x10ffff ||
	    (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return i + 1;
}

static void
unescape_html(struct str s, struct out *o)
{
	static const char *const names[][2] = { { "&lt;", "<" }, { "&gt;", ">" }, { "&amp;", "&" },
		{ "&quot;", "\"" }, { "&apos;", "'" } };

	for (size_t i = 0; i < s.len;) {
		struct str rest = str_from_index(s, i);
		size_t k = 0, used = 0;
		uint32_t c;

		if (str_starts(rest, STR("&#")))
			used = read_numeric(rest, &c);
		if (used) {
			o->n += utf8_encode(c, o->p + o->n);
			i += used;
			continue;
		}
		while (k < 5 && !str_starts(rest, str_from(names[k][0])))
			k++;
		o->p[o->n++] = k < 5 ? names[k][1][0] : s.p[i];
		i += k < 5 ? strlen(names[k][0]) : 1;
	}
}

/* Four hex digits at s; -1 when there are none. */
static int32_t
read_unit(struct str s)
{
	struct str digits = str_of(s.p, s.len < 4 ? s.len : 4);
	char bytes[2];
	struct out o = { bytes, 0 };

	if (digits.len < 4 || !decode_hex(digits, &o))
		return -1;
	return (unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
}

static bool
unescape_json(struct str s, struct out *o)
{
	for (size_t i = 0; i < s.len; i++) {
		const char *at;
		int32_t unit, low;

		if (s.p[i] != '\\') {
			o->p[o->n++] = s.p[i];
			continue;
		}
		if (++i == s.len)
			return false;
		at = s.p[i] ? strchr(json_to, s.p[i]) : NULL;
		if (at) {
			o->p[o->n++] = json_from[at - json_to];
			continue;
		}
		unit = s.p[i] == 'u' ? read_unit(str_from_index(s, i + 1)) : -1;
		if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000))
			return false;
		i += 4;
		if (unit >= 0xd800 && unit < 0xdc00) {
			low = str_starts(str_from_index(s, i + 1), STR("\\u"))
				  ? read_unit(str_from_index(s, i + 3))
				  : -1;
			if (low < 0xdc00 || low > 0xdfff)
				return false;
			unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
			i += 6;
		}
		o->n += utf8_encode((uint32_t)unit, o->p + o->n);
	}
	return true;
}

/* Run it; 1, 0 when the text cannot be decoded, -1 for an unknown format. */
static int
run(enum op_code code, struct str text, struct str format, struct out *o)
{
	bool url = str_is(format, "urlbase64"), base = url || str_is(format, "base64");

	if (code == FN_ENCODE || code == FN_DECODE) {
		if (!base && !str_is(format, "hex"))
			return -1;
		if (code == FN_DECODE)
			return base ? decode_base64(text, base64[url], o) : decode_hex(text, o);
		if (base)
			encode_base64(text, base64[url], o);
		else
			encode_hex(text, o);
		return 1;
	}
	if (str_is(format, "html")) {
		if (code == FN_ESCAPE)
			escape_html(text, o);
		else
			unescape_html(text, o);
		return 1;
	}
	if (!str_is(format, "json"))
		return -1;
	if (code == FN_UNESCAPE)
		return unescape_json(text, o);
	escape_json(text, o);
	return 1;
}

int
eval_code(struct eval *e, const struct op *op, struct str text, struct str format)
{
	struct out o = { .n = 0 };
	int rc;

	if (text.len > SIZE_MAX / 8)
		return eval_no_memory(e);
	o.p = arena_alloc_bytes(e->arena, text.len * 6 + 4);
	if (!o.p)
		return eval_no_memory(e);
	rc = run((enum op_code)op->code, text, format, &o);
	if (rc < 0)
		return eval_fail(e, op,
		    op->code == FN_ENCODE || op->code == FN_DECODE
			? "the format is hex, base64 or urlbase64"
			: "what to escape for is html or json");
	/* What is no text after decoding has no value here. */
	if (rc == 0 || !utf8_is_valid(str_of(o.p, o.n)))
		return 0;
	return eval_push_made(e, FHIRPATH_STRING, str_of(o.p, o.n));
}
