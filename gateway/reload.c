/*
 * What a running gateway takes up anew: certificates, maps, and what the
 * configuration says of feeds, routes and the log. Each is replaced as a whole or
 * stays as it was; connections and messages in work keep what they began with.
 */
#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/feed/feeds.h"
#include "gateway/feed/queue.h"
#include "gateway/gateway.h"
#include "gateway/net/tls.h"

static unsigned
reload_certificates(struct gateway *g)
{
	unsigned failed = 0;
	struct error err;

	for (unsigned i = 0; i < g->tls_count; i++) {
		if (tls_reload(g->tls[i], &err) == 0)
			continue;
		failed++;
		log_event(LOG_ERROR, "not-reloaded", "what=certificate\terror=%s", err.text);
	}
	return failed + queues_reload(g->queues);
}

/* Listeners and destinations are opened at the start only. */
static bool
has_same_feeds(const struct config *a, const struct config *b)
{
	if (a->mllp_count != b->mllp_count || a->hl7.on != b->hl7.on)
		return false;
	for (uint32_t i = 0; i < a->mllp_count; i++)
		if (!str_eq(a->mllp[i].name, b->mllp[i].name) ||
		    !str_eq(a->mllp[i].sender, b->mllp[i].sender))
			return false;
	return !a->hl7.on || str_eq(a->hl7.path, b->hl7.path);
}

static void
log_findings(const struct config *c, const struct findings *f)
{
	for (const struct finding *i = f->first; i; i = i->next)
		if (i->severity <= SEVERITY_ERROR)
			log_event(LOG_ERROR, "not-reloaded",
			    "what=configuration\tfile=%s\tline=%u\tcolumn=%u\terror=%.*s", c->path,
			    i->line, i->column, STR_ARG(i->text));
}

/* The set keeps the configuration it was loaded from. */
static int
reload_feeds(struct gateway *g, struct arena *arena)
{
	const struct config *old = g->config, *c;
	struct findings findings;
	struct feed_set *set;
	struct error err;

	findings_init(&findings, arena, 200);
	c = config_load(old->path, CONFIG_CHECK_FILES, arena, &findings);
	if (!c) {
		log_findings(old, &findings);
		return -1;
	}
	if (!has_same_feeds(old, c)) {
		log_event(LOG_ERROR, "not-reloaded",
		    "what=configuration\terror=listeners were added, removed or renamed: that "
		    "needs "
		    "a restart");
		return -1;
	}
	set = g->feeds ? feed_set_load(c, g->pack, &err) : NULL;
	if (g->feeds && !set) {
		log_event(LOG_ERROR, "not-reloaded", "what=maps\terror=%s", err.text);
		return -1;
	}
	log_setup(c->log.level, c->log.format);
	if (!set)
		return 1;
	feed_set_own(set, arena);
	feeds_replace(g->feeds, set);
	return 0;
}

int
gateway_reload(struct gateway *g)
{
	struct arena *arena = xcalloc(1, sizeof(*arena));
	unsigned failed = reload_certificates(g);
	int rc;

	arena_init(arena, CONFIG_ARENA, ARENA_WIPE);
	rc = reload_feeds(g, arena);
	if (rc != 0) {
		arena_release(arena);
		free(arena);
	}
	failed += rc < 0;
	log_event(failed ? LOG_ERROR : LOG_INFO, "reloaded", "failed=%u\twhat=%s", failed,
	    rc < 0 ? "certificates; the rest is as it was"
		   : "certificates, maps, feeds, routes, log; other sections wait for a restart");
	return failed ? -1 : 0;
}
