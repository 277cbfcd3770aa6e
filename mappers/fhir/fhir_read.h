/*
 * fhir_read.h - what the readers of FHIR's two wire formats, JSON and XML, are
 * asked for.
 */
#ifndef MAPPERS_FHIR_FHIR_READ_H
#define MAPPERS_FHIR_FHIR_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Strict (the default): what is wrong is an error finding and is left out.
 * Lenient: it is a warning, and what can be kept is kept; see the readers. What
 * is neither JSON nor XML, or not a resource, is fatal in either.
 */
struct fhir_read_options {
	bool lenient;
	uint32_t type; /* resource type expected; PACK_NONE: any */
	/* XML: the charset that came with it (RFC 7303, 3: it counts for more than
	 * the XML declaration, and less than a byte order mark). Empty: none did. */
	struct str charset;
};

#endif
