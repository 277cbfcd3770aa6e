/*
 * The answers of a message (HL7 v2.9, 2.9.2 original mode, 2.9.3 enhanced mode).
 *
 * Enhanced mode holds when MSH-15 or MSH-16 is valued: an accept acknowledgement
 * says that the message is kept, the application acknowledgement what became of
 * it; each is sent as its field says (table 0155). By the time either is sent the
 * message is in the store, or among the dead letters, which keeps it, too: so a
 * message that the application refuses is accepted all the same.
 */
#include "base/clock.h"
#include "gateway/feed/message.h"
#include "mappers/hl7v2/ack.h"
#include "mappers/hl7v2/v2xml.h"

enum {
	ACK_MOST = 256 << 10,
	MOST_PROBLEMS = 10, /* ERR segments of one ACK */
};

/* The ACK's code for an exchange that ended with that HTTP status. */
static enum ack_code
code_of(const struct feed_message *e, int status)
{
	if (status < 400)
		return ACK_ACCEPT;
	if (!e->is_read || status == 401 || status == 403 || status == 428 || status == 501)
		return ACK_REJECT;
	return ACK_ERROR;
}

static uint32_t
collect_problems(const struct findings *f, struct ack_problem problems[MOST_PROBLEMS])
{
	uint32_t n = 0;

	/* The worst first: what is listed may not be all. */
	for (int level = SEVERITY_FATAL; level <= SEVERITY_WARNING; level++)
		for (const struct finding *i = f->first; i && n < MOST_PROBLEMS; i = i->next)
			if ((int)i->severity == level)
				problems[n++] = ack_problem_of(i);
	return n;
}

/* Table 0155. */
static bool
is_due(struct str condition, bool success)
{
	if (str_is(condition, "NE"))
		return false;
	if (str_is(condition, "ER"))
		return !success;
	if (str_is(condition, "SU"))
		return success;
	return true;
}

static struct str
write_ack(struct feed_message *e, const struct ack *ack)
{
	struct buf out;
	struct str text = { NULL, 0 };

	buf_init(&out, ACK_MOST);
	if (e->is_read)
		ack_write(&e->er7, ack, &out);
	else
		ack_write_unread(e->bytes, ack, &out);
	if (e->is_xml && e->is_read) {
		struct buf xml;

		buf_init(&xml, 2 * ACK_MOST);
		v2xml_put_ack(buf_str(&out), &xml);
		if (!xml.full && !out.full)
			text = str_dup(e->x.arena, buf_str(&xml));
		buf_release(&xml);
	} else if (!out.full) {
		text = str_dup(e->x.arena, buf_str(&out));
	}
	buf_release(&out);
	return text;
}

/* Was the message kept, whatever the application says of it? */
static enum ack_code
commit_code(const struct feed_message *e, int status)
{
	if (status < 400 || feed_is_kept(e, status))
		return ACK_COMMIT_ACCEPT;
	return status == 401 || status == 403 || !e->is_read ? ACK_COMMIT_REJECT : ACK_COMMIT_ERROR;
}

void
feed_make_acks(struct feed_message *e, int status)
{
	struct exchange *x = &e->x;
	struct ack_problem problems[MOST_PROBLEMS];
	struct ack ack = {
		.code = code_of(e, status),
		.control_id = str_from(x->id),
		.time = clock_wall(),
		.problems = problems,
		.problem_count = collect_problems(&x->findings, problems),
		.has_expected = e->sequenced,
		.expected = e->expected,
	};
	struct str accept = STR(""), application = STR("");

	e->accept = e->ack = STR("");
	e->code = ack_code_name(ack.code);
	if (e->is_ack)
		return;
	if (e->is_read && e->settings->said.enhanced) {
		accept = str_trim(er7_value(&e->er7, e->er7.segments, 15, 0, 0, 0));
		application = str_trim(er7_value(&e->er7, e->er7.segments, 16, 0, 0, 0));
	}
	if (status >= 400 && x->findings.first)
		ack.text = x->findings.first->text;
	/* An application acknowledgement that nobody asked for is none. */
	if (!accept.len && !application.len) {
		e->ack = write_ack(e, &ack);
		return;
	}
	if (application.len && is_due(application, status < 400))
		e->ack = write_ack(e, &ack);
	ack.code = commit_code(e, status);
	if (ack.code == ACK_COMMIT_ACCEPT)
		ack.problem_count = 0;
	if (accept.len && is_due(accept, ack.code == ACK_COMMIT_ACCEPT))
		e->accept = write_ack(e, &ack);
}
