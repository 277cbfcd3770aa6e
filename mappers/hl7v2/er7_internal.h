/*
 * er7_internal.h - what the files of the ER7 reader share.
 */
#ifndef MAPPERS_HL7V2_ER7_INTERNAL_H
#define MAPPERS_HL7V2_ER7_INTERNAL_H

#include <stdbool.h>

#include "base/finding.h"
#include "base/str.h"

struct arena;

/* What is known of a message's character sets. */
struct er7_charsets {
	struct str declared; /* MSH-18, with all its repetitions; may be empty */
	struct str fallback; /* what to take when it is empty; empty: UTF-8 */
	char repetition, escape;
	bool lenient; /* an unknown one is read as the fallback, with a warning */
};

/*
 * Bring a message's bytes to UTF-8. Returns 0 with *out set (bytes themselves
 * where they are UTF-8 already), or -1 with a fatal finding at `line`.
 */
int er7_to_utf8(struct str bytes, const struct er7_charsets *c, struct arena *a, uint32_t line,
    struct str *out, struct findings *findings);

/* The same from one character set by iconv's name; no more than four bytes for
 * each of bytes. */
int er7_iconv(struct str bytes, const char *name, struct arena *a, uint32_t line, struct str *out,
    struct findings *findings);

/* The name iconv knows a character set by; false when it can be none. */
bool er7_charset_name(struct str name, char out[32]);

/* er7_iso2022.c: does the message switch character sets, by the escape
 * sequences of ISO 2022 or those of HL7 (\Cxxyy\, \Mxxyyzz\)? */
bool er7_switches(struct str bytes, const struct er7_charsets *c);

/* Such a message, begun in the character set that iconv knows by that name. */
int er7_from_iso2022(struct str bytes, const char *charset, const struct er7_charsets *c,
    struct arena *a, uint32_t line, struct str *out, struct findings *findings);

/*
 * er7_join.c: put what ADD segments hold behind the segments they continue.
 * *out is the text itself when there is none. Returns 0, or -1: too large.
 */
int er7_join_addenda(struct str text, char field, struct arena *a, struct str *out);

/* Index behind the end of the line that begins at `at`, its end in *end. */
size_t er7_next_line(struct str s, size_t at, size_t *end);

/* Does a segment of that id begin there? */
bool er7_starts_segment(struct str s, size_t at, const char *id);

/* UTF-16 and UTF-32 are told by a BOM or by zero bytes: to UTF-8 then. Returns
 * 0, or -1 with a fatal finding. */
int er7_from_utf16(struct str bytes, struct arena *a, struct str *out, struct findings *findings);

#endif
