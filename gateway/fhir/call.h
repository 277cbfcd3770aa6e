/*
 * call.h - one interaction: what is asked and what is answered.
 *
 * A request is one call; a transaction or batch has one for each entry. A call
 * lives in its exchange's arena and is used by one thread at a time.
 */
#ifndef GATEWAY_FHIR_CALL_H
#define GATEWAY_FHIR_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/finding.h"
#include "gateway/access/access.h"
#include "gateway/fhir/interaction.h"
#include "gateway/fhir/service.h"
#include "gateway/store/store.h"
#include "mappers/fhir/fhir_subset.h"
#include "profiles/record.h"

struct answer_source;
struct error;

enum prefer_return {
	RETURN_DEFAULT, /* a single interaction's resource; nothing in a Bundle */
	RETURN_REPRESENTATION,
	RETURN_MINIMAL,
	RETURN_OUTCOME,
};

/* The header fields that make an interaction conditional, or the members of
 * Bundle.entry.request; {NULL, 0} when not given. */
struct fhir_conditions {
	struct str if_match, if_none_match, if_modified_since, if_none_exist;
};

struct fhir_call {
	/* Asked: */
	struct arena *arena;
	struct fhir_route route;
	struct fhir_conditions conditions;
	enum prefer_return prefer;
	bool lenient;		     /* Prefer: handling=lenient */
	bool collected;		     /* of a Bundle that was no transaction: references in
				      * it may be to what is elsewhere */
	bool may_stream;	     /* the answer may be a source */
	bool explain;		     /* how a search was carried out is wanted */
	struct str form;	     /* body of POST _search, percent-encoded */
	struct str full_url;	     /* of an entry */
	const struct record *record; /* the body; NULL: none */
	uint32_t node;		     /* where in it the resource is */
	struct str patch_text;	     /* a JSON Patch */
	const struct record *patch;  /* or a FHIRPath Patch, at patch_node; or what an
				      * operation that writes was given */
	uint32_t patch_node;

	struct access_decision decision;    /* zeroed: refused */
	const struct access_sender *sender; /* who was decided about */

	/* In work: */
	struct str patched_id;	  /* of what a patch changes, */
	uint64_t patched_version; /* in that version; 0: not a patch */
	bool unchanged;		  /* a patch that changes nothing: it only reads */
	uint32_t op;		  /* number of its op in the write; PACK_NONE: none */

	/* Answered: */
	int status;		      /* 0: not yet */
	struct str body;	      /* JSON; empty: none */
	struct fhir_subset subset;    /* what of the body is wanted: cut it to that */
	struct answer_source *source; /* instead of a body: NULL: there is none */
	uint64_t version;
	int64_t updated;
	struct str location;	 /* absolute, with version; of creates and updates */
	struct str resource;	 /* touched: "Patient/1/_history/2", "Patient" */
	const struct str *found; /* of a search or history: what was given out */
	uint32_t found_count;
	const struct str *params; /* names of the search parameters */
	uint32_t param_count;
	struct findings findings;
};

/* Zero a call and tie it to the arena. */
void call_init(struct fhir_call *c, struct arena *a);

/* Has it been refused or gone wrong? */
static inline bool
call_failed(const struct fhir_call *c)
{
	return c->status >= 400;
}

/*
 * Refuse: set the status and add a finding of severity error (code NULL: the
 * one that fits the status). The first status stays. Returns -1.
 */
int call_fail(struct fhir_call *c, int status, const char *code, struct str path, const char *fmt,
    ...) __attribute__((format(printf, 5, 6)));

/* Refuse because of what a function said. Texts of an ERROR_IO are not told. */
int call_fail_error(struct fhir_call *c, const struct error *err);

/* Refuse as if nothing were there, in one wording for all reasons: 404. */
int call_fail_missing(struct fhir_call *c, const struct pack *p);

/* Refuse as what was deleted: 410. */
int call_fail_gone(struct fhir_call *c, const struct pack *p);

/* Refuse a route that was not found; word: what route_parse() gave. */
int call_fail_route(
    struct fhir_call *c, const struct pack *p, enum route_result result, struct str word);

/*
 * Decide whether the sender may do this. Fills c->decision; a refusal is 403
 * (by type and interaction: what is refused does not depend on what is there).
 * Conditional interactions need the right to search too. Returns 0 or -1.
 */
int call_authorise(struct fhir_call *c, const struct pack *p, const struct access_sender *sender);

/* "Patient/1/_history/2" in the arena; version 0 leaves that out. */
struct str call_local_url(const struct fhir_call *c, const struct pack *p, uint32_t type,
    struct str id, uint64_t version);

/* The type's name. */
struct str call_type_name(const struct pack *p, uint32_t type);

/*
 * Read an ETag of ours, W/"3", "3" or (as many send it) 3. Returns false when
 * it is of no version of ours.
 */
bool etag_parse(struct str text, uint64_t *version);

/* Is version in the list of an If-None-Match field, or is that "*"? */
bool etag_list_has(struct str list, uint64_t version);

/* The families. Each sets c->status and what belongs to it, or fails c. */
struct worker;

/* read.c: read and vread. Point reads: short. */
void read_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r);

/* history.c: of an instance, a type, the system. */
void history_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r);

/* search.c: by GET or POST. */
void search_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r);

/* Carry out any call that does not write. */
void call_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r);

#endif
