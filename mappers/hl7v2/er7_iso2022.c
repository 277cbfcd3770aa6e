/*
 * Messages that switch character sets (HL7 v2.9, 2.7.2 and 2.7.3; ISO 2022).
 *
 * Bytes below 0x80 are of the set designated to G0, those from 0xA0 of that of
 * G1. A set of two bytes in G0 hides the separators, which is why this is done
 * before the message is cut. At the end of a segment all is as at the start; at
 * the end of a field, too, where the field separator can be seen.
 */
#include <errno.h>
#include <iconv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "mappers/hl7v2/er7_internal.h"

enum {
	ESC = 0x1b,
	RUN = 512, /* bytes converted at a time */
};

/* A character set that can be designated. */
struct set {
	const char *sequence; /* behind ESC, and in hex behind \C or \M */
	bool g1;
	uint8_t width;	   /* bytes a character */
	const char *iconv; /* where its bytes stand with 0x80 added; NULL: ASCII */
	const char *prefix;
};

static const struct set ascii = { "(B", false, 1, NULL, NULL };

static const struct set sets[] = {
	{ "(B", false, 1, NULL, NULL },		/* ISO IR6: ASCII */
	{ "(J", false, 1, NULL, NULL },		/* ISO IR14: JIS X 0201, Romaji */
	{ "(I", false, 1, "katakana", NULL },	/* ISO IR13: JIS X 0201, Katakana */
	{ ")I", true, 1, "katakana", NULL },	/* the same */
	{ "-A", true, 1, "ISO-8859-1", NULL },	/* ISO IR100 */
	{ "-B", true, 1, "ISO-8859-2", NULL },	/* ISO IR101 */
	{ "-C", true, 1, "ISO-8859-3", NULL },	/* ISO IR109 */
	{ "-D", true, 1, "ISO-8859-4", NULL },	/* ISO IR110 */
	{ "-L", true, 1, "ISO-8859-5", NULL },	/* ISO IR144 */
	{ "-G", true, 1, "ISO-8859-6", NULL },	/* ISO IR127 */
	{ "-F", true, 1, "ISO-8859-7", NULL },	/* ISO IR126 */
	{ "-H", true, 1, "ISO-8859-8", NULL },	/* ISO IR138 */
	{ "-M", true, 1, "ISO-8859-9", NULL },	/* ISO IR148 */
	{ "-b", true, 1, "ISO-8859-15", NULL }, /* ISO IR203 */
	{ "$B", false, 2, "EUC-JP", NULL },	/* ISO IR87: JIS X 0208 */
	{ "$@", false, 2, "EUC-JP", NULL },	/* ISO IR42: its first edition */
	{ "$(D", false, 2, "EUC-JP", "\x8f" },	/* ISO IR159: JIS X 0212 */
	{ "$(C", false, 2, "EUC-KR", NULL },	/* ISO IR149: KS X 1001 */
	{ "$)C", true, 2, "EUC-KR", NULL },	/* the same */
	{ "$A", false, 2, "EUC-CN", NULL },	/* ISO IR58: GB 2312 */
	{ "$)A", true, 2, "EUC-CN", NULL },	/* the same */
	{ "$(G", false, 2, "EUC-TW", NULL },	/* ISO IR171: CNS 11643, plane 1 */
	{ "$)G", true, 2, "EUC-TW", NULL },	/* the same */
};

struct switcher {
	struct str bytes;
	size_t at;
	char escape, field;
	const struct set *g0, *g1, *first_g1;
	struct set declared; /* the set the message begins in */
	struct buf out;
};

/* The set of the sequence that begins at s, its length in *len. */
static const struct set *
find_set(struct str s, size_t *len)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (str_starts(s, str_from(sets[i].sequence))) {
			*len = strlen(sets[i].sequence);
			return &sets[i];
		}
	}
	return NULL;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* "\C2D41\" or "\M242844\" at s; its length in *len. */
static const struct set *
find_escaped(struct str s, char escape, size_t *len)
{
	char sequence[3];
	size_t n = 0, used, at = 2;
	const struct set *set;

	if (s.len < 7 || s.p[0] != escape || (s.p[1] != 'C' && s.p[1] != 'M'))
		return NULL;
	for (; n < 3 && at + 2 < s.len && s.p[at] != escape; at += 2, n++) {
		int hi = hex_digit(s.p[at]), lo = hex_digit(s.p[at + 1]);

		if (hi < 0 || lo < 0)
			return NULL;
		sequence[n] = (char)(hi * 16 + lo);
	}
	set = find_set(str_of(sequence, n), &used);
	if (!set || used != n || at >= s.len || s.p[at] != escape)
		return NULL;
	*len = at + 1;
	return set;
}

/* The switch at the present place, by either kind of sequence. */
static const struct set *
switch_here(const struct switcher *w, size_t *len)
{
	struct str rest = str_from_index(w->bytes, w->at);
	const struct set *set;

	if (rest.p[0] == ESC) {
		set = find_set(str_from_index(rest, 1), len);
		*len += set != NULL;
		return set;
	}
	return w->escape && rest.p[0] == w->escape ? find_escaped(rest, w->escape, len) : NULL;
}

bool
er7_switches(struct str bytes, const struct er7_charsets *c)
{
	struct switcher w = { .bytes = bytes, .escape = c->escape };
	size_t len = 0;

	for (const char *p = bytes.p; p && (p = memchr(p, ESC, bytes.len - (size_t)(p - bytes.p)));
	     p++) {
		w.at = (size_t)(p - bytes.p);
		if (switch_here(&w, &len))
			return true;
	}
	for (const char *p = bytes.p;
	     p && c->escape && (p = memchr(p, c->escape, bytes.len - (size_t)(p - bytes.p))); p++) {
		w.at = (size_t)(p - bytes.p);
		if (switch_here(&w, &len))
			return true;
	}
	return false;
}

/* Half-width Katakana stand in JIS X 0201's order. */
static int
put_katakana(struct switcher *w, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned c = p[i] | 0x80u;
		char utf8[4];

		if (c < 0xa1 || c > 0xdf)
			return -1;
		buf_put(&w->out, utf8, utf8_encode(0xff61 + c - 0xa1, utf8));
	}
	return 0;
}

static int
put_run(struct switcher *w, const struct set *set, const unsigned char *p, size_t n)
{
	char in[RUN * 2], text[RUN * 8], *from = in, *to = text;
	size_t len = 0, left, room = sizeof(text);
	iconv_t cd;

	if (strcmp(set->iconv, "katakana") == 0)
		return put_katakana(w, p, n);
	for (size_t i = 0; i < n; i++) {
		if (set->prefix && i % set->width == 0)
			in[len++] = set->prefix[0];
		in[len++] = (char)(p[i] | 0x80);
	}
	cd = iconv_open("UTF-8", set->iconv);
	if (cd == (iconv_t)-1)
		return -1;
	left = len;
	if (iconv(cd, &from, &left, &to, &room) == (size_t)-1 || left)
		len = 0;
	iconv_close(cd);
	buf_put(&w->out, text, (size_t)(to - text));
	return len || !n ? 0 : -1;
}

/* Convert the characters from here on that are of one half of the code. */
static int
take_run(struct switcher *w, const struct set *set, bool high)
{
	const unsigned char *p = (const unsigned char *)w->bytes.p + w->at;
	size_t left = w->bytes.len - w->at, n = 0, len;
	struct switcher next = *w;

	while (n + set->width <= left && n + set->width <= RUN) {
		next.at = w->at + n;
		if (n && switch_here(&next, &len))
			break;
		for (unsigned i = 0; i < set->width; i++)
			if (p[n + i] <= ' ' || (p[n + i] >= 0x80) != high)
				left = n;
		if (left == n)
			break;
		n += set->width;
	}
	if (n == 0)
		return -1;
	w->at += n;
	return put_run(w, set, p, n);
}

static void
start_again(struct switcher *w)
{
	w->g0 = &ascii;
	w->g1 = w->first_g1;
}

static int
step(struct switcher *w)
{
	unsigned char c = (unsigned char)w->bytes.p[w->at];
	size_t len = 0;
	const struct set *set;

	set = switch_here(w, &len);
	if (set) {
		*(set->g1 ? &w->g1 : &w->g0) = set;
		w->at += len;
		return 0;
	}
	if (c == '\r' || c == '\n' || (w->g0->width == 1 && c == (unsigned char)w->field))
		start_again(w);
	if (c >= 0x80)
		return w->g1 ? take_run(w, w->g1, true) : -1;
	if (c > ' ' && w->g0->iconv && (w->g0->width > 1 || c != (unsigned char)w->escape))
		return take_run(w, w->g0, false);
	buf_put_byte(&w->out, (char)c);
	w->at++;
	return 0;
}

int
er7_from_iso2022(struct str bytes, const char *charset, const struct er7_charsets *c,
    struct arena *a, uint32_t line, struct str *out, struct findings *findings)
{
	struct switcher w = { .bytes = bytes, .escape = c->escape, .field = bytes.p[3] };
	int rc = 0;

	if (charset[0] && strcmp(charset, "ASCII") != 0) {
		/* EUC's sets have two bytes, those of ISO 8859 one. */
		w.declared = (struct set){ "", true,
			str_starts(str_from(charset), STR("EUC")) ? 2 : 1, charset, NULL };
		w.first_g1 = &w.declared;
	}
	start_again(&w);
	buf_init(&w.out, 4 * bytes.len + 64);
	w.out.wipe = true;
	while (rc == 0 && w.at < bytes.len)
		rc = step(&w);
	if (rc != 0)
		findings_add(findings, SEVERITY_FATAL, "value", STR("MSH-18"), line, 0,
		    "byte %zu of the message does not fit the character set it is to be in",
		    w.at + 1);
	if (rc == 0) {
		*out = str_dup(a, buf_str(&w.out));
		if (!out->p || w.out.full) {
			rc = -1;
			findings_add(findings, SEVERITY_FATAL, "too-costly", STR("MSH-18"), line, 0,
			    "the message is too large");
		}
	}
	buf_release(&w.out);
	return rc;
}
