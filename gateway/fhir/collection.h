/*
 * collection.h - resources without requests: what a file of them asks for.
 */
#ifndef GATEWAY_FHIR_COLLECTION_H
#define GATEWAY_FHIR_COLLECTION_H

#include "gateway/fhir/batch.h"

/*
 * The calls that keep what r holds, in place of batch_init_bundle(): each
 * resource an update of its id, or a create where it has none. Of a Bundle of type
 * collection, searchset or history, its entries' resources, in one transaction
 * (BATCH_TRANSACTION), in which they may refer to each other by fullUrl; anything
 * else is one resource (BATCH_SINGLE), also Bundles of other types. Answers are
 * minimal. Returns 0, or -1 when that is not possible, and then findings tell.
 */
int batch_init_collection(struct fhir_batch *b, const struct fhir_service *s,
    const struct record *r, bool lenient, struct arena *a, struct findings *f);

#endif
