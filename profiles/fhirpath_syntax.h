/*
 * fhirpath_syntax.h - FHIRPath's grammar (N1, section 12): text into a tree.
 *
 * Inside of fhirpath only. The tree lies in the arena and borrows the text.
 */
#ifndef PROFILES_FHIRPATH_SYNTAX_H
#define PROFILES_FHIRPATH_SYNTAX_H

#include <stdint.h>

#include "base/str.h"

struct arena;
struct error;

enum syntax_kind {
	SYNTAX_EMPTY,	 /* {} */
	SYNTAX_BOOLEAN,	 /* text */
	SYNTAX_STRING,	 /* text, free of escapes */
	SYNTAX_INTEGER,	 /* text */
	SYNTAX_DECIMAL,	 /* text */
	SYNTAX_DATE,	 /* text without @ */
	SYNTAX_DATETIME, /* text without @ */
	SYNTAX_TIME,	 /* text without @T */
	SYNTAX_QUANTITY, /* text: "4 days", "1.5 'mg'" */
	SYNTAX_NAME,	 /* text; left: what it is an element of, or NULL */
	SYNTAX_CALL,	 /* text, args; left as for a name */
	SYNTAX_THIS,	 /* $this */
	SYNTAX_INDEX,	 /* $index */
	SYNTAX_TOTAL,	 /* $total */
	SYNTAX_CONSTANT, /* %text */
	SYNTAX_INDEXER,	 /* left [ right ] */
	SYNTAX_BINARY,	 /* left op right */
	SYNTAX_SIGN,	 /* op left */
	SYNTAX_IS,	 /* left is text */
	SYNTAX_AS,	 /* left as text */
};

enum syntax_op {
	BINARY_MULTIPLY,
	BINARY_DIVIDE,
	BINARY_DIV,
	BINARY_MOD,
	BINARY_ADD,
	BINARY_SUBTRACT,
	BINARY_CONCATENATE,
	BINARY_UNION,
	BINARY_GREATER,
	BINARY_LESS,
	BINARY_GREATER_EQUAL,
	BINARY_LESS_EQUAL,
	BINARY_EQUAL,
	BINARY_EQUIVALENT,
	BINARY_NOT_EQUAL,
	BINARY_NOT_EQUIVALENT,
	BINARY_IN,
	BINARY_CONTAINS,
	BINARY_AND,
	BINARY_OR,
	BINARY_XOR,
	BINARY_IMPLIES,
};

struct syntax {
	uint8_t kind; /* enum syntax_kind */
	uint8_t op;   /* enum syntax_op */
	uint16_t depth;
	uint32_t at; /* offset in the expression */
	uint32_t arg_count;
	struct str text;
	struct syntax *left, *right;
	struct syntax *args, *next; /* of a call; next: the argument after this */
};

enum {
	SYNTAX_BYTES = 1 << 16, /* of an expression */
	SYNTAX_DEPTH = 300,	/* of the tree */
};

/* Parse. Returns NULL with *err set: line, column and what was expected. */
struct syntax *syntax_parse(struct str expression, struct arena *a, struct error *err);

/* Set *err to "line L, column C: …" for an offset in the expression. */
int syntax_error(struct error *err, struct str expression, uint32_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
