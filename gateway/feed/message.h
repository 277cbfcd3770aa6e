/*
 * message.h - an HL7 v2 message as an exchange, however it came: read, mapped to
 * a transaction, stored, sent on, acknowledged.
 *
 * The ways in (MLLP, HTTP, a batch, a replayed dead letter) differ in how the
 * sender is known and where the ACK goes; FEED_FRONT() makes the front of one.
 *
 * What is promised: a message that was accepted (AA, CA) is stored, and in the
 * queues of all destinations it is routed to, in one commit, once. One that is
 * refused for what it says is kept as a dead letter before its AE or AR; one that
 * is refused for what the gateway lacks (room, time, a scope) is not, and its
 * sender has it still.
 */
#ifndef GATEWAY_FEED_MESSAGE_H
#define GATEWAY_FEED_MESSAGE_H

#include "gateway/exchange/exchange.h"
#include "gateway/feed/feeds.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/map/map.h"

/* A place where messages come in. */
struct feed {
	struct gateway *gateway;
	unsigned number; /* of the feed_set */
	struct str name;
	struct str sender; /* of the configuration; empty: whoever shows who it is */
	bool loopback;
};

enum {
	FEED_FINDINGS = 100,
	FEED_LETTERS = 64, /* destinations of one message */
};

struct feed_message {
	struct exchange x;
	const struct feed *feed;
	struct feed_set *set;
	const struct feed_settings *settings; /* once the sender is known */
	struct str bytes;		      /* as they came */
	struct str charset;		      /* of the way it came; empty: not said */

	struct er7_message er7;
	struct er7_message whole;	/* of several parts; else not used */
	const struct er7_message *said; /* the one that is mapped */
	bool is_read, is_xml;
	struct str type; /* "ADT^A01" */
	struct str control_id;
	struct str key; /* of duplicates; empty: not looked for */
	bool duplicate;
	bool is_ack;   /* an acknowledgement, which is never answered */
	bool is_part;  /* goes on in another message: kept until that comes */
	bool is_cut;   /* not whole */
	bool is_empty; /* of the sequence protocol, without content */

	/* The sequence number protocol, when it is on. */
	bool sequenced;
	struct str sequence_key, sequence_before, sequence_after;
	int64_t expected; /* MSA-4; with sequenced */

	/* What goes into the commit beside the resources. */
	struct store_letter letters[FEED_LETTERS];
	uint32_t letter_count;
	struct store_take *takes;
	uint32_t take_count;
	struct store_note note;
	uint32_t note_count;

	uint64_t replayed; /* number of the dead letter this is; 0: none */
	bool dead;	   /* was kept as a dead letter */
	struct store_letter dead_letter;
	struct store_write keep;

	struct coverage coverage;
	const char *code;  /* "AA" */
	struct str accept; /* CA, CE, CR; empty: none is due */
	struct str ack;	   /* AA, AE, AR; empty: none is due */
	void *way;	   /* of the front */
};

static inline struct feed_message *
feed_message_of(struct exchange *x)
{
	return (struct feed_message *)x;
}

/*
 * Begin an exchange for bytes that came by `way`, in the arena; NULL when that is
 * full. What is given must be good until the front's answer().
 */
struct feed_message *
feed_message_begin(const struct feed *feed, struct loop *home, struct arena *arena,
    const struct exchange_front *front, const struct peer *peer, struct str bytes, void *way);

/* Find out who sends, by listener, certificate or, with authorization, token. */
enum access_answer feed_identify(struct feed_message *e, const struct access_credentials *c);

/* The identify stage of those that have no more than a connection. */
enum outcome feed_identify_peer(struct exchange *x);

/* It is known who sends: take what holds for them. */
void feed_settle(struct feed_message *e);

/* Before the front's answer() sends: count, log, release. */
void feed_end(struct feed_message *e);

/* The stages that are alike. */
exchange_step_fn feed_decode, feed_authorise, feed_transform;
exchange_work_fn feed_finish;
bool feed_is_overtaken(const struct exchange *x);
void feed_refuse(struct exchange *x);
struct store_write *feed_keep(struct exchange *x);
void feed_describe(struct exchange *x, struct audit_entry *a);

#define FEED_FRONT(protocol_, identify_, answer_)                                                  \
	{                                                                                          \
		.protocol = (protocol_), .identify = (identify_), .decode = feed_decode,           \
		.authorise = feed_authorise, .transform = feed_transform,                          \
		.is_overtaken = feed_is_overtaken, .finish = feed_finish, .refuse = feed_refuse,   \
		.keep = feed_keep, .answer = (answer_), .describe = feed_describe,                 \
	}

/* ---- Between the files of this folder ------------------------------------ */

/* ack.c: make e->accept and e->ack for an exchange that ended so. */
void feed_make_acks(struct feed_message *e, int status);

/* continue.c: a part is put away, or the parts that belong to this one are put
 * together. */
enum outcome feed_join_parts(struct feed_message *e, struct worker *w);

/* sequence.c: hold MSH-13 to the protocol (HL7 v2.9, 2.10.1). */
enum outcome feed_check_sequence(struct feed_message *e, struct worker *w);

/* dead.c: is a message that is refused with that status kept as a dead letter? */
bool feed_is_kept(const struct feed_message *e, int status);

/* dead.c: the letter of a message that is refused; false: it is not to be kept. */
bool feed_dead_letter(struct feed_message *e, struct store_letter *out);

/* route.c: put a letter for each destination of the message. *forward_only: it
 * is not to be mapped. */
enum outcome feed_route(struct feed_message *e, bool *forward_only);

/* route.c: after the commit: tell the queues that there is more. */
void feed_wake_queues(struct feed_message *e);

#endif
