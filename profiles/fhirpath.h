/*
 * fhirpath.h - FHIRPath over records.
 *
 * An expression is compiled once, with names resolved to element numbers
 * against the pack, into an immutable program that all threads may evaluate.
 * What the engine does not have yet is refused when compiling.
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
 * Where we go beyond the letter: as and as() take collections, as ofType()
 * does, because R4's search parameters need it. resolve() fetches nothing; it
 * may stand only before `is`, as in `where(resolve() is Patient)`, and then
 * the type is told by Reference.type, by the text of the reference
 * ("Patient/1", "http://x/fhir/Patient/1/_history/2") or by the contained
 * resource that "#id" names; where none of these tells, the answer is empty.
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
	FHIRPATH_QUANTITY,
};

enum {
	FHIRPATH_MADE = UINT32_MAX, /* no node: a value made on the way */
};

/* One item of a collection: a node of the record, or a value made on the way. */
struct fhirpath_item {
	uint32_t node;	  /* or FHIRPATH_MADE */
	uint32_t type;	  /* type number in the pack; PACK_NONE for a made value */
	struct str value; /* a primitive's value; may be empty when it is a node */
	uint32_t kind;	  /* enum fhirpath_kind */
};

struct fhirpath_items {
	struct fhirpath_item *at;
	uint32_t count;
};

/*
 * Compile an expression whose context is a node of the given type. Returns
 * NULL with *err set (line and column in the text, what was expected, the
 * nearest name); free with fhirpath_free().
 */
struct fhirpath *
fhirpath_compile(const struct pack *p, uint32_t type, struct str expression, struct error *err);
void fhirpath_free(struct fhirpath *f);

/*
 * Evaluate over node `context` of r. The items lie in the arena. Returns 0, or
 * -1 with *err set: a limit was passed, or the expression cannot be evaluated
 * on this input.
 */
int fhirpath_eval(const struct fhirpath *f, const struct record *r, uint32_t context,
    struct arena *a, struct fhirpath_items *out, struct error *err);

/* Evaluate to a boolean (FHIRPath N1, 4.5): empty is false, one item that is
 * no boolean is true. */
int fhirpath_test(const struct fhirpath *f, const struct record *r, uint32_t context,
    struct arena *a, bool *out, struct error *err);

#endif
