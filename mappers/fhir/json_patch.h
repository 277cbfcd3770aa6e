/*
 * json_patch.h - JSON Patch (RFC 6902) by JSON Pointers (RFC 6901).
 *
 * Works on any JSON, and for FHIR on a resource's JSON as it is stored
 * (R4, 3.1.0.6). Does no I/O; one thread at a time.
 */
#ifndef MAPPERS_FHIR_JSON_PATCH_H
#define MAPPERS_FHIR_JSON_PATCH_H

#include "mappers/fhir/json_value.h"

struct arena;
struct error;

enum {
	JSON_PATCH_OPERATIONS = 10000, /* the most of one patch */
};

/*
 * Apply the patch to *doc, operation by operation; values of the patch become
 * part of the document, so that it can be applied once only. What a failed
 * patch leaves of *doc is not to be used. Numbers are compared by what they
 * mean (1.0 is 1), objects whatever the order of their members.
 *
 * Returns 0, or -1 with *err set: ERROR_INVALID, what is no JSON Patch;
 * ERROR_CONFLICT, it cannot be applied to this document (nothing at a path, a
 * test that fails); ERROR_LIMIT, too many operations, too much work, or the
 * arena is full. Texts tell the operation by its number, and no value.
 */
int json_patch_apply(
    struct json_value *patch, struct json_value **doc, struct arena *a, struct error *err);

/*
 * As json_patch_apply(), from text to text. The result lies in the arena;
 * {NULL, 0} with *err set. most: bytes that the result may have.
 */
struct str
json_patch_text(struct str patch, struct str doc, size_t most, struct arena *a, struct error *err);

#endif
