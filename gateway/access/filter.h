/*
 * filter.h - the filters of a sender: searches that say what it sees of a type.
 */
#ifndef GATEWAY_ACCESS_FILTER_H
#define GATEWAY_ACCESS_FILTER_H

#include "base/str.h"
#include "gateway/store/store.h"

struct config_sender;
struct error;

struct filter_maker {
	const struct pack *pack;
	struct arena *arena; /* what is made lives there */
	struct str base;     /* of the API; may be empty */
};

/*
 * Read the filters of the configuration, "Type?search": of a type that has any,
 * a resource is seen when it passes one of them; those of the type "*" are for
 * all types that have none of their own. A search is of the resource's own
 * values (FHIR R4, 3.1.1): no chains, nothing about results. *out: by type
 * number. Returns 0, or -1 with *err set, with the sender's place in the file.
 */
int filter_make(struct filter_maker *m, const struct config_sender *c, const char *file,
    struct store_filter **out, struct error *err);

#endif
