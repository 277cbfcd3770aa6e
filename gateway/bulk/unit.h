/*
 * unit.h - one piece of an import on its way into the store: read, authorised,
 * prepared; then committed by somebody; then told of.
 *
 * What is of a transaction succeeds or fails as one. A resource without a
 * request is an update of its id, or a create where it has none; a Bundle that is
 * neither transaction nor batch (a collection, a searchset) is its resources in
 * one transaction; documents and messages are kept as they are.
 *
 * Lives in an arena of its own. One thread at a time; the steps may run on
 * different ones.
 */
#ifndef GATEWAY_BULK_UNIT_H
#define GATEWAY_BULK_UNIT_H

#include "base/arena.h"
#include "base/finding.h"
#include "gateway/bulk/source.h"
#include "gateway/fhir/batch.h"
#include "profiles/record.h"

/* What a thread that prepares units has. */
struct unit_maker {
	const struct fhir_service *fhir;
	const struct access_sender *sender;
	struct store_reader *reader;
	struct record_builder builder;
	bool lenient;
	bool again; /* also what was imported before */
	/* Not NULL: all that comes before is in the store; what is prepared is
	 * committed at once by this, part by part. */
	int (*commit)(void *ctx, struct store_write **writes, size_t count, struct error *err);
	void *commit_ctx;
};

/* A resource or Bundle of the unit. */
struct unit_part {
	struct unit_part *next;
	uint64_t line; /* of the file, where it begins */
	struct fhir_batch batch;
	struct findings findings;
	bool ready; /* its writes are to be done */
};

struct unit {
	struct source_piece piece;
	struct arena arena;
	struct unit_part *first, **tail;
	uint32_t op_count, write_count; /* of all parts that are ready */
	struct error error;		/* the piece could not be read; kind 0: it was */
	bool unread;
	bool late; /* to be prepared anew by a maker that commits: it is made of what is
		    * stored */
	int64_t began;

	/* Told by unit_finish(): */
	uint64_t written, unchanged, before, failed; /* resources */
	bool refused;
	struct str *resources; /* touched */
	size_t resource_count;
};

void unit_init(struct unit *u);
void unit_release(struct unit *u);

/*
 * Make the writes of the piece's text. What is wrong stays with its part. Sets
 * u->late, unless the maker commits, where that has to wait for what comes before:
 * a patch changes what is stored. -1 with *err set: a commit failed.
 */
int unit_prepare(struct unit *u, struct unit_maker *m, struct error *err);

/* Put the unit's writes into at, which has room for write_count. */
void unit_writes(struct unit *u, struct store_write **at);

/* After the commit: count what came of it. */
void unit_finish(struct unit *u);

/* Print what is wrong, FILE:LINE: PLACE: TEXT, on standard error. Returns
 * whether there was something. */
bool unit_tell(const struct unit *u);

#endif
