/*
 * host.h - plugins in worker processes.
 *
 * Each plugin has a few workers: processes of this very program that load its
 * shared object, are locked in (limits, seccomp), and do one job at a time. A
 * job goes over a socket as records in a memory file; what the plugin returns
 * comes back the same way and is checked before anybody looks at it. A worker
 * that crashes, or is too slow and killed, costs its job only, and is started
 * again after a pause that doubles each time. Records that have killed their
 * worker twice are not tried a third time.
 *
 * A host lives on one loop; jobs may be submitted from any.
 */
#ifndef GATEWAY_HOST_HOST_H
#define GATEWAY_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/net/lane.h"
#include "gateway/net/loop.h"
#include "profiles/record.h"

struct config;
struct host;

/* A record that a plugin returned. */
struct host_made {
	const struct record *record;
	struct str match; /* "identifier=system|value": update what this finds;
			   * empty: make a new one */
};

struct host_job {
	/* Asked for. All of it is the caller's and must stay until done(). */
	uint32_t plugin; /* number in the configuration */
	const struct record *const *records;
	const struct str *references; /* what a Reference to each record says */
	uint32_t count;
	struct arena *arena; /* answers go there; not touched by the caller
			      * between submit and done() */
	struct loop *home;
	void (*done)(struct loop *home, struct host_job *job);

	/* Answered. */
	int result; /* 0; or -1 with error set, and nothing made */
	struct error error;
	struct host_made *made;
	uint32_t made_count;

	/* The host's own. */
	struct loop_message message;
	struct loop_timer timer;
	struct host *host;
	struct host_job *next;
	uint64_t number, hash;
};

/*
 * Make a host on loop l, which is not yet running, and start the workers of
 * all plugins of the configuration. program: the path of firedoor itself, to
 * run as worker; NULL: this process's own. Returns NULL with *err set when a
 * worker cannot be started at all; a plugin that refuses to start is only
 * known later, and logged.
 */
struct host *host_new(const struct config *config, const struct pack *pack, struct loop *l,
    const char *program, struct error *err);

/* End the workers, by force if need be. The loop has stopped; no job is left.
 * Freeing NULL is fine. */
void host_free(struct host *h);

uint32_t host_plugin_count(const struct host *h);

/* Is records of that type what the plugin is configured to be given? */
bool host_plugin_takes(const struct host *h, uint32_t plugin, uint32_t type);

/*
 * Submit a job, from any loop. Returns 0, and job->done() will be called on
 * its home loop; or -1 with *err set (ERROR_BUSY: its queue is full).
 */
int host_submit(struct host *h, struct host_job *job, struct error *err);

/* Counts since the start, for metrics and tests. Any thread. */
struct host_counts {
	uint64_t done, failed, crashed, quarantined;
};
struct host_counts host_counts(const struct host *h);

#endif
