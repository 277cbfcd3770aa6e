/*
 * fhir_subset.h - a part of a resource, as _summary and _elements ask for it
 * (R4, 3.1.1.5.9 and 3.1.1.5.10).
 *
 * A filter from record to record, so that it is the same whatever format is
 * written. Does no I/O; one thread at a time for each builder.
 */
#ifndef MAPPERS_FHIR_FHIR_SUBSET_H
#define MAPPERS_FHIR_FHIR_SUBSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "profiles/record.h"

struct error;

enum fhir_summary {
	SUMMARY_FALSE, /* all of it */
	SUMMARY_TRUE,  /* what the definitions mark as summary */
	SUMMARY_TEXT,  /* id, meta, text and what is mandatory at the top */
	SUMMARY_DATA,  /* all but text */
};

struct fhir_subset {
	enum fhir_summary summary;
	const struct str *elements; /* of the top, by FHIRPath or JSON name */
	uint32_t element_count;	    /* 0: _elements was not given */
};

/* Is anything to be left out? */
static inline bool
fhir_subset_is_whole(const struct fhir_subset *s)
{
	return s->summary == SUMMARY_FALSE && !s->element_count;
}

/*
 * The part of the resource whose root is node i of r, as a record of its own,
 * in the arena. Mandatory elements stay in any part, and so do elements that
 * change the meaning of others (modifiers) but in SUMMARY_TEXT; meta has the
 * tag SUBSETTED. Resources in a Bundle's entries are cut in the same way.
 * Returns NULL with *err set (ERROR_LIMIT) when a limit was passed.
 */
const struct record *fhir_subset(const struct record *r, uint32_t i, const struct fhir_subset *s,
    struct record_builder *b, struct arena *a, struct error *err);

#endif
