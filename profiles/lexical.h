/*
 * lexical.h - the lexical rules of FHIR's primitive types (R4, 2.24.0.1), as
 * the regular expressions and the prose of the data types page have them.
 *
 * Where the two differ, the stricter that can be written in both JSON and XML
 * holds: a code has no white space but single spaces inside; a date names a day
 * that there is; a string holds no control characters but tab, CR and LF, which
 * XML could not carry. Texts are well-formed UTF-8; any thread may call.
 */
#ifndef PROFILES_LEXICAL_H
#define PROFILES_LEXICAL_H

#include <stdbool.h>

#include "base/str.h"
#include "profiles/pack.h"

/* How a value is written in JSON. */
enum lexical_form {
	FORM_NONE, /* no primitive */
	FORM_STRING,
	FORM_NUMBER,
	FORM_BOOLEAN,
};

enum lexical_verdict {
	LEXICAL_VALID,
	LEXICAL_INVALID,
	LEXICAL_TOO_LONG, /* a string of over 1,048,576 characters */
};

static inline enum lexical_form
lexical_form(enum pack_lexical kind)
{
	switch (kind) {
	case LEXICAL_NONE:
		return FORM_NONE;
	case LEXICAL_BOOLEAN:
		return FORM_BOOLEAN;
	case LEXICAL_INTEGER:
	case LEXICAL_UNSIGNED_INT:
	case LEXICAL_POSITIVE_INT:
	case LEXICAL_DECIMAL:
		return FORM_NUMBER;
	default:
		return FORM_STRING;
	}
}

/* Whether s is a value of the kind. */
enum lexical_verdict lexical_check(enum pack_lexical kind, struct str s);

/* What a value of the kind looks like, for findings: "a date: YYYY, …". */
const char *lexical_rule(enum pack_lexical kind);

#endif
