/*
 * bundle_source.h - the entries of a search result or a history, one after the
 * other, with one resource's text in memory at a time.
 *
 * An answer_source; what it gives is the page as it was found: versions never
 * change.
 */
#ifndef GATEWAY_FHIR_BUNDLE_SOURCE_H
#define GATEWAY_FHIR_BUNDLE_SOURCE_H

#include "gateway/fhir/answer_source.h"
#include "gateway/fhir/bundle.h"
#include "gateway/store/store.h"
#include "mappers/fhir/fhir_subset.h"

struct error;
struct fhir_call;
struct fhir_service;

/* Makes entries from versions of a page, whose bodies are read one by one. */
struct bundle_source {
	struct answer_source source; /* set by bundle_source_answer() */
	struct str head;	     /* what is before the entries */
	unsigned entries;	     /* put so far */
	bool begun;		     /* the head is put */

	const struct fhir_service *service;
	struct store_page page;		     /* without bodies */
	uint32_t next;			     /* of the page */
	bool history;			     /* entries with request and response; else matches */
	uint32_t includes;		     /* of the page's last: mode "include" */
	struct fhir_subset subset, included; /* of matches, of what is included */
	struct str warnings; /* an OperationOutcome as the last entry; empty: none */
};

/*
 * Answer c with the Bundle of head and all of the source's entries: in c->source
 * where c->may_stream, else in c->body. What is in the page is noted in
 * c->found. s stands in c->arena.
 */
void bundle_source_answer(struct bundle_source *s, struct fhir_call *c, struct store_reader *r,
    const struct bundle_head *head);

#endif
