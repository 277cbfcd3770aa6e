/*
 * service.h - what all interactions of one FHIR base share. Immutable once
 * opened; used by all threads.
 */
#ifndef GATEWAY_FHIR_SERVICE_H
#define GATEWAY_FHIR_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct capability;
struct error;
struct pack;
struct search_index;

enum {
	CURSOR_KEY = 32,
};

/* What references must lead to. */
enum fhir_references {
	REFERENCES_FREE,    /* anything */
	REFERENCES_CHECKED, /* what is there, when a resource is written */
	REFERENCES_KEPT,    /* and that cannot be deleted while it is referred to */
};

/* What of a resource's text is searched by words. */
enum search_words {
	SEARCH_NO_WORDS,
	SEARCH_NARRATIVE, /* _text */
	SEARCH_ALL_WORDS, /* _text, _content */
};

struct fhir_service {
	/* Given: */
	const struct pack *pack;
	struct str base; /* "https://fhir.example.org/fhir", no '/' at the end */
	unsigned page_count, page_most;
	unsigned max_entries;
	enum fhir_references references;
	bool delete_many;  /* by a conditional delete */
	size_t max_answer; /* bytes of a Bundle that goes out */
	bool bearer;	   /* senders show bearer tokens */
	bool cors;
	const char *key_path; /* of the key of links; NULL: one for this run only */
	unsigned words;	      /* enum search_words: what of texts is indexed */

	/* Made: */ uint32_t bundle; /* type number of Bundle */
	uint32_t search_parameter;   /* of SearchParameter; PACK_NONE: not in the pack */
	struct search_index *index;
	uint8_t cursor_key[CURSOR_KEY]; /* signs and seals links */
	uint8_t link_key[CURSOR_KEY];
	struct capability *capability;
};

/*
 * Check that the pack has what the API itself is made of, and make the rest.
 * Returns 0, or -1 with *err set.
 */
int fhir_service_open(struct fhir_service *s, struct error *err);

/* Closing one that was never opened is fine when it is zeroed. */
void fhir_service_close(struct fhir_service *s);

static inline struct str
fhir_cursor_key(const struct fhir_service *s)
{
	return str_of((const char *)s->cursor_key, CURSOR_KEY);
}

/* Seals what searches' links hold: another than that which signs. */
static inline struct str
fhir_link_key(const struct fhir_service *s)
{
	return str_of((const char *)s->link_key, CURSOR_KEY);
}

#endif
