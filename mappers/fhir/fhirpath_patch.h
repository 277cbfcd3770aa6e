/*
 * fhirpath_patch.h - FHIRPath Patch (R4, 3.1.6): changes told by a Parameters
 * resource whose parameters "operation" have the parts type (add, insert,
 * delete, replace, move), path, name, value, index, source and destination.
 *
 * Does no I/O; one thread at a time for each builder.
 */
#ifndef MAPPERS_FHIR_FHIRPATH_PATCH_H
#define MAPPERS_FHIR_FHIRPATH_PATCH_H

#include "profiles/record.h"

struct arena;
struct error;

enum {
	FHIRPATH_PATCH_OPERATIONS = 1000, /* the most of one patch */
};

/*
 * Apply the patch, the Parameters at node n of patch, to the resource at node 0
 * of r; each operation sees what those before it have made. An element left
 * without value and children goes too. A value of one primitive type may be put
 * where another is, if it has its lexical form (xhtml is sent as a string). To
 * delete what is not there changes nothing.
 *
 * Returns the new record, in the arena, its values of the right form but
 * elements that must be there perhaps missing: whoever promises valid data
 * reads it again. NULL with *err set: ERROR_INVALID, what is no FHIRPath Patch;
 * ERROR_CONFLICT, it cannot be applied to this resource; ERROR_LIMIT. Texts
 * tell the operation by its number.
 */
const struct record *fhirpath_patch_apply(const struct record *patch, uint32_t n,
    const struct record *r, struct record_builder *b, struct arena *a, struct error *err);

#endif
