/*
 * Messages that came in parts (HL7 v2.9, 2.10.2).
 *
 * A part that goes on (DSC-1) is put into the box of its sender, acknowledged,
 * and waits under its pointer. The last part brings them together: the message
 * is what all of them say, and they are taken away in its commit.
 */
#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "gateway/feed/message.h"
#include "gateway/gateway.h"

enum {
	PARTS_MOST = 1000,  /* of one message */
	PARTS_KEPT = 10000, /* of a sender, waiting for the rest */
	WHOLE_MOST = 64 << 20,
};

static struct str
box_of(struct feed_message *e)
{
	return str_printf(e->x.arena, "part/%.*s", STR_ARG(access_sender_name(e->x.sender)));
}

/* A part's name: pointers are unique to the application that made them. */
static struct str
key_of(struct feed_message *e, struct str pointer)
{
	const struct er7_segment *msh = &e->er7.segments[0];

	return str_printf(e->x.arena, "%.*s\n%.*s\n%.*s",
	    STR_ARG(er7_value(&e->er7, msh, 3, 0, 0, 0)),
	    STR_ARG(er7_value(&e->er7, msh, 4, 0, 0, 0)), STR_ARG(pointer));
}

static enum outcome
put_away(struct feed_message *e, struct str pointer)
{
	struct str before = er7_continues(&e->er7);

	/* The head is the pointer of the part before: the chain is walked by it. */
	e->letters[e->letter_count++] = (struct store_letter){
		.box = box_of(e),
		.key = key_of(e, pointer),
		.head = before.len ? before : STR(""),
		.body = e->er7.text,
		.most = PARTS_KEPT,
	};
	e->is_part = true;
	return DONE;
}

static enum outcome
fail_parts(struct feed_message *e)
{
	return exchange_fail(&e->x, 413, "too-costly", STR("MSH-14"),
	    "the parts of the message are too many or too large together");
}

/* It begins in the middle of a segment. */
static bool
is_remainder(const struct er7_message *m)
{
	return m->segment_count > 1 && memcmp(m->segments[1].id, "ADD", 3) == 0;
}

/* The parts before this one, the last first. */
static int
collect(struct feed_message *e, struct worker *w, struct str *parts, uint32_t *count)
{
	struct str box = box_of(e), pointer = er7_continues(&e->er7);
	struct store_letter l;
	struct error err;

	for (*count = 0; pointer.len && *count < PARTS_MOST; ++*count) {
		int rc = store_find_letter(
		    w->reader, box, key_of(e, pointer), e->x.arena, &l, &err);

		if (rc <= 0)
			return rc;
		parts[*count] = l.body;
		e->takes[e->take_count++] = (struct store_take){
			.box = box, .number = l.number, .may_be_gone = true
		};
		pointer = l.head;
	}
	return pointer.len ? -1 : 1;
}

static enum outcome
read_whole(struct feed_message *e, struct str *parts, uint32_t count)
{
	struct exchange *x = &e->x;
	struct er7_options o = { .is_utf8 = true };
	struct str text;
	struct buf whole;

	for (uint32_t i = 0; i < count / 2; i++) {
		struct str other = parts[i];

		parts[i] = parts[count - 1 - i];
		parts[count - 1 - i] = other;
	}
	parts[count] = e->er7.text;
	buf_init(&whole, WHOLE_MOST);
	whole.wipe = true;
	er7_join(parts, count + 1, &whole);
	text = whole.full ? (struct str){ NULL, 0 } : str_dup(x->arena, buf_str(&whole));
	buf_release(&whole);
	if (!text.p)
		return fail_parts(e);
	e->said = &e->whole;
	if (er7_read(text, &o, x->arena, &e->whole, &x->findings) == 0)
		return DONE;
	x->status = 400;
	return FAILED;
}

enum outcome
feed_join_parts(struct feed_message *e, struct worker *w)
{
	struct exchange *x = &e->x;
	struct str pointer = er7_continued(&e->er7), *parts;
	uint32_t count;
	int rc;

	if (pointer.len)
		return put_away(e, pointer);
	if (!er7_continues(&e->er7).len)
		return DONE;
	parts = arena_calloc(x->arena, PARTS_MOST + 1, sizeof(*parts));
	e->takes = arena_calloc(x->arena, PARTS_MOST + 1, sizeof(*e->takes));
	if (!parts || !e->takes)
		return fail_parts(e);
	rc = collect(e, w, parts, &count);
	if (rc < 0)
		return fail_parts(e);
	if (rc == 0 && is_remainder(&e->er7))
		return exchange_fail(x, 422, "not-found", STR("MSH-14"),
		    "the message goes on with one that is not here: its sender must send all "
		    "parts, in order");
	if (rc == 0) {
		/* There are senders that have something else in MSH-14. */
		e->take_count = 0;
		findings_add(&x->findings, SEVERITY_WARNING, "not-found", STR("MSH-14"), 1, 0,
		    "no part of a message is here that goes on with this; it was taken as a whole "
		    "one");
		return DONE;
	}
	return read_whole(e, parts, count);
}
