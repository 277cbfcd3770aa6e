/*
 * negotiate.h - what a request says of formats and preferences: Accept,
 * Content-Type, _format, _pretty, Prefer (R4, 3.1.0.1.9 to 3.1.0.1.11).
 */
#ifndef GATEWAY_FHIR_NEGOTIATE_H
#define GATEWAY_FHIR_NEGOTIATE_H

#include <stdbool.h>

#include "base/str.h"
#include "gateway/fhir/call.h"

#define FHIR_JSON_TYPE "application/fhir+json; charset=utf-8"

enum media {
	MEDIA_JSON,
	MEDIA_FORM,
	MEDIA_OTHER, /* not read or written here */
};

/* What a media type (with parameters) or a value of _format names. A charset
 * other than UTF-8 is MEDIA_OTHER. */
enum media media_of(struct str text);

/*
 * Does an Accept field, all its values joined by commas, take JSON? Absent: yes.
 * A range with q=0 refuses; the most specific range decides (RFC 9110, 12.5.1).
 */
bool accept_takes_json(struct str accept);

struct preferences {
	enum prefer_return prefer;
	bool lenient;
};

/* Read a Prefer field (RFC 7240); what is unknown is ignored. */
void prefer_parse(struct str field, struct preferences *out);

/* The _format and _pretty of a query. */
struct query_format {
	struct str format; /* empty: none */
	bool pretty;
};
void query_format_parse(struct str query, struct arena *a, struct query_format *out);

#endif
