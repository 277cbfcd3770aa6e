/*
 * references.h - what a resource that is written refers to: which references
 * must lead somewhere (R4, 2.3.0.6; 3.1.0.11.2).
 */
#ifndef GATEWAY_FHIR_REFERENCES_H
#define GATEWAY_FHIR_REFERENCES_H

#include "gateway/fhir/call.h"

/*
 * Walk the references of c's resource. In a transaction (find is there) one to a
 * urn:uuid or urn:oid that is no entry's fullUrl fails c. Where the service checks
 * references, resources of this server that are named become op's targets.
 * Returns 0 or -1.
 */
int references_check(const struct fhir_service *s, struct fhir_call *c, reference_entry_fn *find,
    void *find_ctx, struct store_op *op);

#endif
