/*
 * fhirpath_diff.h - what changed from one resource to another, as a FHIRPath
 * Patch (R4, 3.1.6).
 *
 * Does no I/O; one thread at a time for each builder.
 */
#ifndef MAPPERS_FHIR_FHIRPATH_DIFF_H
#define MAPPERS_FHIR_FHIRPATH_DIFF_H

#include <stdbool.h>

#include "profiles/record.h"

struct arena;
struct error;

/*
 * Make the Parameters that fhirpath_patch_apply() makes `to` of `from` by, both
 * the resources at node 0. Elements are changed as deep as they can be; members
 * of lists are matched by their longest common run. What value[x] cannot hold
 * is told by parts, xhtml as a string. with_meta: else what meta says is let be.
 *
 * Returns the record, in the arena: without parameters when nothing changed.
 * NULL with *err set: ERROR_INVALID, they are of different types; ERROR_LIMIT.
 */
const struct record *fhirpath_diff(const struct record *from, const struct record *to,
    bool with_meta, struct record_builder *b, struct arena *a, struct error *err);

#endif
