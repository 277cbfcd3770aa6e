/*
 * fhirpath.h - FHIRPath over records.
 *
 * An expression is compiled once, with names resolved to element numbers
 * against the pack, into an immutable program that all threads may evaluate.
 * What the engine does not have yet is refused when compiling.
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

/* One item of a collection: a node of the record, or a value made on the way. */
struct fhirpath_item {
	uint32_t node;	  /* UINT32_MAX: a made value */
	uint32_t type;	  /* type number in the pack, or PACK_NONE */
	struct str value; /* a primitive's value */
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
