#include "gateway/feed/feeds.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/zone.h"
#include "gateway/config.h"

/* Maps of a listener's folder, and over it a sender's; either may be NULL. */
struct maps {
	const char *listener, *sender;
	struct map_set *set;
};

struct feed_set {
	atomic_uint holds;
	unsigned feeds, senders;
	struct feed_settings *settings; /* feed by feed: without a sender of `feeds`
					 * first, then for each of them */
	const struct config *config;
	struct arena *owned; /* that holds it; NULL: it is another's */
	struct maps *maps;
	unsigned map_count;
	struct zone **zones;
	unsigned zone_count;
	struct map_namespace **lists;
	unsigned list_count;
};

static const struct config_feed *
feed_at(const struct config *c, unsigned i)
{
	return i < c->mllp_count ? &c->mllp[i].feed : &c->hl7.feed;
}

static const struct map_set *
load_maps(struct feed_set *s, const struct pack *pack, const char *listener, const char *sender,
    struct error *err)
{
	const struct config *c = s->config;
	const char **names;
	size_t count = 0;
	struct map_set *set;

	for (unsigned i = 0; i < s->map_count; i++)
		if (s->maps[i].listener == listener && s->maps[i].sender == sender)
			return s->maps[i].set;
	names = xcalloc(c->maps.count + 2, sizeof(*names));
	for (uint32_t i = 0; i < c->maps.count; i++)
		names[count++] = c->maps.at[i].p;
	if (listener)
		names[count++] = listener;
	if (sender)
		names[count++] = sender;
	set = map_set_load(pack, names, count, err);
	free(names);
	if (set)
		s->maps[s->map_count++] = (struct maps){ listener, sender, set };
	return set;
}

/* What the sender's entry says wins. */
static struct config_feed
lay_over(const struct config_feed *feed, const struct config_feed *sender)
{
	struct config_feed f = *feed;

	if (sender->given & CONFIG_FEED_ZONE) {
		f.zone_minutes = sender->zone_minutes;
		f.zone_name = sender->zone_name;
	}
	if (sender->given & CONFIG_FEED_CHARSET)
		f.charset = sender->charset;
	if (sender->given & CONFIG_FEED_UNKNOWN)
		f.read_unknown_charset = sender->read_unknown_charset;
	if (sender->given & CONFIG_FEED_DUPLICATES)
		f.duplicate_ms = sender->duplicate_ms;
	if (sender->given & CONFIG_FEED_SEQUENCE)
		f.sequence = sender->sequence;
	if (sender->given & CONFIG_FEED_DEAD)
		f.dead_letters = sender->dead_letters;
	if (sender->given & CONFIG_FEED_ENHANCED)
		f.enhanced = sender->enhanced;
	if (sender->given & CONFIG_FEED_NAMESPACES) {
		f.namespaces = sender->namespaces;
		f.namespace_count = sender->namespace_count;
	}
	return f;
}

static int
fill(struct feed_set *s, const struct pack *pack, struct feed_settings *to,
    const struct config_feed *feed, const struct config_overlay *sender, struct error *err)
{
	struct map_namespace *list;

	to->said = sender ? lay_over(feed, &sender->feed) : *feed;
	to->maps = load_maps(s, pack, feed->maps, sender ? sender->feed.maps : NULL, err);
	if (!to->maps)
		return -1;
	if (to->said.zone_name.len) {
		struct zone *z = zone_open(to->said.zone_name, err);

		if (!z)
			return -1;
		s->zones[s->zone_count++] = z;
		to->zone = z;
	}
	list = xcalloc(to->said.namespace_count + 1, sizeof(*list));
	for (uint32_t i = 0; i < to->said.namespace_count; i++)
		list[i] = (struct map_namespace){ to->said.namespaces[i].name,
			to->said.namespaces[i].uri };
	s->lists[s->list_count++] = list;
	to->namespaces = list;
	return 0;
}

struct feed_set *
feed_set_load(const struct config *c, const struct pack *pack, struct error *err)
{
	struct feed_set *s = xcalloc(1, sizeof(*s));
	unsigned rows;

	s->holds = 1;
	s->config = c;
	s->feeds = c->mllp_count + c->hl7.on;
	s->senders = c->overlay_count;
	rows = s->feeds * (s->senders + 1);
	s->settings = xcalloc(rows + 1, sizeof(*s->settings));
	s->maps = xcalloc(rows + 1, sizeof(*s->maps));
	s->zones = xcalloc(rows + 1, sizeof(struct zone *));
	s->lists = xcalloc(rows + 1, sizeof(struct map_namespace *));
	for (unsigned i = 0; i < rows; i++) {
		unsigned feed = i / (s->senders + 1), sender = i % (s->senders + 1);

		if (fill(s, pack, &s->settings[i], feed_at(c, feed),
			sender ? &c->overlays[sender - 1] : NULL, err) == 0)
			continue;
		feed_set_release(s);
		return NULL;
	}
	return s;
}

void
feed_set_release(struct feed_set *s)
{
	if (!s || atomic_fetch_sub(&s->holds, 1) > 1)
		return;
	for (unsigned i = 0; i < s->map_count; i++)
		map_set_free(s->maps[i].set);
	for (unsigned i = 0; i < s->zone_count; i++)
		zone_free(s->zones[i]);
	for (unsigned i = 0; i < s->list_count; i++)
		free(s->lists[i]);
	free(s->maps);
	free(s->zones);
	free(s->lists);
	free(s->settings);
	if (s->owned) {
		arena_release(s->owned);
		free(s->owned);
	}
	free(s);
}

void
feed_set_own(struct feed_set *s, struct arena *arena)
{
	s->owned = arena;
}

const struct config *
feed_set_config(const struct feed_set *s)
{
	return s->config;
}

const struct feed_settings *
feed_set_find(const struct feed_set *s, unsigned feed, struct str sender)
{
	const struct feed_settings *of_feed;

	if (feed >= s->feeds)
		return NULL;
	of_feed = &s->settings[feed * (s->senders + 1)];
	for (unsigned i = 0; i < s->senders; i++)
		if (str_eq(s->config->overlays[i].sender, sender))
			return &of_feed[i + 1];
	return of_feed;
}

/* ---- The set in force, and counts ---------------------------------------- */

enum count {
	MESSAGES,
	ACCEPTED,
	ERRORS,
	REJECTED,
	DUPLICATES,
	DEAD,
	POPULATED,
	MAPPED,
	DROPPED,
	UNMAPPED,
	COUNTS,
};

static const char *const count_names[COUNTS] = { "messages", "accepted", "errors", "rejected",
	"duplicates", "dead", "populated", "mapped", "dropped", "unmapped" };

struct counts {
	struct counts *next;
	char *feed, *sender;
	uint64_t at[COUNTS];
};

struct feeds {
	pthread_mutex_t lock;
	struct feed_set *set;
	struct counts *counts;
	uint64_t changes;
};

static struct counts *
counts_of(struct feeds *f, struct str feed, struct str sender)
{
	struct counts *c;

	for (c = f->counts; c; c = c->next)
		if (str_is(feed, c->feed) && str_is(sender, c->sender))
			return c;
	c = xcalloc(1, sizeof(*c));
	c->feed = strndup(feed.p ? feed.p : "", feed.len);
	c->sender = strndup(sender.p ? sender.p : "", sender.len);
	c->next = f->counts;
	f->counts = c;
	return c;
}

static void
read_counts(struct feeds *f, struct str text)
{
	json_t *all = text.len ? json_loadb(text.p, text.len, 0, NULL) : NULL, *row;
	size_t i;

	for (i = 0; (row = json_array_get(all, i)); i++) {
		const char *feed = json_string_value(json_object_get(row, "feed"));
		const char *sender = json_string_value(json_object_get(row, "sender"));
		struct counts *c;

		if (!feed || !sender)
			continue;
		c = counts_of(f, str_from(feed), str_from(sender));
		for (int n = 0; n < COUNTS; n++)
			c->at[n] = (uint64_t)json_integer_value(
			    json_object_get(row, count_names[n]));
	}
	json_decref(all);
}

struct feeds *
feeds_new(struct feed_set *set, struct str counts_text)
{
	struct feeds *f = xcalloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	f->set = set;
	read_counts(f, counts_text);
	return f;
}

void
feeds_free(struct feeds *f)
{
	struct counts *next;

	if (!f)
		return;
	for (struct counts *c = f->counts; c; c = next) {
		next = c->next;
		free(c->feed);
		free(c->sender);
		free(c);
	}
	feed_set_release(f->set);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

struct feed_set *
feeds_hold(struct feeds *f)
{
	struct feed_set *s;

	pthread_mutex_lock(&f->lock);
	s = f->set;
	atomic_fetch_add(&s->holds, 1);
	pthread_mutex_unlock(&f->lock);
	return s;
}

void
feeds_replace(struct feeds *f, struct feed_set *set)
{
	struct feed_set *old;

	pthread_mutex_lock(&f->lock);
	old = f->set;
	f->set = set;
	pthread_mutex_unlock(&f->lock);
	feed_set_release(old);
}

void
feeds_count(struct feeds *f, const struct feed_event *e)
{
	struct counts *c;

	pthread_mutex_lock(&f->lock);
	c = counts_of(f, e->feed, e->sender);
	c->at[MESSAGES]++;
	c->at[ACCEPTED] += e->code == 'A';
	c->at[ERRORS] += e->code == 'E';
	c->at[REJECTED] += e->code == 'R';
	c->at[DUPLICATES] += e->duplicate;
	c->at[DEAD] += e->dead;
	if (e->coverage) {
		c->at[POPULATED] += e->coverage->populated;
		c->at[MAPPED] += e->coverage->mapped;
		c->at[DROPPED] += e->coverage->dropped;
		c->at[UNMAPPED] += e->coverage->unmapped;
	}
	f->changes++;
	pthread_mutex_unlock(&f->lock);
}

uint64_t
feeds_write(struct feeds *f, struct buf *out)
{
	uint64_t changes;

	pthread_mutex_lock(&f->lock);
	buf_put_byte(out, '[');
	for (const struct counts *c = f->counts; c; c = c->next) {
		buf_puts(out, c == f->counts ? "{\"feed\":" : ",{\"feed\":");
		buf_put_json(out, str_from(c->feed));
		buf_puts(out, ",\"sender\":");
		buf_put_json(out, str_from(c->sender));
		for (int n = 0; n < COUNTS; n++)
			buf_printf(
			    out, ",\"%s\":%llu", count_names[n], (unsigned long long)c->at[n]);
		buf_put_byte(out, '}');
	}
	buf_put_byte(out, ']');
	changes = f->changes;
	pthread_mutex_unlock(&f->lock);
	return changes;
}
