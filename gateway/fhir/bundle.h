/*
 * bundle.h - writes Bundles of what the store gives: search results, history,
 * answers to transactions and batches (R4, 2.36).
 *
 * The resources in it are bytes as they are stored, put in as they are; nothing
 * is parsed. Members are written in the order of the specification.
 */
#ifndef GATEWAY_FHIR_BUNDLE_H
#define GATEWAY_FHIR_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct bundle_link {
	const char *relation; /* "self", "next" */
	struct str url;
};

struct bundle_head {
	const char *type; /* "searchset" */
	int64_t timestamp;
	uint64_t total; /* UINT64_MAX: left out */
	const struct bundle_link *links;
	unsigned link_count;
};

/* An entry; what is empty, NULL or 0 is left out. */
struct bundle_entry {
	struct str full_url;
	struct str resource;	 /* JSON */
	const char *search_mode; /* "match", "include", "outcome" */
	const char *method;	 /* request, of history */
	struct str request_url;
	int status; /* response: 200 */
	struct str location;
	uint64_t version;   /* of the etag */
	int64_t updated;    /* last modified */
	struct str outcome; /* JSON */
};

struct bundle_writer {
	struct buf *out;
	unsigned entries;
};

void bundle_begin(struct bundle_writer *w, struct buf *out, const struct bundle_head *h);
void bundle_put(struct bundle_writer *w, const struct bundle_entry *e);
/* After the last entry. Whether all fitted is told by out->full. */
void bundle_end(struct bundle_writer *w);

/* "201 Created", as Bundle.entry.response.status has it. */
const char *http_status_text(int status);

#endif
