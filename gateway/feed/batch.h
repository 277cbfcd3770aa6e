/*
 * batch.h - files and batches (HL7 v2.9, 2.10.3): their messages are taken one
 * after the other, each an exchange of its own, and answered by one batch of the
 * ACKs in the same envelopes.
 */
#ifndef GATEWAY_FEED_BATCH_H
#define GATEWAY_FEED_BATCH_H

#include "gateway/feed/message.h"

/* Do the bytes begin with FHS or BHS? */
bool feed_batch_is(struct str bytes);

/* The batch is answered; answers.p NULL: it could not be. */
typedef void feed_batch_done_fn(void *way, struct str answers);

/*
 * Take the batch. shown is what the sender shows of itself beside the connection;
 * it may be NULL. What is given must be good until done() is called, on the loop,
 * perhaps before this returns.
 */
void feed_batch_run(const struct feed *feed, struct loop *home, struct arena *arena,
    const struct peer *peer, struct str bytes, const struct access_credentials *shown,
    feed_batch_done_fn *done, void *way);

#endif
