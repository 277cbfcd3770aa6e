/*
 * capability.h - the CapabilityStatement (R4, 3.1.0.9), generated from what is
 * served: the interactions table, the pack's resource types, and the search
 * parameters that the search knows how to answer.
 */
#ifndef GATEWAY_FHIR_CAPABILITY_H
#define GATEWAY_FHIR_CAPABILITY_H

#include <stdint.h>

#include "base/buf.h"
#include "gateway/fhir/call.h"

/*
 * Write it as JSON to out; date is the wall time it has been so since. Returns
 * 0, or -1 with *err set.
 */
int
capability_write(const struct fhir_service *s, int64_t date, struct buf *out, struct error *err);

/*
 * What is kept of it: it is made when it is first asked for, as it takes all
 * search parameters to be compiled. It says it is as old as capability_new().
 */
struct capability *capability_new(void);
void capability_free(struct capability *k);

/* The interaction. Any thread; the first takes longer. */
void capability_run(const struct fhir_service *s, struct fhir_call *c);

#endif
