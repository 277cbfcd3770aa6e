/* Character sets of HL7 v2 (table 0211). */
#include <errno.h>
#include <iconv.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "mappers/hl7v2/er7_internal.h"

static const struct {
	const char *hl7, *iconv;
} charsets[] = {
	{ "ASCII", "ASCII" },
	{ "ISO IR6", "ASCII" },
	{ "8859/1", "ISO-8859-1" },
	{ "8859/2", "ISO-8859-2" },
	{ "8859/3", "ISO-8859-3" },
	{ "8859/4", "ISO-8859-4" },
	{ "8859/5", "ISO-8859-5" },
	{ "8859/6", "ISO-8859-6" },
	{ "8859/7", "ISO-8859-7" },
	{ "8859/8", "ISO-8859-8" },
	{ "8859/9", "ISO-8859-9" },
	{ "8859/10", "ISO-8859-10" },
	{ "8859/11", "ISO-8859-11" },
	{ "8859/13", "ISO-8859-13" },
	{ "8859/14", "ISO-8859-14" },
	{ "8859/15", "ISO-8859-15" },
	{ "8859/16", "ISO-8859-16" },
	{ "UNICODE UTF-8", "UTF-8" },
	{ "UNICODE", "UTF-8" },
	{ "UNICODE UTF-16", "UTF-16" },
	{ "UNICODE UTF-32", "UTF-32" },
	{ "GB 18030-2000", "GB18030" },
	{ "GB 18030", "GB18030" },
	{ "BIG-5", "BIG5" },
	{ "BIG 5", "BIG5" },
	{ "KS X 1001", "EUC-KR" },
	{ "CNS 11643-1992", "EUC-TW" },
	{ "CNS 11643", "EUC-TW" },
	/* These are switched to from ASCII: er7_iso2022.c. */
	{ "ISO IR14", "ASCII" },
	{ "ISO IR87", "ASCII" },
	{ "ISO IR159", "ASCII" },
};

bool
er7_charset_name(struct str name, char out[32])
{
	iconv_t cd;

	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		if (str_eq_nocase(name, str_from(charsets[i].hl7))) {
			snprintf(out, 32, "%s", charsets[i].iconv);
			return true;
		}
	}
	if (name.len == 0 || name.len > 31)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		/* No '/': iconv takes options behind it. */
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_'))
			return false;
	}
	snprintf(out, 32, "%.*s", STR_ARG(name));
	cd = iconv_open("UTF-8", out);
	if (cd != (iconv_t)-1)
		iconv_close(cd);
	return cd != (iconv_t)-1;
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

#define UNKNOWN                                                                                    \
	"the character set named in MSH-18 is not known here; use a name of table 0211, or "       \
	"configure what such messages are to be read as"

static int
fatal(struct findings *f, const char *code, uint32_t line, const char *text)
{
	findings_add(f, SEVERITY_FATAL, code, STR("MSH-18"), line, 0, "%s", text);
	return -1;
}

int
er7_iconv(struct str bytes, const char *name, struct arena *a, uint32_t line, struct str *out,
    struct findings *findings)
{
	iconv_t cd = iconv_open("UTF-8", name);
	size_t room = bytes.len + bytes.len / 2 + 64, left = bytes.len, free_len;
	char *text, *in = (char *)bytes.p, *to;

	if (cd == (iconv_t)-1)
		return fatal(findings, "not-supported", line, UNKNOWN);
	text = arena_alloc_bytes(a, room);
	to = text;
	free_len = room;
	while (text && left > 0 && iconv(cd, &in, &left, &to, &free_len) == (size_t)-1) {
		size_t used = (size_t)(to - text);

		if (errno != E2BIG || room > 4 * bytes.len + 64) {
			iconv_close(cd);
			findings_add(findings, SEVERITY_FATAL, "value", STR("MSH-18"), line, 0,
			    "byte %zu of the message does not fit the character set %s",
			    bytes.len - left + 1, name);
			return -1;
		}
		text = arena_grow(a, text, room, room * 2);
		room *= 2;
		to = text ? text + used : NULL;
		free_len = room - used;
	}
	iconv_close(cd);
	if (!text)
		return fatal(findings, "too-costly", line, "the message is too large");
	*out = str_of(text, (size_t)(to - text));
	return 0;
}

static int
bad_utf8(struct str bytes, bool declared, uint32_t line, struct findings *findings)
{
	findings_add(findings, SEVERITY_FATAL, "value", STR("MSH-18"), line, 0,
	    declared ? "byte %zu of the message is not UTF-8, which MSH-18 says it is"
		     : "byte %zu of the message is not UTF-8; name the character set in MSH-18, or "
		       "configure the sender's",
	    utf8_valid_prefix(bytes) + 1);
	return -1;
}

/*
 * Nobody knows the character set of MSH-18. ASCII is in all of them; other
 * bytes are refused, or read as the policy says.
 */
static int
read_unknown(struct str bytes, const struct er7_charsets *c, struct arena *a, uint32_t line,
    struct str *out, struct findings *findings)
{
	char charset[32];

	if (!c->lenient && !is_ascii(bytes))
		return fatal(findings, "not-supported", line, UNKNOWN);
	findings_add(findings, SEVERITY_WARNING, "not-supported", STR("MSH-18"), line, 0,
	    "the character set named in MSH-18 is not known here; the message was read as %.*s",
	    c->fallback.len ? (int)c->fallback.len : 6, c->fallback.len ? c->fallback.p : "8859/1");
	if (is_ascii(bytes) || (!c->fallback.len && utf8_is_valid(bytes)))
		return 0;
	if (!er7_charset_name(c->fallback, charset))
		snprintf(charset, sizeof(charset), "ISO-8859-1");
	return er7_iconv(bytes, charset, a, line, out, findings);
}

/* The first repetition of MSH-18 is what the message is in; others are what
 * it switches to. */
static struct str
first_of(const struct er7_charsets *c)
{
	struct str rest = c->declared, name = STR("");

	if (!c->repetition)
		return rest;
	str_split(&rest, c->repetition, &name);
	return name;
}

static bool
has_wide_bytes(const char *charset)
{
	return str_starts(str_from(charset), STR("UTF")) || strcmp(charset, "GB18030") == 0 ||
	       strcmp(charset, "BIG5") == 0;
}

int
er7_to_utf8(struct str bytes, const struct er7_charsets *c, struct arena *a, uint32_t line,
    struct str *out, struct findings *findings)
{
	struct str declared = first_of(c), name = declared.len ? declared : c->fallback;
	char charset[32] = "";

	*out = bytes;
	if (name.len && !er7_charset_name(name, charset))
		return read_unknown(bytes, c, a, line, out, findings);
	/* Its MSH was read as it stands, so UTF-16 it is no more. */
	if (str_starts(str_from(charset), STR("UTF-16")) ||
	    str_starts(str_from(charset), STR("UTF-32")))
		snprintf(charset, sizeof(charset), "UTF-8");
	if (!has_wide_bytes(charset) && er7_switches(bytes, c))
		return er7_from_iso2022(bytes, charset, c, a, line, out, findings);
	if (is_ascii(bytes))
		return 0;
	if (!name.len)
		return utf8_is_valid(bytes) ? 0 : bad_utf8(bytes, false, line, findings);
	if (strcmp(charset, "UTF-8") == 0 || strcmp(charset, "UTF8") == 0)
		return utf8_is_valid(bytes) ? 0 : bad_utf8(bytes, true, line, findings);
	if (strcmp(charset, "ASCII") == 0 && utf8_is_valid(bytes)) {
		findings_add(findings, SEVERITY_WARNING, "value", STR("MSH-18"), line, 0,
		    "MSH-18 says ASCII, but the message is UTF-8; read as such");
		return 0;
	}
	return er7_iconv(bytes, charset, a, line, out, findings);
}

/* What UTF-16 and UTF-32 begin with: a BOM, or the first letters of a message,
 * a batch or a file. The longer ones first. */
static const struct {
	const char *bytes;
	uint8_t len, skip;
	const char *iconv;
} beginnings[] = {
	{ "\xff\xfe\0\0", 4, 4, "UTF-32LE" },
	{ "\0\0\xfe\xff", 4, 4, "UTF-32BE" },
	{ "\xff\xfe", 2, 2, "UTF-16LE" },
	{ "\xfe\xff", 2, 2, "UTF-16BE" },
	{ "M\0\0\0S\0\0\0H", 9, 0, "UTF-32LE" },
	{ "B\0\0\0H\0\0\0S", 9, 0, "UTF-32LE" },
	{ "F\0\0\0H\0\0\0S", 9, 0, "UTF-32LE" },
	{ "\0\0\0M\0\0\0S\0\0\0H", 12, 0, "UTF-32BE" },
	{ "\0\0\0B\0\0\0H\0\0\0S", 12, 0, "UTF-32BE" },
	{ "\0\0\0F\0\0\0H\0\0\0S", 12, 0, "UTF-32BE" },
	{ "M\0S\0H", 5, 0, "UTF-16LE" },
	{ "B\0H\0S", 5, 0, "UTF-16LE" },
	{ "F\0H\0S", 5, 0, "UTF-16LE" },
	{ "\0M\0S\0H", 6, 0, "UTF-16BE" },
	{ "\0B\0H\0S", 6, 0, "UTF-16BE" },
	{ "\0F\0H\0S", 6, 0, "UTF-16BE" },
};

int
er7_from_utf16(struct str bytes, struct arena *a, struct str *out, struct findings *findings)
{
	*out = bytes;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (str_starts(bytes, str_of(beginnings[i].bytes, beginnings[i].len)))
			return er7_iconv(str_from_index(bytes, beginnings[i].skip),
			    beginnings[i].iconv, a, 1, out, findings);
	return 0;
}
