/*
 * import.h - files into the store, by the rules that hold for what comes by
 * network: read, authorised, committed, audited.
 *
 * Pieces are prepared on all cores and committed by one writer, in the order of
 * the files; several to a commit. What was imported is remembered, so that a
 * import that was cut off goes on when it is called again.
 */
#ifndef GATEWAY_BULK_IMPORT_H
#define GATEWAY_BULK_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct offline;

struct import_options {
	char *const *paths; /* files; "-": standard input, lines */
	size_t count;
	unsigned threads; /* that prepare; 0: one for each core */
	bool lenient;
	bool again; /* import also what was imported before */
	bool quiet; /* tell no progress */
};

struct import_result {
	uint64_t written, unchanged, before, failed; /* resources */
	uint64_t unread;			     /* files, or parts of them */
	bool stopped;				     /* import_stop() was called */
};

/*
 * Import all. What is wrong with a file is printed on standard error, and the
 * others go on. Returns 0; -1 with *err set when it could not go on (the disk is
 * full, the trail cannot be written).
 */
int import_run(struct offline *o, const struct import_options *options, struct import_result *r,
    struct error *err);

/* End when what is being committed is. Any thread, and signal handlers. */
void import_stop(void);

#endif
