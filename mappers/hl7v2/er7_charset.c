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
	{ "8859/15", "ISO-8859-15" },
	{ "UNICODE UTF-8", "UTF-8" },
	{ "UNICODE", "UTF-8" },
	{ "UNICODE UTF-16", "UTF-16" },
	{ "UNICODE UTF-32", "UTF-32" },
	{ "GB 18030-2000", "GB18030" },
	{ "BIG-5", "BIG5" },
	{ "KS X 1001", "EUC-KR" },
	{ "CNS 11643-1992", "EUC-TW" },
	{ "ISO IR14", "ISO-2022-JP" },
	{ "ISO IR87", "ISO-2022-JP" },
	{ "ISO IR159", "ISO-2022-JP-1" },
};

/* The name iconv knows the character set by; false when it can be none. */
static bool
charset_name(struct str name, char out[32])
{
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
	return true;
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

static int
fatal(struct findings *f, const char *code, uint32_t line, const char *text)
{
	findings_add(f, SEVERITY_FATAL, code, STR("MSH-18"), line, 0, "%s", text);
	return -1;
}

static int
convert(struct str bytes, const char *name, struct arena *a, uint32_t line, struct str *out,
    struct findings *findings)
{
	iconv_t cd = iconv_open("UTF-8", name);
	size_t room = bytes.len + bytes.len / 2 + 64, left = bytes.len, free_len;
	char *text, *in = (char *)bytes.p, *to;

	if (cd == (iconv_t)-1)
		return fatal(findings, "not-supported", line,
		    "the character set named in MSH-18 is not known here; use a name of table "
		    "0211");
	text = arena_alloc_bytes(a, room);
	to = text;
	free_len = room;
	while (text && left > 0 && iconv(cd, &in, &left, &to, &free_len) == (size_t)-1) {
		size_t used = (size_t)(to - text);
		char *more;

		if (errno != E2BIG) {
			iconv_close(cd);
			findings_add(findings, SEVERITY_FATAL, "value", STR("MSH-18"), line, 0,
			    "byte %zu of the message does not fit the character set %s",
			    bytes.len - left + 1, name);
			return -1;
		}
		more = arena_grow(a, text, room, room * 2);
		if (!more)
			text = NULL;
		else
			text = more;
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

int
er7_to_utf8(struct str bytes, struct str declared, struct str fallback, struct arena *a,
    uint32_t line, struct str *out, struct findings *findings)
{
	struct str name = declared.len ? declared : fallback;
	char charset[32];

	*out = bytes;
	if (name.len && !charset_name(name, charset))
		return fatal(findings, "not-supported", line,
		    "the character set named in MSH-18 is not known here; use a name of table "
		    "0211");
	/* Stateful sets are ASCII bytes throughout. */
	if (is_ascii(bytes) && (!name.len || memchr(bytes.p, 0x1b, bytes.len) == NULL))
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
	return convert(bytes, charset, a, line, out, findings);
}

int
er7_from_utf16(struct str bytes, struct arena *a, struct str *out, struct findings *findings)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	*out = bytes;
	if (bytes.len < 8)
		return 0;
	if (p[0] == 0xff && p[1] == 0xfe)
		return convert(str_from_index(bytes, 2), "UTF-16LE", a, 1, out, findings);
	if (p[0] == 0xfe && p[1] == 0xff)
		return convert(str_from_index(bytes, 2), "UTF-16BE", a, 1, out, findings);
	if (memcmp(p, "M\0S\0H\0", 6) == 0)
		return convert(bytes, "UTF-16LE", a, 1, out, findings);
	if (memcmp(p, "\0M\0S\0H", 6) == 0)
		return convert(bytes, "UTF-16BE", a, 1, out, findings);
	return 0;
}
