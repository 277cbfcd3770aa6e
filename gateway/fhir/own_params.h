/*
 * own_params.h - search parameters of this server's own: the SearchParameter
 * resources in its store whose status is active.
 *
 * From the commit of such a resource on, what is written is indexed by it as
 * well. What was there before is indexed in steps, beside other work; until that
 * is done, a search by it is refused and says how far it is. Which are done, and
 * how far the others are, is noted in the store, so that a restart goes on.
 *
 * All functions but own_params_judge() and own_params_status(): the thread that
 * writes the store.
 */
#ifndef GATEWAY_FHIR_OWN_PARAMS_H
#define GATEWAY_FHIR_OWN_PARAMS_H

#include <stdbool.h>

#include "gateway/store/store.h"

struct error;
struct fhir_call;
struct fhir_service;
struct operation_input;
struct own_params;
struct record_limits;

/*
 * Take up what the store has. The service and the store are borrowed, and must
 * be there until own_params_close(). Returns NULL with *err set.
 */
struct own_params *own_params_open(const struct fhir_service *s, struct store *store,
    const struct record_limits *limits, struct error *err);
void own_params_close(struct own_params *o);

/* SearchParameter resources were written: take up what they are now. */
void own_params_sync(struct own_params *o);

/* Index some more of what was there before. Returns whether there is more. */
bool own_params_step(struct own_params *o);

/*
 * Whether the SearchParameter that c writes can be used: 0, or -1 when c failed.
 * Refused: a code that the type has already, an expression that does not
 * compile, types that there are not. One that is not active is fine, and so is
 * one that the definitions have themselves. Any thread.
 */
int own_params_judge(const struct fhir_service *s, struct fhir_call *c);

/* The operation $reindex-status: an operation_run_fn. Any thread. */
void own_params_status(const struct fhir_service *s, struct fhir_call *c,
    const struct operation_input *in, struct store_reader *r);

#endif
