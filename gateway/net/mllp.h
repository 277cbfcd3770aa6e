/*
 * mllp.h - HL7 v2 framing (MLLP release 1): <VT> message <FS><CR>.
 *
 * Decodes one connection's byte stream. Does no I/O; the messages found do
 * not depend on how the stream was cut into calls. One thread at a time.
 *
 * A <FS> that neither <CR> nor the next <VT> follows stands inside a value: the
 * peer is out of step then, for the rest of the message would be lost. Against
 * the letter of the standard, as the field has it: <CR>, <LF> and other bytes
 * between frames are skipped, up to MLLP_GARBAGE in a row. A <VT> inside a message means that the peer gave the message up and
 * starts anew: what came before is dropped and counted; it was never
 * acknowledged, so nothing is lost silently.
 */
#ifndef GATEWAY_NET_MLLP_H
#define GATEWAY_NET_MLLP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

struct buf;
struct error;
struct mllp;

enum {
	MLLP_VT = 0x0b,
	MLLP_FS = 0x1c,
	MLLP_GARBAGE = 1024,
};

enum mllp_next {
	MLLP_GO,
	MLLP_PAUSE, /* mllp_feed() returns behind this message */
};

/* Called for each whole message, which may be empty; the bytes are good until
 * it returns. */
typedef enum mllp_next mllp_message_fn(void *ctx, struct str message);

/* Refuses messages longer than max_bytes. */
struct mllp *mllp_new(size_t max_bytes, mllp_message_fn *fn, void *ctx);
void mllp_free(struct mllp *m);

/*
 * Take len bytes from the peer. Returns how many were used, fewer than len
 * when fn asked to pause, or -1 with *err set: ERROR_LIMIT for a message that
 * is too long, ERROR_INVALID for a peer that is out of step. The connection
 * must be closed then.
 */
ssize_t mllp_feed(struct mllp *m, const void *bytes, size_t len, struct error *err);

/* The message begun so far, without <VT>; at most max_bytes. Empty between
 * messages. Good until the next call. */
struct str mllp_partial(const struct mllp *m);

/* Is a message begun and not ended? */
bool mllp_is_inside(const struct mllp *m);

/* Messages dropped because a <VT> came inside them. */
uint64_t mllp_dropped(const struct mllp *m);

/* Write message in its frame. */
void mllp_write(struct buf *out, struct str message);

#endif
