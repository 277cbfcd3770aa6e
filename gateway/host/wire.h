/*
 * wire.h - what host and worker say to each other.
 *
 * Messages go over a SOCK_SEQPACKET pair; payloads in a memory file (memfd)
 * that comes with the message: for each record its head, the record, and the
 * text that goes with it, each padded to 8 bytes.
 */
#ifndef GATEWAY_HOST_WIRE_H
#define GATEWAY_HOST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct error;

enum wire_kind {
	WIRE_READY = 1, /* worker: the plugin has started */
	WIRE_JOB,	/* host: do this; with payload */
	WIRE_DONE,	/* worker: done; with payload when count is not 0 */
	WIRE_FAILED,	/* worker: it failed; text says why */
	WIRE_LOG,	/* worker: text for the log */
};

enum {
	WIRE_TEXT = 400,
	WIRE_PAYLOAD_MOST = 256 << 20,
	WIRE_RECORDS_MOST = 65536,
};

struct wire_message {
	uint32_t kind;	/* enum wire_kind */
	uint32_t level; /* enum log_level of WIRE_LOG */
	uint64_t job;
	uint32_t count; /* records in the payload */
	uint32_t cpu_ms;
	uint64_t size; /* of the payload */
	char text[WIRE_TEXT];
};

/* One record of a payload, before its bytes. */
struct wire_head {
	uint64_t record_len, text_len;
};

/* Add a record and its text to a payload. */
void wire_put(struct buf *payload, struct str record, struct str text);

/*
 * Take the next record off the payload. Returns false when it does not hold
 * together.
 */
bool wire_take(struct str *payload, struct str *record, struct str *text);

/* Send m; payload may be empty: then no memory file goes with it. */
int wire_send(int fd, struct wire_message *m, struct str payload, struct error *err);

/*
 * Receive a message, and the memory file in *payload_fd (-1: none). Returns 1,
 * 0 when the other side has closed, -1 with *err set; with -1 and *again true
 * when nothing is there to be received.
 */
int wire_receive(int fd, struct wire_message *m, int *payload_fd, bool *again, struct error *err);

#endif
