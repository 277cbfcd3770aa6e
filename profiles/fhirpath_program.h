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
	OP_TOTAL,
	OP_VARIABLE,	/* a: slot */
	OP_LITERAL,	/* a: literal */
	OP_PATH,	/* a, count: plain steps, each from what the one before gives */
	OP_CHILD,	/* a, count: steps, by the item's type */
	OP_CHILD_NAMED, /* a: literal with the name; types known when run */
	OP_INDEXER,	/* a: op */
	OP_OF_TYPE,	/* a: type; kind */
	OP_AS,		/* the same, of one item */
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
	OP_DIVIDE,
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
	FN_REPEAT,
	FN_REPEAT_ALL,
	FN_AGGREGATE,
	FN_SORT,	    /* a, count: list of keys; b: literal, d or a for each key */
	FN_COALESCE,	    /* a, count: list */
	FN_DEFINE_VARIABLE, /* a: slot; b: what it holds */
	FN_TRACE,
	FN_IIF,
	FN_DISTINCT,
	FN_IS_DISTINCT,
	FN_COMBINE,
	FN_INTERSECT,
	FN_EXCLUDE,
	FN_SUBSET_OF,
	FN_SUPERSET_OF,
	FN_CHILDREN,
	FN_DESCENDANTS,

	FN_TEXT_FIRST, /* functions of one text */
	FN_CONTAINS = FN_TEXT_FIRST,
	FN_STARTS_WITH,
	FN_ENDS_WITH,
	FN_LOWER,
	FN_UPPER,
	FN_LENGTH,
	FN_INDEX_OF,
	FN_LAST_INDEX_OF,
	FN_SUBSTRING,
	FN_REPLACE,
	FN_TO_CHARS,
	FN_SPLIT,
	FN_TRIM,
	FN_MATCHES, /* c: pattern; NO_OP where it is no literal */
	FN_MATCHES_FULL,
	FN_REPLACE_MATCHES,
	FN_ENCODE,
	FN_DECODE,
	FN_ESCAPE,
	FN_UNESCAPE,
	FN_TEXT_LAST = FN_UNESCAPE,
	FN_JOIN,

	FN_CONVERT_FIRST,
	FN_TO_BOOLEAN = FN_CONVERT_FIRST,
	FN_TO_INTEGER,
	FN_TO_DECIMAL,
	FN_TO_STRING,
	FN_TO_DATE,
	FN_TO_DATETIME,
	FN_TO_TIME,
	FN_TO_QUANTITY,
	FN_CONVERTS_FIRST,
	FN_CONVERTS_TO_BOOLEAN = FN_CONVERTS_FIRST,
	FN_CONVERTS_TO_INTEGER,
	FN_CONVERTS_TO_DECIMAL,
	FN_CONVERTS_TO_STRING,
	FN_CONVERTS_TO_DATE,
	FN_CONVERTS_TO_DATETIME,
	FN_CONVERTS_TO_TIME,
	FN_CONVERTS_TO_QUANTITY,
	FN_CONVERT_LAST = FN_CONVERTS_TO_QUANTITY,

	FN_MATH_FIRST,
	FN_ABS = FN_MATH_FIRST,
	FN_CEILING,
	FN_FLOOR,
	FN_TRUNCATE,
	FN_ROUND,
	FN_SQRT,
	FN_EXP,
	FN_LN,
	FN_LOG,
	FN_POWER,
	FN_MATH_LAST = FN_POWER,

	FN_LOW_BOUNDARY,
	FN_HIGH_BOUNDARY,
	FN_PRECISION,
	FN_COMPARABLE,
	FN_NOW,
	FN_TODAY,
	FN_TIME_OF_DAY,

	FN_HAS_VALUE,
	FN_GET_VALUE,
	FN_EXTENSION,
	FN_HAS_EXTENSION,
	FN_TYPE,
	FN_RESOLVE,
	FN_ELEMENT_DEFINITION,
	FN_SLICE,
	FN_CHECK_MODIFIERS, /* a, count: list */
	FN_CONFORMS_TO,
	FN_MEMBER_OF,
	FN_SUBSUMES,
	FN_SUBSUMED_BY,
	FN_HTML_CHECKS,
};

enum {
	NO_OP = UINT32_MAX,
	PATH_STEPS = 8, /* in one OP_PATH */
};

struct op {
	uint8_t code; /* enum op_code */
	uint8_t kind; /* enum fhirpath_kind, of OP_OF_TYPE and OP_IS when a is no FHIR type */
	uint16_t count;
	uint32_t input;
	uint32_t a, b, c;
	uint32_t at;   /* offset in the expression */
	uint32_t cost; /* steps it counts for */
};

/* Where the children of a name stand in one type. */
struct step {
	uint32_t type;
	uint32_t first, last; /* elements */
	uint32_t gives;	      /* type of the one element, when plain */
	uint8_t kind;	      /* its enum fhirpath_kind */
	bool plain;	      /* one element, that holds no resource */
};

struct fhirpath {
	struct arena arena;
	const struct pack *pack;
	struct str text; /* a copy of the expression */
	struct op *ops;
	uint32_t op_count, start;
	struct step *steps;
	struct fhirpath_item *literals;
	void **patterns; /* of regular expressions that are literals, compiled */
	uint32_t pattern_count;
	uint32_t *lists;			 /* ops, of functions with many arguments */
	uint32_t given;				 /* slots of variables that evaluation gives */
	uint32_t slot_count;			 /* of all variables */
	struct str type;			 /* what is known of the result, as text */
	uint32_t result_type;			 /* of all its items; PACK_NONE: not known */
	uint32_t root;				 /* type of the context: a resource's; PACK_NONE */
	uint32_t resource, reference, extension; /* types; PACK_NONE */
	uint32_t extension_url;			 /* its element */
	uint32_t quantity;
};

/*
 * Compile a regular expression; `full`: that matches the whole text. Returns
 * PCRE2's code, which any thread may use, or NULL with *err set.
 */
struct error;
void *regex_compile(struct str pattern, bool full, struct error *err);
void regex_free(void *code);

/* The name of a function's code. */
const char *compile_function_name(enum op_code code);

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

#endif
