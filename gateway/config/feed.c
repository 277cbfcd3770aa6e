#include "gateway/config/feed.h"

#include <stdio.h>

#include "base/error.h"
#include "base/zone.h"
#include "gateway/config/value.h"

#define SECOND ((int64_t)1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

enum {
	NAMESPACES_MOST = 1000,
	LIST_MOST = 1000,
};

void
config_read_zone(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_feed *f = out;
	struct error err;
	struct zone *z;

	f->zone_name = STR("");
	f->zone_minutes = 0;
	if (value_zone(node->text, &f->zone_minutes))
		return;
	z = node->kind == YAML_TEXT ? zone_open(node->text, &err) : NULL;
	if (z)
		f->zone_name = node->text;
	else
		config_complain(r, node, "value",
		    "must be a time zone's name, as in 'Europe/Berlin', or %s, in quotes",
		    VALUE_ZONE_NOTE);
	zone_free(z);
}

void
config_read_unknown_charset(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_feed *f = out;

	if (str_is(node->text, "read"))
		f->read_unknown_charset = true;
	else if (str_is(node->text, "refuse"))
		f->read_unknown_charset = false;
	else
		config_complain(r, node, "value",
		    "must be 'refuse', or 'read' (as 'charset' says, with a warning)");
}

void
config_read_namespaces(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_feed *f = out;

	if (node->kind != YAML_MAPPING || node->count > NAMESPACES_MOST) {
		config_complain(r, node, "structure",
		    "must be a mapping from the site's names to URIs, as in 'LAB: "
		    "urn:oid:1.2.3', of at most %d",
		    NAMESPACES_MOST);
		return;
	}
	f->namespaces = config_array(r, node, node->count, sizeof(*f->namespaces));
	f->namespace_count = 0;
	if (!f->namespaces)
		return;
	YAML_EACH(node, pair)
	{
		if (pair->kind != YAML_TEXT || str_find(pair->text, ':') <= 0)
			config_complain(r, pair, "value",
			    "must be a URI, as in 'urn:oid:1.2.3' or "
			    "'http://hospital.example/lab'");
		else
			f->namespaces[f->namespace_count++] = (struct config_namespace){ pair->key,
				pair->text };
	}
}

void
config_feed_defaults(struct config_feed *f)
{
	*f = (struct config_feed){ .duplicate_ms = DAY, .dead_letters = true, .enhanced = true };
}

void
config_feed_given(const struct yaml *node, struct config_feed *f)
{
	static const struct {
		const char *key;
		unsigned bit;
	} keys[] = {
		{ "zone", CONFIG_FEED_ZONE },
		{ "charset", CONFIG_FEED_CHARSET },
		{ "unknown_charset", CONFIG_FEED_UNKNOWN },
		{ "maps", CONFIG_FEED_MAPS },
		{ "duplicates", CONFIG_FEED_DUPLICATES },
		{ "sequence", CONFIG_FEED_SEQUENCE },
		{ "dead_letters", CONFIG_FEED_DEAD },
		{ "namespaces", CONFIG_FEED_NAMESPACES },
		{ "enhanced", CONFIG_FEED_ENHANCED },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (yaml_find(node, str_from(keys[i].key)))
			f->given |= keys[i].bit;
}

/* A list of mappings, each read by one(). */
static void *
read_list(struct config_reader *r, const struct yaml *node, size_t size, uint32_t *count,
    void (*one)(struct config_reader *r, const struct yaml *node, void *out))
{
	char *at;

	if (node->kind != YAML_LIST || node->count > LIST_MOST) {
		config_complain(r, node, "structure",
		    "must be a list (lines that begin with '-') of at most %d", LIST_MOST);
		return NULL;
	}
	at = config_array(r, node, node->count, size);
	if (!at)
		return NULL;
	YAML_EACH(node, item)
	{
		size_t mark = config_enter_item(r, *count);

		one(r, item, at + size * *count);
		++*count;
		config_leave(r, mark);
	}
	return at;
}

static const struct field overlay_fields[] = {
	FIELD("sender", FIELD_NAME, offsetof(struct config_overlay, sender), .required = true),
	CONFIG_FEED_FIELDS(offsetof(struct config_overlay, feed)),
	FIELDS_END,
};

static void
read_overlay(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_overlay *o = out;

	o->place = (struct config_place){ node->line, node->column };
	config_feed_defaults(&o->feed);
	section_read(r, node, overlay_fields, o);
	config_feed_given(node, &o->feed);
}

void
config_read_feeds(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;

	c->overlays = read_list(r, node, sizeof(*c->overlays), &c->overlay_count, read_overlay);
}

static void
read_path(struct config_reader *r, const struct yaml *node, void *out)
{
	struct str path = node->text;

	if (node->kind != YAML_TEXT || path.len < 2 || path.p[0] != '/' ||
	    str_find(path, '?') >= 0 || str_find(path, '#') >= 0 || path.p[path.len - 1] == '/' ||
	    str_starts(path, STR("/fhir")) || str_starts(path, STR("/admin")) ||
	    str_is(path, "/health"))
		config_complain(
		    r, node, "value", "must be a path as '/hl7', not below /fhir or /admin");
	else
		*(struct str *)out = path;
}

static const struct field hl7_fields[] = {
	FIELD("name", FIELD_NAME, offsetof(struct config_hl7, name)),
	FIELD("path", FIELD_CUSTOM, offsetof(struct config_hl7, path), .read = read_path,
	    .required = true),
	FIELD(
	    "message", FIELD_SIZE, offsetof(struct config_hl7, max_message), RANGE(1024, 1 << 30)),
	CONFIG_FEED_FIELDS(offsetof(struct config_hl7, feed)),
	FIELDS_END,
};

void
config_read_hl7(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_hl7 *h = &((struct config *)out)->hl7;

	*h = (struct config_hl7){ .on = true, .name = STR("hl7"), .max_message = 16 << 20 };
	config_feed_defaults(&h->feed);
	section_read(r, node, hl7_fields, h);
	config_feed_given(node, &h->feed);
}

#define IN_DESTINATION(member) offsetof(struct config_destination, member)

static void
read_one_address(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_address *a = out;

	if (node->kind != YAML_TEXT || !value_address(node->text, a) ||
	    str_starts(node->text, STR("*")))
		config_complain(r, node, "value",
		    "must be an address and port to connect to: '192.0.2.7:2575', '[::1]:2575' or "
		    "'localhost:2575'");
	a->place = (struct config_place){ node->line, node->column };
}

static const struct field destination_tls_fields[] = {
	FIELD("ca", FIELD_FILE, offsetof(struct config_destination, ca), .required = true),
	FIELD("certificate", FIELD_FILE, offsetof(struct config_destination, certificate)),
	FIELD("key", FIELD_FILE, offsetof(struct config_destination, key)),
	FIELD("server_name", FIELD_TEXT, offsetof(struct config_destination, server_name)),
	FIELDS_END,
};

static void
read_destination_tls(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_destination *d = out;

	d->tls = true;
	section_read(r, node, destination_tls_fields, d);
	if (!d->certificate != !d->key)
		config_complain(
		    r, node, "required", "'certificate' and 'key' belong together: give both");
}

static const struct field retry_fields[] = {
	FIELD("first", FIELD_DURATION, IN_DESTINATION(retry_ms), RANGE(10, HOUR)),
	FIELD("most", FIELD_DURATION, IN_DESTINATION(retry_most_ms), RANGE(10, DAY)),
	FIELD("attempts", FIELD_COUNT, IN_DESTINATION(attempts), RANGE(0, 1000000)),
	FIELDS_END,
};

static const struct field destination_fields[] = {
	FIELD("name", FIELD_NAME, IN_DESTINATION(name), .required = true),
	FIELD("address", FIELD_CUSTOM, IN_DESTINATION(address), .read = read_one_address,
	    .required = true),
	FIELD("tls", FIELD_CUSTOM, 0, .read = read_destination_tls),
	FIELD("timeout", FIELD_DURATION, IN_DESTINATION(timeout_ms), RANGE(10, HOUR)),
	FIELD("retry", FIELD_SECTION, 0, .fields = retry_fields),
	FIELD("queue", FIELD_COUNT, IN_DESTINATION(queue), RANGE(1, 100000000)),
	FIELDS_END,
};

static void
read_destination(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_destination *d = out;

	*d = (struct config_destination){
		.timeout_ms = 30 * SECOND,
		.retry_ms = 1 * SECOND,
		.retry_most_ms = 300 * SECOND,
		.queue = 1000000,
		.place = { node->line, node->column },
	};
	section_read(r, node, destination_fields, d);
	if (d->retry_ms > d->retry_most_ms)
		config_complain(r, node, "value", "'retry.first' is longer than 'retry.most'");
}

void
config_read_destinations(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;

	c->destinations = read_list(
	    r, node, sizeof(*c->destinations), &c->destination_count, read_destination);
}

/* "PV1-2", "PID-3.4.2". */
static bool
read_place(struct str s, struct config_condition *w)
{
	struct str part, rest = s;
	uint32_t *numbers[] = { &w->field, &w->component, &w->subcomponent };
	int64_t n;

	if (s.len < 5 || s.p[3] != '-')
		return false;
	memcpy(w->segment, s.p, 3);
	rest = str_from_index(s, 4);
	for (size_t i = 0; str_split(&rest, '.', &part); i++) {
		if (i == 3 || !str_to_int(part, &n) || n < 1 || n > 1000)
			return false;
		*numbers[i] = (uint32_t)n;
	}
	return true;
}

/* "PV1-2 = I", "PV1-2 != I", "PID-3 valued", "PID-3 not valued". */
static void
read_condition(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_condition *w = out;
	struct str rest = node->text, place, word;
	bool good = node->kind == YAML_TEXT && str_split(&rest, ' ', &place) &&
		    read_place(place, w);

	rest = str_trim(rest);
	if (str_is(rest, "valued")) {
		w->kind = CONDITION_VALUED;
	} else if (str_is(rest, "not valued")) {
		w->kind = CONDITION_NOT_VALUED;
	} else {
		good = good && str_split(&rest, ' ', &word);
		w->kind = good && str_is(word, "!=") ? CONDITION_DIFFERS : CONDITION_EQUALS;
		w->value = str_trim(rest);
		good = good && (str_is(word, "=") || str_is(word, "!=")) && w->value.len;
	}
	if (!good)
		config_complain(r, node, "value",
		    "must be a place and what it is: 'PV1-2 = I', 'PV1-2 != I', 'PID-3.4 valued' "
		    "or 'PID-3.4 not valued'");
}

static const struct field route_fields[] = {
	FIELD("to", FIELD_TEXTS, offsetof(struct config_route, to), .required = true),
	FIELD("from", FIELD_TEXTS, offsetof(struct config_route, from)),
	FIELD("types", FIELD_TEXTS, offsetof(struct config_route, types)),
	FIELD("when", FIELD_CUSTOM, offsetof(struct config_route, when), .read = read_condition),
	FIELD("only", FIELD_BOOL, offsetof(struct config_route, forward_only)),
	FIELDS_END,
};

static void
read_route(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_route *route = out;

	route->place = (struct config_place){ node->line, node->column };
	section_read(r, node, route_fields, route);
}

void
config_read_routes(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;

	c->routes = read_list(r, node, sizeof(*c->routes), &c->route_count, read_route);
}

static bool
is_sender(const struct config *c, struct str name)
{
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (str_eq(c->senders[i].name, name))
			return true;
	return !c->has_access && str_is(name, "loopback");
}

static bool
is_destination(const struct config *c, struct str name)
{
	for (uint32_t i = 0; i < c->destination_count; i++)
		if (str_eq(c->destinations[i].name, name))
			return true;
	return false;
}

static void
check_sender(struct config_reader *r, const struct config *c, const struct config_place *place,
    struct str name)
{
	struct yaml node = { .line = place->line, .column = place->column };

	if (name.len && !is_sender(c, name))
		config_complain(r, &node, "not-found", "there is no sender '%.*s'", STR_ARG(name));
}

void
config_check_feeds(struct config_reader *r, const struct config *c)
{
	size_t mark = strlen(r->path);

	snprintf(r->path, sizeof(r->path), "feeds");
	for (uint32_t i = 0; i < c->overlay_count; i++) {
		const struct config_overlay *o = &c->overlays[i];
		struct yaml node = { .line = o->place.line, .column = o->place.column };

		check_sender(r, c, &o->place, o->sender);
		for (uint32_t j = 0; j < i; j++)
			if (o->sender.len && str_eq(o->sender, c->overlays[j].sender))
				config_complain(r, &node, "duplicate",
				    "the sender '%.*s' has an entry already (line %u)",
				    STR_ARG(o->sender), c->overlays[j].place.line);
	}
	snprintf(r->path, sizeof(r->path), "destinations");
	for (uint32_t i = 0; i < c->destination_count; i++)
		for (uint32_t j = 0; j < i; j++) {
			struct yaml node = { .line = c->destinations[i].place.line,
				.column = c->destinations[i].place.column };

			if (str_eq(c->destinations[i].name, c->destinations[j].name))
				config_complain(r, &node, "duplicate",
				    "the name is taken (line %u)", c->destinations[j].place.line);
		}
	snprintf(r->path, sizeof(r->path), "routes");
	for (uint32_t i = 0; i < c->route_count; i++) {
		const struct config_route *route = &c->routes[i];
		struct yaml node = { .line = route->place.line, .column = route->place.column };

		for (uint32_t j = 0; j < route->from.count; j++)
			check_sender(r, c, &route->place, route->from.at[j]);
		for (uint32_t j = 0; j < route->to.count; j++)
			if (!is_destination(c, route->to.at[j]))
				config_complain(r, &node, "not-found",
				    "there is no destination '%.*s'", STR_ARG(route->to.at[j]));
	}
	config_leave(r, mark);
}
