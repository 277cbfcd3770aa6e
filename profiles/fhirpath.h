/*
 * fhirpath.h - FHIRPath (N1, with the additions of FHIR R4) over records.
 *
 * An expression is compiled once, with names resolved to element numbers
 * against the pack and types inferred, into an immutable program that all
 * threads may evaluate.
 *
 * An element is named as in FHIRPath ("value", not "valueQuantity"). A step
 * into an element that holds a resource gives the resource. The name of a type
 * at the start of a path stands for the context if that is of the type, and
 * for nothing if it is not, so that one expression may speak of several
 * resource types, as those of search parameters do.
 *
 * is() counts a specialisation as its base; so do as() and ofType(), but for
 * primitives, which they take by their exact type (a code is no string there),
 * as the official tests have it.
 *
 * Where we go beyond the letter: in expressions of the definitions themselves
 * as and as() take collections, as ofType() does, because R4's search
 * parameters and its invariant dom-3 need it. `resolve() is T` fetches
 * nothing where Reference.type, the text of the reference ("Patient/1",
 * "http://x/fhir/Patient/1/_history/2") or the contained resource that "#id"
 * names tells the type. %vs-name and %ext-name need no quotes.
 * hasExtension(url), which one of R4's search parameters uses and no
 * specification defines, is extension(url).exists().
 */
#ifndef PROFILES_FHIRPATH_H
#define PROFILES_FHIRPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "profiles/record.h"

struct arena;
struct error;
struct fhirpath;

/* What an item's value is in FHIRPath's own types. */
enum fhirpath_kind {
	FHIRPATH_NODE, /* no primitive */
	FHIRPATH_BOOLEAN,
	FHIRPATH_STRING,
	FHIRPATH_INTEGER,
	FHIRPATH_DECIMAL,
	FHIRPATH_DATE,
	FHIRPATH_DATETIME,
	FHIRPATH_TIME,
	FHIRPATH_QUANTITY, /* text: "4 days", "1.5 'mg'" */
	FHIRPATH_TYPE,	   /* what type() gives; text: "FHIR.Patient" */
};

enum {
	FHIRPATH_MADE = UINT32_MAX, /* no node: a value made on the way */
};

enum {
	/* Of one evaluation: nodes visited, items compared, bytes of text by 64. */
	FHIRPATH_STEPS = 20000000,
};

/* One item of a collection: a node of a record, or a value made on the way. */
struct fhirpath_item {
	uint32_t node;	  /* or FHIRPATH_MADE */
	uint32_t type;	  /* type number in the pack; PACK_NONE for a made value */
	struct str value; /* a primitive's value; may be empty when it is a node */
	uint32_t kind;	  /* enum fhirpath_kind */
	uint32_t record;  /* 0: the one evaluated; else one the host gave */
};

struct fhirpath_items {
	struct fhirpath_item *at;
	uint32_t count;
	const struct record **records; /* by number; NULL: all are of the one evaluated */
};

/*
 * What evaluation asks of its surroundings; any function may be NULL. Called
 * from the thread that evaluates. Where there is nobody to ask, resolve()
 * finds only what the record itself holds; memberOf(), subsumes(),
 * subsumedBy(), conformsTo() and elementDefinition() answer from the pack's value
 * sets, code systems and types, and are empty where it cannot tell (conformsTo()
 * of a structure it does not have is an error); slice(), which needs profiles,
 * is an error. Each returns 1 for yes, 0 for no, -1 when it cannot be told.
 */
struct fhirpath_host {
	void *ctx;
	/* The resource a reference or canonical names, made with the same pack and
	 * good until the evaluation's arena goes; NULL when there is none. */
	const struct record *(*resolve)(void *ctx, struct str reference, struct arena *a);
	int (*member_of)(void *ctx, struct str system, struct str code, struct str value_set);
	int (*subsumes)(void *ctx, struct str system, struct str broad, struct str narrow);
	int (*conforms_to)(void *ctx, const struct record *r, uint32_t node, struct str structure);
	/* Whether the node is in the named slice of the structure. */
	int (*in_slice)(void *ctx, const struct record *r, uint32_t node, struct str structure,
	    struct str slice);
	/* The node's ElementDefinition, as a record of that type. */
	const struct record *(*element_definition)(
	    void *ctx, const struct record *r, uint32_t node, struct arena *a);
	/* What trace() was given; `of` are the items or their projection. */
	void (*trace)(void *ctx, struct str name, const struct fhirpath_items *of);
};

/* What a program is compiled for. */
struct fhirpath_options {
	uint32_t type;		     /* of the context */
	bool definition;	     /* a search parameter's or an invariant's expression */
	uint32_t element;	     /* that it is for; where it is one of a choice, of all */
	const struct str *variables; /* names (without %) that evaluation gives values for */
	uint32_t variable_count;
};

/* What a program is evaluated over. */
struct fhirpath_input {
	const struct record *record;
	uint32_t context;			/* node that $this and %context are */
	const struct fhirpath_items *variables; /* as fhirpath_options names them; of the record */
	const struct fhirpath_host *host;	/* may be NULL */
	int64_t now;				/* wall time of now(); 0: the clock's */
	uint32_t steps;				/* it may take; 0: FHIRPATH_STEPS */
};

/*
 * Compile an expression. Returns NULL with *err set (line and column in the
 * text, what was expected, the nearest name); free with fhirpath_free().
 */
struct fhirpath *fhirpath_compile_with(const struct pack *p, struct str expression,
    const struct fhirpath_options *options, struct error *err);

/* The same for a context of that type, without variables. */
struct fhirpath *
fhirpath_compile(const struct pack *p, uint32_t type, struct str expression, struct error *err);

/*
 * The same for an expression of FHIR's definitions: a search parameter's or an
 * invariant's, for an element (a type's number is the element of its root).
 */
struct fhirpath *fhirpath_compile_definition(
    const struct pack *p, uint32_t element, struct str expression, struct error *err);
void fhirpath_free(struct fhirpath *f);

/* The type of all items the program may give, a number of the pack; PACK_NONE
 * when it is not known, when they may be of several, or values made. */
uint32_t fhirpath_result_type(const struct fhirpath *f);

/*
 * Evaluate. The items lie in the arena. Returns 0, or -1 with *err set: a
 * limit was passed, or the expression cannot be evaluated on this input.
 */
int fhirpath_run(const struct fhirpath *f, const struct fhirpath_input *input, struct arena *a,
    struct fhirpath_items *out, struct error *err);

/* The same over node `context` of r, without variables and host. */
int fhirpath_eval(const struct fhirpath *f, const struct record *r, uint32_t context,
    struct arena *a, struct fhirpath_items *out, struct error *err);

/* Evaluate to a boolean (FHIRPath N1, 4.5): empty is false, one item that is
 * no boolean is true. */
int fhirpath_test(const struct fhirpath *f, const struct record *r, uint32_t context,
    struct arena *a, bool *out, struct error *err);

/* "FHIR.HumanName", "System.Integer": the type of an item. In the arena where
 * it must be made. */
struct str
fhirpath_type_name(const struct pack *p, const struct fhirpath_item *item, struct arena *a);

/* Write the program, an operation a line, and its static type. */
struct buf;
void fhirpath_explain(const struct fhirpath *f, struct buf *out);

#endif
