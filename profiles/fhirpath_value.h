/*
 * fhirpath_value.h - values compared.
 *
 * Inside of fhirpath only.
 */
#ifndef PROFILES_FHIRPATH_VALUE_H
#define PROFILES_FHIRPATH_VALUE_H

#include "profiles/fhirpath_moment.h"

/*
 * Compare two primitives' values: numbers exactly, dates and times by
 * precision (N1, 6.2), quantities by their units, texts by their characters.
 * *order is below, at or above 0 when COMPARED.
 */
enum comparison
value_compare(const struct fhirpath_item *x, const struct fhirpath_item *y, int *order);

/* A hash that equal values of primitives share. */
uint64_t value_hash(const struct fhirpath_item *x);

/* Read "4 days", "1.5 'mg'", "2"; false when it is none. The unit borrows the
 * text. */
bool value_read_quantity(struct str text, struct quantity *out);

#endif
