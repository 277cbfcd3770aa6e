/* Where messages are sent on to: the configuration's routes. */
#include <jansson.h>
#include <stdlib.h>

#include "gateway/feed/message.h"
#include "gateway/feed/queue.h"
#include "gateway/gateway.h"

static bool
is_listed(const struct config_texts *list, struct str s)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (str_eq(list->at[i], s))
			return true;
	return list->count == 0;
}

/* "ADT" stands for all its events. */
static bool
is_type_listed(const struct config_texts *list, struct str type)
{
	struct str rest = type, code = type;

	str_split(&rest, '^', &code);
	return is_listed(list, type) || is_listed(list, code);
}

static bool
holds(const struct er7_message *m, const struct config_condition *w)
{
	const struct er7_segment *s = er7_find(m, w->segment);
	struct str value = s ? er7_value(m, s, w->field, 1, w->component, w->subcomponent)
			     : STR("");

	switch (w->kind) {
	case CONDITION_NONE:
		return true;
	case CONDITION_EQUALS:
		return str_eq(value, w->value);
	case CONDITION_DIFFERS:
		return !str_eq(value, w->value);
	case CONDITION_VALUED:
		return value.len > 0;
	case CONDITION_NOT_VALUED:
		return value.len == 0;
	}
	return false;
}

static bool
is_routed(const struct feed_message *e, const struct config_route *r)
{
	return is_listed(&r->from, access_sender_name(e->x.sender)) &&
	       is_type_listed(&r->types, e->type) && holds(e->said, &r->when);
}

static struct str
make_head(struct feed_message *e)
{
	struct str sender = access_sender_name(e->x.sender);
	json_t *head = json_object();
	struct str text;
	char *dump;

	json_object_set_new(head, "sender", json_stringn(sender.p, sender.len));
	json_object_set_new(head, "feed", json_stringn(e->feed->name.p, e->feed->name.len));
	json_object_set_new(head, "type", json_stringn(e->type.p, e->type.len));
	json_object_set_new(head, "control", json_stringn(e->control_id.p, e->control_id.len));
	json_object_set_new(head, "exchange", json_string(e->x.id));
	dump = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	text = str_dup(e->x.arena, str_from(dump ? dump : "{}"));
	free(dump);
	return text;
}

static enum outcome
add_letter(struct feed_message *e, struct str destination, struct str *head)
{
	struct queues *queues = e->x.gateway->queues;
	int number = queues_find(queues, destination);
	struct str box;

	if (number < 0)
		return exchange_fail(&e->x, 503, NULL, STR("MSH"),
		    "a destination of this message is not open yet: the gateway must be restarted");
	box = queues_box(queues, (unsigned)number);
	for (uint32_t i = 0; i < e->letter_count; i++)
		if (str_eq(e->letters[i].box, box))
			return DONE;
	if (e->letter_count == FEED_LETTERS)
		return exchange_fail(&e->x, 413, NULL, STR("MSH"),
		    "the message has more than %d destinations", FEED_LETTERS);
	if (!queues_has_room(queues, (unsigned)number))
		return exchange_fail(&e->x, 503, NULL, STR("MSH"),
		    "the queue of the destination %.*s is full; send this again later",
		    STR_ARG(destination));
	if (!head->len)
		*head = make_head(e);
	e->letters[e->letter_count++] = (struct store_letter){
		.box = box,
		.head = *head,
		.body = e->said == &e->er7 && !e->is_xml ? e->bytes : e->said->text,
	};
	return DONE;
}

enum outcome
feed_route(struct feed_message *e, bool *forward_only)
{
	const struct config *c = feed_set_config(e->set);
	struct str head = STR("");

	for (uint32_t i = 0; i < c->route_count; i++) {
		const struct config_route *r = &c->routes[i];

		if (!is_routed(e, r))
			continue;
		for (uint32_t j = 0; j < r->to.count; j++)
			if (add_letter(e, r->to.at[j], &head) != DONE)
				return FAILED;
		*forward_only |= r->forward_only;
	}
	return DONE;
}

void
feed_wake_queues(struct feed_message *e)
{
	struct queues *queues = e->x.gateway->queues;

	for (uint32_t i = 0; i < e->letter_count; i++)
		for (unsigned n = 0; n < queues_count(queues); n++)
			if (str_eq(queues_box(queues, n), e->letters[i].box))
				queues_wake(queues, n, 1);
}
