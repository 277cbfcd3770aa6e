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
#define FHIR_XML_TYPE "application/fhir+xml; charset=utf-8"

enum media {
	MEDIA_JSON,
	MEDIA_XML,
	MEDIA_FORM,
	MEDIA_OTHER, /* not read or written here */
};

/*
 * What a media type (with parameters) or a value of _format names. version is
 * the FHIR version spoken, "4.0.1": a type with another fhirVersion (R4,
 * 3.1.0.1.15: "4.0") is MEDIA_OTHER, and so is a charset that is not read:
 * JSON and forms are UTF-8, XML may be UTF-16 and ISO-8859-1 too.
 */
enum media media_of(struct str text, struct str version);

/* The charset parameter of a media type; empty: it has none. */
struct str media_charset(struct str text);

/* Why a media type of a format that is read is MEDIA_OTHER, as a text for the
 * sender; NULL: it is of no such format. */
const char *media_refusal(struct str text, struct str version);

/*
 * Which of JSON and XML an Accept field, all its values joined by commas,
 * likes best: by q, of the most specific range that speaks of each (RFC 9110,
 * 12.5.1). `otherwise` where it likes both the same, or is absent; MEDIA_OTHER
 * when it takes neither.
 */
enum media accept_choose(struct str accept, struct str version, enum media otherwise);

/* Does an Accept-Encoding field take gzip (RFC 9110, 12.5.3)? Absent: no. */
bool accept_takes_gzip(struct str field);

/* What a Content-Encoding field says. */
enum coding {
	CODING_NONE,
	CODING_GZIP,
	CODING_OTHER, /* not read here */
};
enum coding coding_of(struct str field);

struct preferences {
	enum prefer_return prefer;
	bool lenient;
};

/* Read a Prefer field (RFC 7240); what is unknown is ignored. lenient: where
 * it does not speak of handling. */
void prefer_parse(struct str field, bool lenient, struct preferences *out);

/* What a query says of how the answer is written. */
struct query_format {
	struct str format; /* empty: none */
	bool pretty;
	bool part; /* it has _summary or _elements, whatever they say */
};
void query_format_parse(struct str query, struct arena *a, struct query_format *out);

#endif
