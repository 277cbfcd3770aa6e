/*
 * stored_values.h - the search values of bodies as they are stored: for a store
 * that makes its index anew.
 *
 * One thread at a time.
 */
#ifndef GATEWAY_FHIR_STORED_VALUES_H
#define GATEWAY_FHIR_STORED_VALUES_H

#include "gateway/fhir/search_index.h"
#include "gateway/store/store.h"
#include "profiles/record.h"

struct stored_values {
	const struct pack *pack;
	struct search_index *index; /* borrowed, or NULL: made when first needed */
	struct search_index *own;
	struct str base;
	struct record_builder builder;
};

/* The pack, the base (as of search_index_new()) and index, which may be NULL,
 * are borrowed. */
void stored_values_init(struct stored_values *v, const struct pack *p, struct str base,
    const struct record_limits *limits, struct search_index *index);
void stored_values_release(struct stored_values *v);

/* A store_extract_fn; ctx is a struct stored_values. */
int stored_values_extract(void *ctx, uint32_t type, struct str body, struct arena *a,
    struct store_index **rows, uint32_t *count, struct error *err);

#endif
