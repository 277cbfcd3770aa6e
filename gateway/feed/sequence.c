/*
 * The sequence number protocol (HL7 v2.9, 2.10.1), where it is configured.
 *
 * Of each sender, application and facility the last number taken is noted in the
 * store, in the commit of its message. 0 asks which is expected; -1 begins anew:
 * the next is taken as it is. A number that is not the expected one is refused,
 * with the expected one in MSA-4, and nothing is done.
 */
#include "gateway/feed/message.h"
#include "gateway/gateway.h"

enum {
	NOT_KNOWN = -1,
};

static void
note(struct feed_message *e, struct str value)
{
	e->note = (struct store_note){
		.key = e->sequence_key,
		.value = value,
		.before = e->sequence_before,
		.checked = true,
	};
	e->note_count = 1;
}

enum outcome
feed_check_sequence(struct feed_message *e, struct worker *w)
{
	struct exchange *x = &e->x;
	const struct er7_segment *msh = &e->er7.segments[0];
	struct str said = er7_value(&e->er7, msh, 13, 0, 0, 0);
	int64_t number, last = NOT_KNOWN;

	if (!said.len)
		return DONE;
	if (!str_to_int(said, &number) || number < -1)
		return exchange_fail(x, 400, "value", STR("MSH-13"),
		    "the sequence number must be a number from -1 upwards");
	e->sequence_key = str_printf(x->arena, "sequence\n%.*s\n%.*s\n%.*s",
	    STR_ARG(access_sender_name(x->sender)), STR_ARG(er7_value(&e->er7, msh, 3, 0, 0, 0)),
	    STR_ARG(er7_value(&e->er7, msh, 4, 0, 0, 0)));
	e->sequence_before = STR("");
	if (store_read_note(w->reader, e->sequence_key, x->arena, &e->sequence_before))
		str_to_int(e->sequence_before, &last);
	e->sequenced = true;
	e->is_empty = number <= 0;
	if (number == 0) {
		e->expected = last == NOT_KNOWN ? 1 : last + 1;
		return DONE;
	}
	if (number == -1) {
		e->expected = -1;
		note(e, STR(""));
		return DONE;
	}
	e->expected = last == NOT_KNOWN ? number : last + 1;
	if (number != e->expected)
		return exchange_fail(x, 428, "conflict", STR("MSH-13"),
		    "the sequence number is not the one that is expected, which MSA-4 tells");
	e->expected = number + 1;
	note(e, said);
	return DONE;
}
