/*
 * audit.h - the audit trail: who did what, and what came of it.
 *
 * An append-only trail in segment files of one folder. Each entry is a line
 * of JSON that carries the SHA-256 of itself and of the hash before it, so that
 * a change, a loss in the middle or a change of order breaks the chain; the
 * checkpoint file says how far the trail had got, so that a loss at the end is
 * found too. README.md describes the files and what can and cannot be found.
 *
 * Entries hold ids, names and codes; never a patient's values, never the value
 * of a query parameter.
 *
 * A struct audit belongs to one thread at a time (the audit lane). One process
 * has the folder: a lock on it keeps others from writing.
 */
#ifndef GATEWAY_AUDIT_AUDIT_H
#define GATEWAY_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct audit;
struct error;

enum audit_outcome {
	AUDIT_ALLOWED, /* carried out */
	AUDIT_REFUSED, /* not permitted, or not understood */
	AUDIT_FAILED,  /* permitted, and something went wrong */
};

/* "allowed", "refused", "failed". */
const char *audit_outcome_name(enum audit_outcome o);

/* One exchange. The texts are the caller's; empty ones are left out. */
struct audit_entry {
	struct str exchange;	     /* its id */
	int64_t time;		     /* wall time it was received; 0: now */
	struct str sender;	     /* name; empty: not identified */
	struct str source;	     /* address of the peer: "10.0.0.7:51234" */
	struct str protocol;	     /* "http", "mllp", … */
	struct str interaction;	     /* FHIR's code: "read", "search-type",
				 * "transaction", …; HL7 v2: "ADT^A01" */
	const struct str *resources; /* touched: "Patient/123/_history/2",
				      * "Patient/123", "Patient" */
	size_t resource_count;
	const struct str *params; /* names of the query parameters, no values */
	size_t param_count;
	enum audit_outcome outcome;
	struct str status;     /* "200", "AA" */
	struct str rule;       /* that decided: struct access_decision */
	struct str control_id; /* MSH-10 */
	int64_t duration_us;   /* until the entry was made */

	uint64_t sequence; /* answered: its number in the trail, from 1 */
};

struct audit_options {
	const char *folder;  /* made (mode 0700) when it is not there */
	size_t segment_size; /* bytes; a new segment is begun after that */
};

/*
 * Open the trail for writing. The chain of the newest segment is checked
 * against the checkpoint. An incomplete last line, which a crash leaves and
 * nobody was promised, is cut off: with a log line and an entry that says so.
 * Anything else that is wrong is an error (ERROR_CONFLICT when another process
 * has the folder). Returns NULL with *err set.
 */
struct audit *audit_open(const struct audit_options *o, struct error *err);
void audit_close(struct audit *a);

/*
 * Append the entries, in this order, and wait until all are on disk: one
 * write and one sync. Returns 0; or -1 with *err set, and then none of them is
 * in the trail and no exchange of them may be answered with data. After
 * ERROR_IO a later call may work (the disk was full), or go on failing (a
 * sync failed: what is on the disk is not known any more; the process must be
 * started anew).
 */
int
audit_write_batch(struct audit *a, struct audit_entry **entries, size_t count, struct error *err);

/* Number and hash of the newest entry (0 and zeros: none yet). */
uint64_t audit_head(const struct audit *a, uint8_t hash[SHA256_BYTES]);

#endif
