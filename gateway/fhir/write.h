/*
 * write.h - create, update and delete, plain and conditional: from a call to an
 * op of the store, and from the op's answer to the call's.
 */
#ifndef GATEWAY_FHIR_WRITE_H
#define GATEWAY_FHIR_WRITE_H

#include "gateway/fhir/call.h"

struct batch_references;

/*
 * Check what is asked against itself: the body is there and of the path's
 * type, an update's body has the path's id, conditions can be read. Fails the
 * call when not. Returns 0 or -1.
 */
int write_check(const struct fhir_service *s, struct fhir_call *c);

/*
 * Fill op: verb, id, conditions, bytes, index. `find` tells of references to
 * other ops of the transaction (NULL: none). Fails the call when it cannot.
 * Who sees a compartment only writes in it only: op->within. Returns 0 or -1. Uses CPU in proportion to the resource.
 */
int write_prepare(const struct fhir_service *s, struct fhir_call *c, struct store_op *op,
    reference_entry_fn *find, void *find_ctx);

/* The op was done: make the call's answer. */
void write_answer(const struct fhir_service *s, struct fhir_call *c, const struct store_op *op);

/* The write failed because of this call's op: fail it with what fits. */
void write_answer_error(struct fhir_call *c, const struct store_write *w, const struct pack *p);

#endif
