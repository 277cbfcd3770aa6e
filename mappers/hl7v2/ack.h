/*
 * ack.h - the acknowledgement of an HL7 v2 message (HL7 v2.9, 2.9 and 2.13).
 *
 * Written in the separators, version and processing id of the original, and
 * with sender and receiver changed round. Holds no values of the message but
 * those of its MSH. Thread-safe.
 */
#ifndef MAPPERS_HL7V2_ACK_H
#define MAPPERS_HL7V2_ACK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/finding.h"
#include "base/str.h"
#include "mappers/hl7v2/er7.h"

/* Codes of table 0008. */
enum ack_code {
	ACK_ACCEPT,	   /* AA */
	ACK_ERROR,	   /* AE: wrong, and will be when it is sent again */
	ACK_REJECT,	   /* AR: not looked at; may work later */
	ACK_COMMIT_ACCEPT, /* CA, CE, CR of the enhanced mode */
	ACK_COMMIT_ERROR,
	ACK_COMMIT_REJECT,
};

/* One ERR segment. */
struct ack_problem {
	enum severity severity;
	uint32_t code;	     /* table 0357: 100 to 103, 200 to 207 */
	struct str segment;  /* "PID"; empty: no place */
	uint32_t sequence;   /* which one, from 1 */
	uint32_t field;	     /* 0: the whole segment */
	uint32_t repetition; /* 0: not said */
	uint32_t component;  /* 0: not said */
	struct str text;     /* for people; no patient's values */
};

struct ack {
	enum ack_code code;
	struct str control_id; /* MSH-10 of the ACK itself, at most 20 characters */
	int64_t time;	       /* wall time for MSH-7, microseconds */
	struct str text;       /* what went wrong, in short; may be empty */
	const struct ack_problem *problems;
	uint32_t problem_count;
	bool has_expected; /* of the sequence number protocol: MSA-4 */
	int64_t expected;
};

/* Append the ACK of message m: segments ended by CR. */
void ack_write(const struct er7_message *m, const struct ack *ack, struct buf *out);

/*
 * Append an ACK for bytes that er7_read() refused. If they begin with an MSH
 * that can be used, its separators, parties, version and control id are;
 * otherwise those of the standard, with an empty MSA-2.
 */
void ack_write_unread(struct str bytes, const struct ack *ack, struct buf *out);

/* The problem that a finding about the message tells of: its v2 place taken
 * apart, and the code of table 0357 that fits the finding's code. */
struct ack_problem ack_problem_of(const struct finding *f);

/* "AA", "AE", … */
const char *ack_code_name(enum ack_code code);

#endif
