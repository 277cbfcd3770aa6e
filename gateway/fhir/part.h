/*
 * part.h - _summary and _elements: which part of each resource is asked for,
 * and stored bodies cut to it (R4, 3.1.1.5.9, 3.1.1.5.10).
 */
#ifndef GATEWAY_FHIR_PART_H
#define GATEWAY_FHIR_PART_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mappers/fhir/fhir_subset.h"

struct error;
struct fhir_call;
struct fhir_service;

/* Read a value of _summary but "count". False when there is none of that name. */
bool part_read_summary(struct str value, struct fhir_subset *out);

/*
 * Read a value of _elements, for a resource type (PACK_NONE: any). Returns 0;
 * -1 with *err set, which names the first element that the type does not have
 * and the nearest that it has.
 */
int part_read_elements(const struct pack *p, uint32_t type, struct str value, struct arena *a,
    struct fhir_subset *out, struct error *err);

/* _summary and _elements of a read's query; a bad value fails the call: -1. */
int part_read_query(const struct fhir_service *s, struct fhir_call *c, struct fhir_subset *out);

/* Cuts one body after another. */
struct part_cutter {
	const struct fhir_subset *subset;
	struct record_builder builder;
	struct arena arena;
	struct buf out;
};

void part_cutter_init(
    struct part_cutter *k, const struct fhir_service *s, const struct fhir_subset *subset);
void part_cutter_release(struct part_cutter *k);

/*
 * The part of a stored body that is wanted: the body itself when that is the
 * whole, else a text that is good until the next call. {NULL, 0} with *err set
 * when a limit was passed.
 */
struct str part_cut(struct part_cutter *k, struct str body, struct error *err);

#endif
