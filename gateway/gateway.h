/*
 * gateway.h - the program assembled: definitions, maps, store, audit trail,
 * access, loops, lanes and listeners, as one configuration says.
 *
 * gateway_open() does all that can fail; gateway_run() serves until it is told
 * to stop. What is in struct gateway does not change while the loops run, and
 * may be read by all threads, but for what says otherwise.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/fhir/service.h"
#include "gateway/net/lane.h"
#include "gateway/net/loop.h"
#include "gateway/store/store.h"
#include "profiles/record.h"

struct access;
struct audit;
struct config;
struct error;
struct feeds;
struct gateway_upkeep;
struct host;
struct http_listener;
struct mllp_listener;
struct queues;
struct reindexer;
struct tls;

/* What a thread that carries out work needs: each loop has one, and each
 * thread of the worker lane. */
struct worker {
	struct gateway *gateway;
	struct store_reader *reader;
	struct record_builder builder;
};

/* A loop's own: loop_user(). */
struct gateway_loop {
	struct worker worker;
	struct loop *loop;
	uint64_t exchanges; /* begun so far: part of their ids */
};

struct gateway {
	const struct config *config;
	const struct pack *pack;
	struct store *store;
	struct audit *audit; /* audit lane only */
	struct access *access;
	struct fhir_service fhir;
	struct host *host; /* NULL: no plugins */

	struct gateway_loop *loops;
	unsigned loop_count;
	struct lane *writer_lane, *audit_lane, *worker_lane;
	struct http_listener *http; /* one an address */
	unsigned http_count;
	struct mllp_listener *mllp; /* one an address */
	unsigned mllp_count;
	struct queues *queues; /* of the destinations */
	struct feeds *feeds;   /* what holds for HL7 v2 messages; NULL: none come */
	struct tls **tls;
	unsigned tls_count;
	struct gateway_upkeep *upkeep;
	struct reindexer *reindexer;
	uint64_t counts_kept; /* what feeds_write() said then; writer lane only */
	char base[128];	      /* the base URL made up when none is configured */
	uint32_t run_id;      /* part of exchange ids: differs from start to start */
};

/*
 * Open everything and listen. c must outlive the gateway. Returns NULL with
 * *err set; what was opened is closed then.
 */
struct gateway *gateway_open(const struct config *c, struct error *err);

/* Start the loops. Returns 0, or -1 with *err set. */
int gateway_start(struct gateway *g, struct error *err);

/*
 * Read certificates, maps and the configuration's feeds, routes and log anew,
 * while it runs; what cannot be used is logged, and stays as it was. Not on a
 * loop. Returns 0, or -1: something was not.
 */
int gateway_reload(struct gateway *g);

/*
 * Take nothing new, and end when the exchanges in work are answered or the
 * time is up. May be called again with a shorter time.
 */
void gateway_stop(struct gateway *g, int64_t drain_ms);

/* Wait until all loops have ended. */
void gateway_join(struct gateway *g);

/* After gateway_join(), or when it was never started. NULL is fine. */
void gateway_close(struct gateway *g);

/* The loop's own part. */
static inline struct gateway_loop *
gateway_loop_of(const struct loop *l)
{
	return loop_user(l);
}

#endif
