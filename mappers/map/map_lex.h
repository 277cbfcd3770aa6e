/*
 * map_lex.h - the words of a map file.
 *
 * Two ways of reading: tokens of rules, and plain words (codes of tables),
 * which end at white space. The parser says which. One thread at a time.
 */
#ifndef MAPPERS_MAP_MAP_LEX_H
#define MAPPERS_MAP_MAP_LEX_H

#include "mappers/map/map_internal.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_SIGN, /* text is the sign: "->", "{" */
	TOKEN_BAD,  /* text says what is wrong */
};

struct token {
	enum token_kind kind;
	struct str text;
	struct place place;
};

struct lexer {
	struct str text;
	size_t at;
	const char *file;
	uint32_t line;
	size_t line_start;
	struct arena *arena;
};

/* The next token of a rule. */
struct token map_lex_token(struct lexer *l);

/* The next plain word, "string", '{' or '}'. */
struct token map_lex_word(struct lexer *l);

/* What stands up to the ']' that must come; the '[' was read. */
struct token map_lex_label(struct lexer *l);

#endif
