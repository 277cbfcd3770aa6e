#include "gateway/gateway.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/access/access.h"
#include "gateway/access/filter.h"
#include "gateway/audit/audit.h"
#include "gateway/config.h"
#include "gateway/exchange/exchange.h"
#include "gateway/exchange/front_http.h"
#include "gateway/exchange/front_mllp.h"
#include "gateway/feed/feeds.h"
#include "gateway/feed/queue.h"
#include "gateway/fhir/stored_values.h"
#include "gateway/host/host.h"
#include "gateway/listeners.h"
#include "gateway/net/http_server.h"
#include "gateway/net/mllp_server.h"
#include "gateway/reindexer.h"

enum {
	COMMIT_MOST = 256, /* exchanges in one commit */
	AUDIT_MOST = 512,  /* entries in one write */
	UPKEEP_MS = 60000,
	ANSWER_MOST = 256 << 20,
	QUERY_MS = 30000,
	COUNTS_MOST = 1 << 20,
};

/* Control ids are forgotten when their time is over: in the writer lane, as a
 * task that goes out from the first loop. */
struct gateway_upkeep {
	struct task task;
	struct loop_timer timer;
	struct gateway *gateway;
	int64_t keep_us;
};

static struct gateway_upkeep *
upkeep_of_task(struct task *t)
{
	return (struct gateway_upkeep *)((char *)t - offsetof(struct gateway_upkeep, task));
}

static void keep_counts(struct gateway *g);

static void
upkeep_run(void *state, struct task *t)
{
	struct gateway *g = state;
	struct error err;

	keep_counts(g);
	if (store_forget_keys(g->store, clock_wall() - upkeep_of_task(t)->keep_us, &err) != 0)
		log_event(LOG_WARN, "upkeep-failed", "error=%s", err.text);
	if (store_upkeep(g->store, &err) != 0)
		log_event(LOG_WARN, "upkeep-failed", "error=%s", err.text);
}

static void
upkeep_done(struct loop *home, struct task *t)
{
	if (!loop_is_stopping(home))
		loop_timer_set(home, &upkeep_of_task(t)->timer, UPKEEP_MS);
}

static void
upkeep_due(struct loop *l, struct loop_timer *timer)
{
	struct gateway_upkeep *u =
	    (struct gateway_upkeep *)((char *)timer - offsetof(struct gateway_upkeep, timer));

	u->task = (struct task){ .run = upkeep_run, .done = upkeep_done, .home = l };
	if (lane_submit(u->gateway->writer_lane, &u->task, NULL) != 0)
		loop_timer_set(l, timer, UPKEEP_MS);
}

static void
keep_as_long(struct gateway_upkeep *u, const struct config_feed *f)
{
	if (f->duplicate_ms * 1000 > u->keep_us)
		u->keep_us = f->duplicate_ms * 1000;
}

static void
start_upkeep(struct gateway *g)
{
	struct gateway_upkeep *u = xcalloc(1, sizeof(*u));

	g->upkeep = u;
	u->gateway = g;
	u->timer.fn = upkeep_due;
	for (uint32_t i = 0; i < g->config->mllp_count; i++)
		keep_as_long(u, &g->config->mllp[i].feed);
	keep_as_long(u, &g->config->hl7.feed);
	for (uint32_t i = 0; i < g->config->overlay_count; i++)
		keep_as_long(u, &g->config->overlays[i].feed);
	loop_timer_set(g->loops[0].loop, &u->timer, UPKEEP_MS);
}

/* The records of what the configuration lets in: an element has at least a
 * dozen bytes of text, and mostly forty. */
static struct record_limits
limits_of(const struct config *c)
{
	struct record_limits limits = record_default_limits;
	uint64_t nodes = c->fhir.max_body / 12;

	if (nodes > limits.nodes)
		limits.nodes = nodes < UINT32_MAX ? (uint32_t)nodes : UINT32_MAX;
	if (c->fhir.max_body > limits.text)
		limits.text = c->fhir.max_body;
	return limits;
}

/* An older store may have its index made anew, of the bodies. */
static int
open_store(struct gateway *g, struct error *err)
{
	const struct config *c = g->config;
	struct record_limits limits = limits_of(c);
	struct stored_values values;

	stored_values_init(&values, g->pack, c->fhir.base_url, &limits, NULL);
	g->store = store_open(
	    &(struct store_options){
		.path = c->store.path,
		.pack = g->pack,
		.extract = stored_values_extract,
		.extract_ctx = &values,
		.busy_ms = (unsigned)c->store.busy_ms,
		.query_ms = QUERY_MS,
	    },
	    err);
	stored_values_release(&values);
	return g->store ? 0 : -1;
}

static int
open_data(struct gateway *g, struct error *err)
{
	const struct config *c = g->config;

	g->pack = pack_open(c->pack, err);
	if (!g->pack)
		return -1;
	g->access = access_new(c, g->pack, filter_make, err);
	if (!g->access || open_store(g, err) != 0)
		return -1;
	g->audit = audit_open(
	    &(struct audit_options){
		.folder = c->audit.folder,
		.segment_size = c->audit.segment_size,
	    },
	    err);
	return g->audit ? 0 : -1;
}

static int
worker_init(struct worker *w, struct gateway *g, struct error *err)
{
	struct record_limits limits = limits_of(g->config);

	w->gateway = g;
	w->reader = store_reader_open(g->store, err);
	if (!w->reader)
		return -1;
	record_builder_init(&w->builder, g->pack, &limits);
	return 0;
}

static void
worker_release(struct worker *w)
{
	if (!w->reader)
		return;
	record_builder_release(&w->builder);
	store_reader_close(w->reader);
}

static void *
worker_open(void *ctx, struct error *err)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	if (worker_init(w, ctx, err) == 0)
		return w;
	free(w);
	return NULL;
}

static void
worker_close(void *state)
{
	worker_release(state);
	free(state);
}

static unsigned
core_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

static int
open_loops(struct gateway *g, struct error *err)
{
	unsigned count = g->config->server.loops ? g->config->server.loops : core_count();

	g->loops = xcalloc(count, sizeof(*g->loops));
	for (unsigned i = 0; i < count; i++) {
		struct gateway_loop *l = &g->loops[i];

		l->loop = loop_new(i, err);
		if (!l->loop)
			return -1;
		g->loop_count++;
		if (worker_init(&l->worker, g, err) != 0)
			return -1;
		loop_set_user(l->loop, l);
	}
	return 0;
}

static int
open_lanes(struct gateway *g, struct error *err)
{
	unsigned cores = core_count();

	g->writer_lane = lane_new(
	    &(struct lane_options){
		.name = "writer",
		.threads = 1,
		.queue_most = g->config->server.queue,
		.ctx = g,
		.run_batch = exchange_write_batch,
		.batch_most = COMMIT_MOST,
	    },
	    err);
	g->audit_lane = !g->writer_lane ? NULL
					: lane_new(
					      &(struct lane_options){
						  .name = "audit",
						  .threads = 1,
						  .queue_most = g->config->server.queue,
						  .ctx = g,
						  .run_batch = exchange_audit_batch,
						  .batch_most = AUDIT_MOST,
					      },
					      err);
	g->worker_lane = !g->audit_lane ? NULL
					: lane_new(
					      &(struct lane_options){
						  .name = "worker",
						  .threads = cores < 2 ? 2 : cores,
						  .queue_most = g->config->server.queue,
						  .ctx = g,
						  .open = worker_open,
						  .close = worker_close,
					      },
					      err);
	return g->worker_lane ? 0 : -1;
}

/* After the listeners: an address made from one needs its real port. */
static int
open_fhir(struct gateway *g, struct error *err)
{
	const struct config_fhir *c = &g->config->fhir;
	char key_path[4096];

	g->fhir.pack = g->pack;
	g->fhir.page_count = c->page_count;
	g->fhir.page_most = c->page_most;
	g->fhir.max_entries = c->max_entries;
	g->fhir.delete_many = c->delete_many;
	g->fhir.words = c->full_text;
	g->fhir.references = (enum fhir_references)c->references;
	g->fhir.max_answer = ANSWER_MOST;
	g->fhir.bearer = g->config->has_access;
	g->fhir.cors = c->cors_origins.count > 0;
	snprintf(key_path, sizeof(key_path), "%s.key", g->config->store.path);
	g->fhir.key_path = key_path;
	g->fhir.base = c->base_url.len ? c->base_url : listeners_base(g);
	return fhir_service_open(&g->fhir, err);
}

static int
open_reindexer(struct gateway *g, struct error *err)
{
	struct record_limits limits = limits_of(g->config);

	g->reindexer = reindexer_new(g, &limits, err);
	return g->reindexer ? 0 : -1;
}

static int
open_host(struct gateway *g, struct error *err)
{
	if (!g->config->plugin_count)
		return 0;
	g->host = host_new(g->config, g->pack, g->loops[0].loop, NULL, err);
	return g->host ? 0 : -1;
}

#define COUNTS_NOTE STR("feeds")

static int
open_feeds(struct gateway *g, struct error *err)
{
	struct feed_set *set;
	struct str counts = STR("");
	struct arena a;

	if (!g->config->mllp_count && !g->config->hl7.on)
		return 0;
	set = feed_set_load(g->config, g->pack, err);
	if (!set)
		return -1;
	arena_init(&a, COUNTS_MOST, 0);
	store_read_note(g->loops[0].worker.reader, COUNTS_NOTE, &a, &counts);
	g->feeds = feeds_new(set, counts);
	arena_release(&a);
	return 0;
}

/* The counts of feeds, into the store. Writer lane, or after its end. */
static void
keep_counts(struct gateway *g)
{
	struct store_note note = { .key = COUNTS_NOTE };
	struct store_write w = { .notes = &note, .note_count = 1 }, *batch[] = { &w };
	struct error err;
	struct buf text;
	uint64_t changes;

	if (!g->feeds || !g->store)
		return;
	buf_init(&text, COUNTS_MOST);
	changes = feeds_write(g->feeds, &text);
	if (changes != g->counts_kept && !text.full) {
		note.value = buf_str(&text);
		if (store_commit(g->store, batch, 1, &err) == 0 && w.result == 0)
			g->counts_kept = changes;
		else
			log_event(LOG_WARN, "upkeep-failed", "error=%s", err.text);
	}
	buf_release(&text);
}

static int
open_all(struct gateway *g, struct error *err)
{
	if (access_check_listeners(g->config, err) != 0 || open_data(g, err) != 0 ||
	    open_loops(g, err) != 0 || open_feeds(g, err) != 0 || open_lanes(g, err) != 0 ||
	    !queues_open(g, err) || listeners_open(g, err) != 0 || open_fhir(g, err) != 0 ||
	    open_reindexer(g, err) != 0 || open_host(g, err) != 0)
		return -1;
	start_upkeep(g);
	reindexer_start(g->reindexer);
	return 0;
}

struct gateway *
gateway_open(const struct config *c, struct error *err)
{
	struct gateway *g = xcalloc(1, sizeof(*g));

	g->config = c;
	random_bytes(&g->run_id, sizeof(g->run_id));
	loop_raise_file_limit();
	if (open_all(g, err) == 0)
		return g;
	gateway_close(g);
	return NULL;
}

int
gateway_start(struct gateway *g, struct error *err)
{
	for (unsigned i = 0; i < g->loop_count; i++) {
		if (loop_start(g->loops[i].loop, err) == 0)
			continue;
		while (i-- > 0) {
			loop_stop(g->loops[i].loop, 0);
			loop_join(g->loops[i].loop);
		}
		return -1;
	}
	return 0;
}

void
gateway_stop(struct gateway *g, int64_t drain_ms)
{
	for (unsigned i = 0; i < g->loop_count; i++)
		loop_stop(g->loops[i].loop, (unsigned)drain_ms);
}

void
gateway_join(struct gateway *g)
{
	for (unsigned i = 0; i < g->loop_count; i++)
		loop_join(g->loops[i].loop);
}

static void
stop_lane(struct gateway *g, struct lane *lane)
{
	if (!lane)
		return;
	lane_stop(lane);
	for (unsigned i = 0; i < g->loop_count; i++)
		loop_flush(g->loops[i].loop);
}

void
gateway_close(struct gateway *g)
{
	if (!g)
		return;
	/* What the drain left is carried out and audited, as far as its lanes
	 * are still there, in the order in which work passes through them. */
	stop_lane(g, g->worker_lane);
	stop_lane(g, g->writer_lane);
	stop_lane(g, g->audit_lane);
	listeners_close(g);
	queues_close(g->queues);
	keep_counts(g);
	feeds_free(g->feeds);
	lane_free(g->worker_lane);
	lane_free(g->writer_lane);
	lane_free(g->audit_lane);
	host_free(g->host);
	for (unsigned i = 0; i < g->loop_count; i++) {
		worker_release(&g->loops[i].worker);
		loop_free(g->loops[i].loop);
	}
	free(g->loops);
	free(g->upkeep);
	reindexer_free(g->reindexer);
	fhir_service_close(&g->fhir);
	if (g->audit)
		audit_close(g->audit);
	if (g->store)
		store_close(g->store);
	access_free(g->access);
	pack_free(g->pack);
	free(g);
}
