/*
 * filter.h - the filters of a sender: searches that say what it sees of a type.
 */
#ifndef GATEWAY_ACCESS_FILTER_H
#define GATEWAY_ACCESS_FILTER_H

#include "base/str.h"
#include "gateway/store/store.h"

struct arena;
struct config;
struct config_sender;
struct error;
struct pack;

/*
 * Read the filters of the configuration, "Type?search": of a type that has any,
 * a resource is seen when it passes one of them; those of the type "*" are for
 * all types that have none of their own. A search is of the resource's own
 * values (FHIR R4, 3.1.1): no chains, nothing about results. *out: by type
 * number, in the arena. An access_filter_fn. Returns 0, or -1 with *err set, with the sender's place in the file.
 */
int filter_make(const struct config *config, const struct config_sender *c, const struct pack *pack,
    struct arena *a, struct store_filter **out, struct error *err);

#endif
