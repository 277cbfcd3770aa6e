/*
 * fhirpath_lex.h - FHIRPath's tokens (N1, 12).
 *
 * Inside of fhirpath only.
 */
#ifndef PROFILES_FHIRPATH_LEX_H
#define PROFILES_FHIRPATH_LEX_H

#include "profiles/fhirpath_syntax.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_QUOTED, /* `name` */
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_DECIMAL,
	TOKEN_DATE,
	TOKEN_DATETIME,
	TOKEN_TIME,
	TOKEN_CONSTANT, /* %name */
	TOKEN_VARIABLE, /* $name */
	TOKEN_SYMBOL,
};

struct token {
	enum token_kind kind;
	uint32_t at, end;
	struct str text; /* for strings and names: free of escapes */
};

/* Reads one expression; `now` is the token at hand. */
struct parser {
	struct str in;
	struct arena *arena;
	struct error *err;
	struct token now;
	unsigned depth; /* of the parser's recursion */
};

/* Read the next token into p->now. Returns 0, or -1 with p->err set. */
int lex_next(struct parser *p);

/* Set p->err to what is wrong at the offset. Returns -1. */
int lex_fail(struct parser *p, uint32_t at, const char *why);

#endif
