/*
 * trail.h - reading an audit trail: check the chain, give the entries.
 *
 * Reads the files of the folder and takes no lock for longer than a look, so
 * that a trail may be read while a gateway writes it.
 */
#ifndef GATEWAY_AUDIT_TRAIL_H
#define GATEWAY_AUDIT_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct error;

/* An entry, as its line stands in the file (no line end). The text is good
 * until the function returns. Return false to stop reading. */
typedef bool trail_entry_fn(void *ctx, uint64_t sequence, struct str line);

/*
 * Something is wrong. segment: the file's name; line: from 1, 0 when the
 * whole file (or the folder) is meant; sequence: of the entry that is wrong or
 * missing, 0 when not of one.
 */
struct trail_problem {
	const char *segment;
	uint64_t line, sequence;
	const char *text;
};
typedef void trail_problem_fn(void *ctx, const struct trail_problem *p);

struct trail_reader {
	trail_entry_fn *entry;	   /* may be NULL */
	trail_problem_fn *problem; /* may be NULL */
	void *ctx;
};

struct trail_state {
	uint64_t segments, entries, problems;
	uint64_t sequence;	    /* of the last entry */
	uint8_t hash[SHA256_BYTES]; /* of the last entry */
	bool incomplete;	    /* the last line is not whole: a crash, or the
			  * gateway is writing it; nobody was promised it */
	/* A head noted earlier to look for, sequence 0: none. */
	uint64_t expect_sequence;
	uint8_t expect_hash[SHA256_BYTES];
	bool expect_found;
};

/*
 * Read the whole trail in the folder, oldest first, and check every line.
 * *state: zeroed, or with expect_…. Each problem is told. Returns 0 when the
 * trail could be read (state->problems says whether it is whole), -1 with *err
 * set when not (no such folder, not a trail, a read failed).
 */
int trail_read(
    const char *folder, const struct trail_reader *r, struct trail_state *state, struct error *err);

#endif
