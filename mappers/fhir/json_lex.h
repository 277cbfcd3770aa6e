/*
 * json_lex.h - the tokens of JSON (RFC 8259) in a text that is all there.
 *
 * A lexer borrows the text. Its functions stand at a token's first byte (or
 * where their names say) and leave the lexer behind it; they return false when
 * the text is no JSON, with `fault` saying why and `p` where. Strings are
 * checked to be well-formed UTF-8 with paired surrogates. One thread at a time.
 */
#ifndef MAPPERS_FHIR_JSON_LEX_H
#define MAPPERS_FHIR_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct error;

struct json_lex {
	const char *p, *end;
	const char *start; /* of the text, a BOM included */
	const char *fault; /* what is wrong at p; NULL: nothing yet */
	bool too_deep;	   /* the fault is a limit, not a rule of JSON */
	bool control;	   /* a string read had a character XML does not allow: a
			    * control (as an escape) but tab, LF and CR; U+FFFE
			    * and U+FFFF; sticky */
};

enum {
	JSON_SLACK = 8,	   /* bytes that json_text() may write past its text */
	JSON_DEPTH = 1024, /* of values that are skipped */
};

/* Stand at the first byte of text, behind a BOM. */
void json_lex_init(struct json_lex *x, struct str text);

/* Fail here. Returns false. */
bool json_fail(struct json_lex *x, const char *fault);

/*
 * Read the string whose opening quote is at p, without its escapes, into out,
 * which has room for what is left of the text and JSON_SLACK bytes more.
 */
bool json_text(struct json_lex *x, char *out, size_t *len);

/*
 * After json_text() failed inside of a string, at p: go behind the string's
 * end, where that is certain: there is a closing quote on the same line, and
 * what may follow a string follows it. Returns whether it is, the fault
 * forgotten then; else nothing is changed.
 */
bool json_string_resume(struct json_lex *x);

/* Where in the string whose opening quote is at p, and which was read, the byte
 * `offset` of its text comes from. */
const char *json_string_place(const char *p, size_t offset);

/* A number; its text as it stands. */
bool json_number(struct json_lex *x, struct str *out);

/* The word, which starts as the one at p does: "true", "false", "null". */
bool json_word(struct json_lex *x, struct str word);

/* Any value, whole. */
bool json_skip(struct json_lex *x);

/* Whether text is one JSON value with only white space around it. Returns 0,
 * or -1 with *err set. */
int json_check(struct str text, struct error *err);

/* Out-of-line part of json_space(). */
void json_long_space(struct json_lex *x);

static inline bool
json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Go past white space. */
static inline void
json_space(struct json_lex *x)
{
	if (x->p < x->end && (unsigned char)*x->p > ' ')
		return;
	json_long_space(x);
}

/* The byte at p; 0 at the end (a NUL in the text is no token either). */
static inline char
json_peek(const struct json_lex *x)
{
	return x->p < x->end ? *x->p : 0;
}

/* Go past c and white space around it. */
static inline bool
json_take(struct json_lex *x, char c)
{
	json_space(x);
	if (json_peek(x) != c)
		return false;
	x->p++;
	json_space(x);
	return true;
}

#endif
