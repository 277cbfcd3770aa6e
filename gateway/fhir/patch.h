/*
 * patch.h - the patch interaction (R4, 3.1.0.6): by JSON Patch or FHIRPath
 * Patch, plain and conditional.
 *
 * What is stored is read, changed, read again as strictly as what is sent, and
 * becomes an update that expects the version that was read: who was overtaken
 * begins anew (batch_is_overtaken()). XML Patch is not taken.
 */
#ifndef GATEWAY_FHIR_PATCH_H
#define GATEWAY_FHIR_PATCH_H

#include "gateway/fhir/call.h"

struct fhir_batch;

#define PATCH_FORMATS "application/json-patch+json, application/fhir+json, application/fhir+xml"

/* Is the call a patch, or an operation that changes what is stored? Its route
 * was found. */
bool patch_is(const struct fhir_call *c);

/* Does the media type say that the body is a JSON Patch? */
bool patch_is_json(struct str content_type);

/*
 * Take the patch out of the call: c->patch_text as it is; or, of c->record, a
 * Parameters, or the JSON Patch in a Binary as an entry has it. Fails the call
 * when it is none of these. Returns 0 or -1.
 */
int patch_check(const struct fhir_service *s, struct fhir_call *c);

/*
 * Read what the batch's patches are about and give each its changed resource,
 * between batch_authorise() and batch_prepare(). -1 when the whole failed;
 * failing calls of a batch are left out later.
 */
int patch_calls(struct fhir_batch *b, struct store_reader *r, struct record_builder *builder);

#endif
