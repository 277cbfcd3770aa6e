/*
 * fhirpath_program.h - a compiled FHIRPath expression.
 *
 * Inside of fhirpath only. A program is a tree of ops in one array; an op
 * names its operands by number. It is immutable once compiled.
 */
#ifndef PROFILES_FHIRPATH_PROGRAM_H
#define PROFILES_FHIRPATH_PROGRAM_H

#include "base/arena.h"
#include "base/error.h"
#include "profiles/fhirpath.h"

enum op_code {
	OP_NOTHING,
	OP_THIS,
	OP_CONTEXT,
	OP_RESOURCE,
	OP_ROOT_RESOURCE,
	OP_INDEX,
	OP_LITERAL,	/* a: literal */
	OP_CHILD,	/* a, count: steps */
	OP_CHILD_NAMED, /* a: literal with the name; types known when run */
	OP_INDEXER,	/* a: op */
	OP_OF_TYPE,	/* a: type; kind */
	OP_IS,
	OP_REFERS, /* input is a reference to something of type a */
	OP_SIGN,   /* minus */

	/* input and a: operands */
	OP_UNION,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_IMPLIES,
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_EQUIVALENT,
	OP_NOT_EQUIVALENT,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_IN,
	OP_CONTAINS,
	OP_ADD,
	OP_SUBTRACT,
	OP_MULTIPLY,
	OP_DIV,
	OP_MOD,
	OP_CONCATENATE,

	/* functions; a, b, c: arguments */
	FN_EMPTY,
	FN_EXISTS,
	FN_ALL,
	FN_ALL_TRUE,
	FN_ANY_TRUE,
	FN_ALL_FALSE,
	FN_ANY_FALSE,
	FN_NOT,
	FN_COUNT,
	FN_FIRST,
	FN_LAST,
	FN_TAIL,
	FN_SKIP,
	FN_TAKE,
	FN_SINGLE,
	FN_WHERE,
	FN_SELECT,
	FN_DISTINCT,
	FN_IS_DISTINCT,
	FN_COMBINE,
	FN_INTERSECT,
	FN_EXCLUDE,
	FN_SUBSET_OF,
	FN_SUPERSET_OF,
	FN_HAS_VALUE,
	FN_GET_VALUE,
	FN_EXTENSION,
	FN_HAS_EXTENSION,
	FN_CONTAINS,
	FN_STARTS_WITH,
	FN_ENDS_WITH,
	FN_TO_STRING,
	FN_LOWER,
	FN_UPPER,
	FN_LENGTH,
	FN_IIF,
	FN_CHILDREN,
	FN_DESCENDANTS,
};

enum {
	NO_OP = UINT32_MAX,
};

struct op {
	uint8_t code; /* enum op_code */
	uint8_t kind; /* enum fhirpath_kind, of OP_OF_TYPE and OP_IS when a is no FHIR type */
	uint16_t count;
	uint32_t input;
	uint32_t a, b, c;
	uint32_t at; /* offset in the expression */
};

/* Where the children of a name stand in one type. */
struct step {
	uint32_t type;
	uint32_t first, last; /* elements */
};

struct fhirpath {
	struct arena arena;
	const struct pack *pack;
	struct str text; /* a copy of the expression */
	struct op *ops;
	uint32_t op_count, start;
	struct step *steps;
	struct fhirpath_item *literals;
	uint32_t resource, reference, extension; /* types; PACK_NONE */
	uint32_t extension_url;			 /* its element */
};

/* FHIRPath's own type behind a primitive's lexical space. */
enum fhirpath_kind fhirpath_kind_of(uint8_t lexical);

/* Whether a value is a number, or a date or dateTime. */
static inline bool
kind_is_number(uint32_t kind)
{
	return kind == FHIRPATH_INTEGER || kind == FHIRPATH_DECIMAL;
}

static inline bool
kind_is_date(uint32_t kind)
{
	return kind == FHIRPATH_DATE || kind == FHIRPATH_DATETIME;
}

enum comparison {
	COMPARED,
	NOT_COMPARABLE, /* of different kinds */
	UNDECIDED,	/* one is less precise than the other, and they agree so far */
};

/*
 * Compare two primitives' values: numbers exactly, dates and times by
 * precision (N1, 6.2), texts by their characters. *order is below, at or above
 * 0 when COMPARED.
 */
enum comparison
value_compare(const struct fhirpath_item *x, const struct fhirpath_item *y, int *order);

/* A hash that equal values of primitives share. */
uint64_t value_hash(const struct fhirpath_item *x);

#endif
