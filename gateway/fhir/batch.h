/*
 * batch.h - the calls of one exchange: a single one, or the entries of a
 * transaction or batch (R4, 3.1.0.11).
 *
 * Lives in the exchange's arena; used by one thread at a time. Steps, in this
 * order: init, authorise, prepare, (the store does the writes,) answer_writes,
 * run_reads, compose.
 */
#ifndef GATEWAY_FHIR_BATCH_H
#define GATEWAY_FHIR_BATCH_H

#include "gateway/fhir/call.h"

enum batch_kind {
	BATCH_SINGLE,
	BATCH_TRANSACTION, /* all or nothing: one write */
	BATCH_INDEPENDENT, /* a Bundle of type batch: a write for each */
};

struct reference_table;

struct fhir_batch {
	enum batch_kind kind;
	const struct fhir_service *service;
	struct arena *arena;
	const struct access_sender *sender;
	struct fhir_call *calls;
	uint32_t count;

	struct store_op *ops; /* in the order they are carried out */
	uint32_t op_count, op_room;
	struct store_write *writes;
	uint32_t write_count;
	uint32_t *owners; /* op → its call */
	uint32_t owner_count;
	struct reference_table *references; /* of a transaction, or with processors */

	struct str body;	   /* the answer, where it is not sent in pieces */
	int status;		   /* 400 and above: the whole failed */
	struct findings *findings; /* of the whole: the exchange's */
};

/* One call. Returns it, to be filled. NULL when the arena is full. */
struct fhir_call *batch_init_single(
    struct fhir_batch *b, const struct fhir_service *s, struct arena *a, struct findings *f);

/*
 * The entries of the Bundle at node 0 of r, of type transaction or batch.
 * Whatever is wrong with an entry's request fails its call; when that, or what
 * is wrong with the Bundle, fails the whole, -1 is returned.
 */
int batch_init_bundle(struct fhir_batch *b, const struct fhir_service *s, const struct record *r,
    bool lenient, enum prefer_return prefer, struct arena *a, struct findings *f);

/*
 * Decide on each call. A refused one fails the whole when it is single or in a
 * transaction: -1 then.
 */
int batch_authorise(struct fhir_batch *b, const struct access_sender *sender);

/*
 * Make the store's ops and writes of the calls. -1 when the whole cannot be
 * done; failing calls of a batch are left out. May be called again, to begin
 * anew, as long as nothing was written.
 */
int batch_prepare(struct fhir_batch *b);

/*
 * What a Reference to the call's resource may say, for records that are added
 * later; its id may not be settled yet. Empty when the arena is full.
 */
struct str batch_reference_to(struct fhir_batch *b, const struct fhir_call *c);

/*
 * Add a record of a plugin's making to the write of a single or transaction (c
 * NULL), or of an entry of a batch, after batch_prepare(): as a create, or, with
 * a match (a search, "identifier=x|7"), as a conditional update. Returns 0; or -1
 * with *err set, and the batch is as it was.
 */
int batch_add_made(struct fhir_batch *b, const struct fhir_call *c, const struct record *r,
    struct str match, struct error *err);

/* After the store has done the writes (or each has its error): fill in the
 * calls' answers. -1 when the whole failed. */
int batch_answer_writes(struct fhir_batch *b);

/* Carry out the calls that read. */
void batch_run_reads(struct fhir_batch *b, struct store_reader *r);

/*
 * Did the write fail because a resource that is patched has changed since it was
 * read? Then patch_calls() and batch_prepare() are to be called again. Of a
 * single call or a transaction; the entries of a batch fail alone.
 */
bool batch_is_overtaken(const struct fhir_batch *b);

/* Of a Bundle: the answer Bundle, written as it is asked for; b must stay as it
 * is meanwhile. NULL when the arena is full: the whole has failed. */
struct answer_source *batch_answer(struct fhir_batch *b);

/*
 * A failed call is the whole's failure: its status and findings become those
 * of the batch, with the entry's place before their paths. Returns -1.
 */
int batch_fail_by(struct fhir_batch *b, const struct fhir_call *c);

/* Fail the whole: as call_fail(). Returns -1. */
int batch_fail(struct fhir_batch *b, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * What a text of a transaction names: the op of the entry with that fullUrl,
 * or, of a conditional reference ("Patient?identifier=…"), a find that is added
 * to the ops. ctx is the batch; a reference_entry_fn.
 */
bool batch_find_reference(void *ctx, struct str reference, uint32_t *op);

/* Enter the calls' full URLs, which have their ops' numbers. Returns 0 or -1
 * (the same one twice). */
int batch_enter_references(struct fhir_batch *b);

/* Add an op at the end. PACK_NONE when the arena is full. */
uint32_t batch_add_op(struct fhir_batch *b, const struct store_op *op);

#endif
