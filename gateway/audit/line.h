/*
 * line.h - the lines of an audit trail's files, and how they are chained.
 *
 * Every line is a JSON object whose first member is its hash:
 *
 *	{"hash":"<64 hex digits>",REST
 *
 * The hash is the SHA-256 of the 32 bytes of the hash before it, followed by
 * the bytes of REST, which go up to the line's end (not counted). A segment
 * begins with a header line, chained like the others. The checkpoint is one
 * line in a file of its own, hashed behind 32 zero bytes.
 */
#ifndef GATEWAY_AUDIT_LINE_H
#define GATEWAY_AUDIT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "gateway/audit/audit.h"

enum {
	TRAIL_FORMAT = 1,
	TRAIL_ID_TEXT = 37, /* a UUID and its NUL */
	SEGMENT_NAME_TEXT = 32,
	CHECKPOINT_BYTES = 320, /* always: it is written over in place */
	LINE_TEXT_MOST = 512,	/* bytes kept of one text of an entry */
};

#define CHECKPOINT_NAME "checkpoint"
#define LOCK_NAME "lock"

struct segment_header {
	uint64_t segment;		/* number of the segment, from 1 */
	uint64_t after;			/* sequence of the last entry before it */
	uint8_t previous[SHA256_BYTES]; /* hash of the last line before it */
	char trail[TRAIL_ID_TEXT];	/* the same in all segments */
};

struct checkpoint {
	uint64_t segment, sequence; /* of the newest entry; 0: none yet */
	uint8_t head[SHA256_BYTES]; /* hash of the newest line */
};

/* "00000001.jsonl" */
void segment_name(uint64_t number, char out[SEGMENT_NAME_TEXT]);

/* The number in such a name; 0 when it is none. */
uint64_t segment_number(const char *name);

/* Append an entry's line, its end included. hash: of the line before; set to
 * that of this one. */
void line_put_entry(struct buf *b, const struct audit_entry *e, uint8_t hash[SHA256_BYTES]);

/* Append a header's line; hash is set to that of the line. */
void line_put_header(struct buf *b, const struct segment_header *h, uint8_t hash[SHA256_BYTES]);

/* Append the checkpoint, CHECKPOINT_BYTES long. */
void line_put_checkpoint(struct buf *b, const struct checkpoint *c);

/*
 * Whether the line (without its end) follows the one of hash `before`. Sets
 * computed to the hash it should have. Any difference, also of the case of a
 * digit, is told.
 */
bool
line_follows(struct str line, const uint8_t before[SHA256_BYTES], uint8_t computed[SHA256_BYTES]);

/* The hash the line says it has; false when it has not the form of a line. */
bool line_stated_hash(struct str line, uint8_t out[SHA256_BYTES]);

/* The sequence number of an entry's line; 0 when it is none. */
uint64_t line_sequence(struct str line);

/* Read a header's line; false when it is none of this format. */
bool line_get_header(struct str line, struct segment_header *out);

/* Read the checkpoint file's bytes; false when they are not exactly one. */
bool line_get_checkpoint(struct str bytes, struct checkpoint *out);

#endif
