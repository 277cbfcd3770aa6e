/*
 * bundle_source.h - the entries of a search result or a history, one after the
 * other, with one resource's text in memory at a time.
 *
 * Lives in its call's arena and holds nothing else, so that it needs no end.
 * What it gives is the page as it was found: versions never change. One thread
 * at a time, not always the same.
 */
#ifndef GATEWAY_FHIR_BUNDLE_SOURCE_H
#define GATEWAY_FHIR_BUNDLE_SOURCE_H

#include "gateway/fhir/bundle.h"
#include "gateway/store/store.h"
#include "mappers/fhir/fhir_subset.h"

struct error;
struct fhir_call;
struct fhir_service;

/* Makes entries from versions of a page, whose bodies are read one by one. */
struct bundle_source {
	const struct fhir_service *service;
	struct store_page page;		     /* without bodies */
	uint32_t next;			     /* of the page */
	bool history;			     /* entries with request and response; else matches */
	uint32_t includes;		     /* of the page's last: mode "include" */
	struct fhir_subset subset, included; /* of matches, of what is included */
	struct str warnings; /* an OperationOutcome as the last entry; empty: none */
};

enum {
	BUNDLE_PIECE = 256 << 10, /* of an answer that goes out in pieces */
};

/* Are all entries put? */
bool bundle_source_is_empty(const struct bundle_source *s);

/*
 * Put the next entries on w, until there are no more or w->out has `enough`
 * bytes; at least one. Returns 0; -1 with *err set when one could not be read
 * or is too large.
 */
int bundle_source_put(struct bundle_source *s, struct store_reader *r, size_t enough,
    struct bundle_writer *w, struct error *err);

/*
 * Make c's body: the Bundle of head and all of the source's entries; but where
 * that is long and c->may_stream, a beginning (whole entries, no end), and
 * c->rest is the source, with what is behind it. what is in the page is noted
 * in c->found. s stands in c->arena.
 */
void bundle_source_answer(struct bundle_source *s, struct fhir_call *c, struct store_reader *r,
    const struct bundle_head *head);

#endif
