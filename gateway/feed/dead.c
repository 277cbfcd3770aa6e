#include "gateway/feed/dead.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "gateway/feed/message.h"
#include "mappers/hl7v2/ack.h"

/* ---- Made ----------------------------------------------------------------- */

static json_t *
text_of(struct str s)
{
	json_t *j = json_stringn(s.p ? s.p : "", s.len);

	/* A control id is the sender's, and need not be UTF-8. */
	return j ? j : json_string("?");
}

static json_t *
describe_problem(const struct finding *f)
{
	json_t *p = json_object();

	json_object_set_new(p, "severity", json_string(severity_name(f->severity)));
	json_object_set_new(p, "code", json_string(f->code));
	json_object_set_new(p, "place", text_of(f->path));
	if (f->line) {
		json_object_set_new(p, "line", json_integer(f->line));
		json_object_set_new(p, "column", json_integer(f->column));
	}
	json_object_set_new(p, "text", text_of(f->text));
	return p;
}

static json_t *
describe_problems(const struct findings *f)
{
	json_t *all = json_array();

	/* The worst first. */
	for (int level = SEVERITY_FATAL; level <= SEVERITY_INFORMATION; level++)
		for (const struct finding *i = f->first; i; i = i->next)
			if ((int)i->severity == level)
				json_array_append_new(all, describe_problem(i));
	return all;
}

static struct str
make_head(struct feed_message *e)
{
	struct exchange *x = &e->x;
	char source[ADDRESS_TEXT];
	size_t len = x->peer ? address_format(&x->peer->address, source) : 0;
	json_t *head = json_object();
	struct str text;
	char *dump;

	json_object_set_new(head, "sender", text_of(access_sender_name(x->sender)));
	json_object_set_new(head, "feed", text_of(e->feed->name));
	json_object_set_new(head, "protocol", json_string(x->front->protocol));
	json_object_set_new(head, "source", text_of(str_of(source, len)));
	json_object_set_new(head, "type", text_of(e->type));
	json_object_set_new(head, "control", text_of(e->control_id));
	json_object_set_new(head, "code", json_string(e->code ? e->code : ""));
	json_object_set_new(head, "status", json_integer(x->status));
	json_object_set_new(head, "exchange", json_string(x->id));
	json_object_set_new(head, "problems", describe_problems(&x->findings));
	dump = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	text = str_dup(x->arena, str_from(dump ? dump : "{}"));
	free(dump);
	return text;
}

/* A message that comes again, and fails again, is one letter. */
static struct str
make_key(struct feed_message *e)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	if (e->key.len)
		return e->key;
	sha256_parts(&e->bytes, 1, digest);
	hex_encode(digest, sizeof(digest), hex);
	return str_printf(
	    e->x.arena, "unread\n%.*s\n%s", STR_ARG(access_sender_name(e->x.sender)), hex);
}

/*
 * What is refused for what it says is kept. What is refused because nobody may
 * send it, because it is out of sequence, too large, or because the gateway has no
 * room now, stays with its sender.
 */
bool
feed_is_kept(const struct feed_message *e, int status)
{
	static const int not_kept[] = { 401, 403, 405, 413, 415, 428, 503, 507 };

	for (size_t i = 0; i < sizeof(not_kept) / sizeof(not_kept[0]); i++)
		if (status == not_kept[i])
			return false;
	return e->x.sender && e->settings->said.dead_letters && !e->is_cut && e->bytes.len;
}

bool
feed_dead_letter(struct feed_message *e, struct store_letter *out)
{
	if (!feed_is_kept(e, e->x.status))
		return false;
	*out = (struct store_letter){
		.box = STR(DEAD_BOX),
		.key = make_key(e),
		.head = make_head(e),
		.body = e->bytes,
		.most = DEAD_MOST,
	};
	return out->key.len && out->head.len;
}

/* ---- Found ---------------------------------------------------------------- */

static struct str
member(const json_t *head, const char *name)
{
	return str_from(json_string_value(json_object_get(head, name)));
}

static bool
contains(struct str text, struct str part)
{
	for (size_t i = 0; part.len <= text.len && i + part.len <= text.len; i++)
		if (str_eq_nocase(str_of(text.p + i, part.len), part))
			return true;
	return false;
}

static bool
has_reason(const json_t *head, struct str reason)
{
	const json_t *p;
	size_t i;

	for (i = 0; (p = json_array_get(json_object_get(head, "problems"), i)); i++)
		if (contains(member(p, "text"), reason) || contains(member(p, "place"), reason) ||
		    contains(member(p, "code"), reason))
			return true;
	return false;
}

static bool
is_type(struct str type, struct str wanted)
{
	return str_eq(type, wanted) || (str_starts(type, wanted) && type.p[wanted.len] == '^');
}

bool
dead_matches(const struct dead_filter *f, const struct store_letter *l, const json_t *head)
{
	return (!f->sender.len || str_eq(member(head, "sender"), f->sender)) &&
	       (!f->feed.len || str_eq(member(head, "feed"), f->feed)) &&
	       (!f->type.len || is_type(member(head, "type"), f->type)) &&
	       (!f->reason.len || has_reason(head, f->reason)) && l->last >= f->since;
}

static void
set_time(json_t *to, const char *name, int64_t wall)
{
	char text[INSTANT_TEXT];

	instant_format(wall, text);
	json_object_set_new(to, name, json_string(text));
}

json_t *
dead_describe(const struct store_letter *l)
{
	json_t *head = json_loadb(l->head.p, l->head.len, 0, NULL), *first;

	if (!json_is_object(head)) {
		json_decref(head);
		head = json_object();
	}
	json_object_set_new(head, "number", json_integer((json_int_t)l->number));
	set_time(head, "at", l->at);
	set_time(head, "last", l->last);
	json_object_set_new(head, "times", json_integer(l->times));
	json_object_set_new(head, "bytes", json_integer((json_int_t)l->body_len));
	first = json_array_get(json_object_get(head, "problems"), 0);
	if (first) {
		struct str place = member(first, "place"), text = member(first, "text");

		json_object_set_new(head, "reason",
		    json_sprintf(
			"%.*s%s%.*s", STR_ARG(place), place.len ? ": " : "", STR_ARG(text)));
	}
	return head;
}
