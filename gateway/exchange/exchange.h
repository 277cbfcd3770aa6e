/*
 * exchange.h - one message's journey through the gateway.
 *
 * Whatever arrives becomes an exchange and passes through the same named
 * stages, in this order; each is a function that finishes, fails or suspends:
 *
 *	received     who sent it?                      → identified
 *	identified   read the input into records        → decoded
 *	decoded      may the sender do this?            → authorised
 *	authorised   make what is to be stored          → transformed
 *	transformed  let processors add to it           → processed
 *	processed    carry it out in the store          → committed
 *	committed    write the audit entry              → audited
 *	audited      answer                             → answered
 *
 * A write that was made of what others changed before it was committed (a
 * merge) goes back to `authorised` and is made anew, a few times.
 *
 * A stage that fails leads to `refused`, where the refusal is audited before
 * it is answered as any answer is. What differs between protocols is in a
 * front (a vtable): front_http.c, front_mllp.c.
 *
 * An exchange lives in the arena of the request or message it is about, and
 * belongs to its home loop: all stages run on that loop's thread. Work that is
 * long is handed to a lane by the stage, which suspends; while it is there the
 * lane has the exchange, and nobody else touches it. The client going away
 * changes nothing of this: a commit is not undone.
 */
#ifndef GATEWAY_EXCHANGE_EXCHANGE_H
#define GATEWAY_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/finding.h"
#include "gateway/access/access.h"
#include "gateway/audit/audit.h"
#include "gateway/fhir/batch.h"
#include "gateway/net/lane.h"
#include "gateway/net/loop.h"
#include "gateway/net/peer.h"

struct exchange;
struct gateway;
struct worker;

enum exchange_stage {
	RECEIVED,
	IDENTIFIED,
	DECODED,
	AUTHORISED,
	TRANSFORMED,
	PROCESSED,
	COMMITTED,
	AUDITED,
	ANSWERED,
	REFUSED, /* on the way to AUDITED */
	STAGES,
};

enum outcome {
	DONE,	   /* go on to the next stage */
	FAILED,	   /* exchange_fail() was called: refuse */
	SUSPENDED, /* exchange_resume() will be called */
	AGAIN,	   /* back to `authorised`: the write was overtaken */
};

typedef enum outcome exchange_step_fn(struct exchange *x);

/* Part of a stage that may run in a lane: w is that thread's (or loop's). */
typedef enum outcome exchange_work_fn(struct exchange *x, struct worker *w);

/* What a protocol does at the stages. */
struct exchange_front {
	const char *protocol; /* of audit entries: "http" */
	exchange_step_fn *identify;
	exchange_step_fn *decode;
	exchange_step_fn *authorise;
	exchange_step_fn *transform;
	/* Did the write fail because what it was made of has changed since, and
	 * is it to be made anew, from stage `authorised`? NULL: never. */
	bool (*is_overtaken)(const struct exchange *x);
	/* After the store has done x->batch: make the answer. May run in a lane. */
	exchange_work_fn *finish;
	/* Make the answer that refuses, of x->status and x->findings. */
	void (*refuse)(struct exchange *x);
	/* What the store is to keep of an exchange that was refused, before that is
	 * audited and answered; NULL: nothing. May be NULL. When it cannot be kept,
	 * refuse() is called again, with 503. */
	struct store_write *(*keep)(struct exchange *x);
	/* Send the answer; x is gone after it. */
	void (*answer)(struct exchange *x);
	/* Fill in what the entry says of this protocol. */
	void (*describe)(struct exchange *x, struct audit_entry *e);
};

enum {
	EXCHANGE_ID_TEXT = 32,
	EXCHANGE_FINDINGS = 200, /* findings that are told, of one exchange */
};

struct exchange {
	enum exchange_stage stage;
	struct gateway *gateway;
	struct loop *home;
	struct worker *here; /* the home loop's */
	struct arena *arena;
	const struct exchange_front *front;
	void *request; /* the front's: struct http_request, … */
	char id[EXCHANGE_ID_TEXT];
	int64_t received; /* wall time */
	int64_t started;  /* monotonic */

	const struct peer *peer;
	const struct access_sender *sender; /* NULL: not identified */
	const char *rule;		    /* that identified or decided */
	enum access_answer identity;

	const struct record *record; /* decoded; NULL: none */
	struct fhir_batch batch;     /* what is to be done */

	int status; /* HTTP's, also where the front speaks another protocol;
		     * 0 while nothing went wrong and nothing is answered */
	struct findings findings;
	bool written;		  /* the writer lane has had it */
	bool kept;		  /* front->keep() was asked */
	struct store_write *keep; /* what it gave, while the writer lane has it */
	unsigned tries;		  /* writes that were overtaken */

	struct audit_entry entry;
	int audit_result;
	bool heavy; /* work on it does not belong on a loop */
	struct task task;
	exchange_work_fn *work; /* of the task in the worker lane */
	enum outcome work_outcome;
};

/*
 * Begin an exchange in the arena: zeroed but for what is given, with an id.
 * The loop is held until it is answered. size is that of the front's own
 * struct, whose first member is a struct exchange. NULL when the arena is full.
 */
struct exchange *exchange_begin(struct loop *home, struct arena *arena, size_t size,
    const struct exchange_front *front, void *request, const struct peer *peer);

/*
 * Run x until it suspends or ends. Returns SUSPENDED, or DONE when it was
 * answered and is gone. Loop thread.
 */
enum outcome exchange_run(struct exchange *x);

/* A stage that suspended has ended so: go on. Loop thread. */
void exchange_resume(struct exchange *x, enum outcome o);

/*
 * Note why x cannot go on: an HTTP status, FHIR's issue code (NULL: the one
 * that fits the status), a FHIRPath or empty, and a text for the sender.
 * Returns FAILED.
 */
enum outcome exchange_fail(struct exchange *x, int status, const char *code, struct str path,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Count what the batch says of its failure as x's own. Returns FAILED. */
enum outcome exchange_fail_batch(struct exchange *x);

/*
 * Let fn run: in the worker lane (SUSPENDED is returned) when heavy, else here
 * and now. A full lane fails x with 503.
 */
enum outcome exchange_work(struct exchange *x, exchange_work_fn *fn, bool heavy);

/* "received", … */
const char *exchange_stage_name(enum exchange_stage s);

/* exchange_fail() was called outside of a stage: run x to its answer. */
enum outcome exchange_refuse(struct exchange *x);

/* The lanes' batch functions: store_commit() and audit_write_batch() of the
 * exchanges whose tasks they are. state is the gateway. A task with a run()
 * of its own is run. */
void exchange_write_batch(void *state, struct task **tasks, size_t count);
void exchange_audit_batch(void *state, struct task **tasks, size_t count);

#endif
