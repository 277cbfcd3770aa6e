#include "gateway/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/host/wire.h"
#include "gateway/host/worker.h"

enum {
	START_MS = 10000,     /* a plugin may take so long to start */
	KILLS_MOST = 2,	      /* workers that one payload may kill */
	KILLERS_MOST = 1024,  /* payloads remembered */
	MESSAGES_A_WAKE = 16, /* read from one worker before others have a turn */
};

enum worker_state {
	WORKER_AWAY,	 /* ended; timer: start it again */
	WORKER_STARTING, /* timer: it took too long */
	WORKER_IDLE,
	WORKER_BUSY, /* timer: it took too long */
};

struct plugin;

struct worker {
	struct plugin *plugin;
	unsigned number;
	enum worker_state state;
	pid_t pid;
	int fd;
	struct event *readable;
	struct loop_timer timer;
	unsigned failures; /* in a row, for the pause before the next start */
	struct host_job *job;
};

struct plugin {
	struct host *host;
	const struct config_plugin *config;
	bool *takes; /* by type number */
	struct worker *workers;
	struct host_job *first, **tail; /* jobs that wait */
	atomic_uint queued;		/* submitted and not done */
};

/* A payload that has killed workers. */
struct killer {
	uint64_t hash;
	unsigned kills;
};

struct host {
	struct loop *loop;
	const struct pack *pack;
	const struct config *config;
	char *program;
	struct plugin *plugins;
	uint32_t plugin_count;
	struct killer killers[KILLERS_MOST]; /* a ring: the oldest is forgotten */
	unsigned killer_next;
	uint64_t job_number;
	atomic_uint_least64_t done, failed, crashed, quarantined;
};

static void start_worker(struct worker *w);
static void dispatch(struct plugin *p);

static const char *
plugin_name(const struct plugin *p)
{
	return p->config->name.p;
}

/* ---- jobs ---- */

static void
run_done(struct loop *l, struct loop_message *m)
{
	struct host_job *job = (struct host_job *)((char *)m - offsetof(struct host_job, message));

	job->done(l, job);
}

/* The job is over: bring it home. */
static void
finish_job(struct plugin *p, struct host_job *job)
{
	atomic_fetch_sub(&p->queued, 1);
	atomic_fetch_add(job->result == 0 ? &p->host->done : &p->host->failed, 1);
	loop_timer_clear(p->host->loop, &job->timer);
	loop_unhold(p->host->loop);
	job->message.run = run_done;
	loop_post(job->home, &job->message);
}

static void
fail_job(struct plugin *p, struct host_job *job, const char *why)
{
	job->result = error_set(&job->error, ERROR_OTHER, "plugin %s: %s", plugin_name(p), why);
	job->made_count = 0;
	log_event(LOG_WARN, "plugin-job-failed", "plugin=%s\tjob=%llu\twhy=%s", plugin_name(p),
	    (unsigned long long)job->number, why);
	finish_job(p, job);
}

static uint64_t
hash_records(const struct host_job *job)
{
	uint64_t h = job->plugin;

	for (uint32_t i = 0; i < job->count; i++)
		h = hash64(str_of((const char *)job->records[i], record_size(job->records[i])), h);
	return h;
}

static unsigned
kills_of(const struct host *h, uint64_t hash)
{
	for (unsigned i = 0; i < KILLERS_MOST; i++)
		if (h->killers[i].kills && h->killers[i].hash == hash)
			return h->killers[i].kills;
	return 0;
}

static void
remember_kill(struct host *h, uint64_t hash)
{
	for (unsigned i = 0; i < KILLERS_MOST; i++)
		if (h->killers[i].kills && h->killers[i].hash == hash) {
			h->killers[i].kills++;
			return;
		}
	h->killers[h->killer_next] = (struct killer){ hash, 1 };
	h->killer_next = (h->killer_next + 1) % KILLERS_MOST;
}

/* Nobody had time for the job. */
static void
job_waited_too_long(struct loop *l, struct loop_timer *t)
{
	struct host_job *job = (struct host_job *)((char *)t - offsetof(struct host_job, timer));
	struct plugin *p = &job->host->plugins[job->plugin];
	struct host_job **at = &p->first;

	(void)l;
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (!*at)
		p->tail = at;
	fail_job(p, job, "no worker was free in time");
}

/* On the host's loop: a job has come. */
static void
take_job(struct loop *l, struct loop_message *m)
{
	struct host_job *job = (struct host_job *)((char *)m - offsetof(struct host_job, message));
	struct host *h = job->host;
	struct plugin *p = &h->plugins[job->plugin];

	loop_hold(l);
	job->number = ++h->job_number;
	job->hash = hash_records(job);
	job->next = NULL;
	if (kills_of(h, job->hash) >= KILLS_MOST) {
		atomic_fetch_add(&h->quarantined, 1);
		fail_job(p, job, "these records have ended its worker twice and are quarantined");
		return;
	}
	*p->tail = job;
	p->tail = &job->next;
	job->timer.fn = job_waited_too_long;
	loop_timer_set(l, &job->timer, (unsigned)p->config->timeout_ms);
	dispatch(p);
}

int
host_submit(struct host *h, struct host_job *job, struct error *err)
{
	struct plugin *p = &h->plugins[job->plugin];

	if (atomic_fetch_add(&p->queued, 1) >= p->config->queue + p->config->workers) {
		atomic_fetch_sub(&p->queued, 1);
		return error_set(err, ERROR_BUSY, "the queue of plugin %s is full", plugin_name(p));
	}
	job->host = h;
	job->result = 0;
	job->made = NULL;
	job->made_count = 0;
	memset(&job->timer, 0, sizeof(job->timer));
	job->message.run = take_job;
	loop_post(h->loop, &job->message);
	return 0;
}

/* ---- workers ---- */

/* Whether the process has to be ended by force, end it; wait for it. Returns
 * how it ended, as waitpid() says. */
static int
reap(struct worker *w)
{
	int status = 0;

	kill(w->pid, SIGKILL);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void
restart(struct loop *l, struct loop_timer *t)
{
	(void)l;
	start_worker((struct worker *)((char *)t - offsetof(struct worker, timer)));
}

/* Start it again after a pause that doubles with each failure. */
static void
restart_later(struct worker *w)
{
	const struct config_plugin *c = w->plugin->config;
	int64_t pause = c->backoff_ms;

	for (unsigned i = 1; i < w->failures && pause < c->backoff_most_ms; i++)
		pause *= 2;
	if (pause > c->backoff_most_ms)
		pause = c->backoff_most_ms;
	w->state = WORKER_AWAY;
	w->timer.fn = restart;
	loop_timer_set(w->plugin->host->loop, &w->timer, (unsigned)pause);
}

/* The worker has ended, or must: the job it had is lost. */
static void
lose_worker(struct worker *w, const char *why)
{
	struct plugin *p = w->plugin;
	struct host *h = p->host;
	struct host_job *job = w->job;
	int status;

	loop_timer_clear(h->loop, &w->timer);
	event_free(w->readable);
	close(w->fd);
	status = reap(w);
	w->failures++;
	atomic_fetch_add(&h->crashed, 1);
	log_event(LOG_ERROR, "plugin-worker-lost",
	    "plugin=%s\tworker=%u\tpid=%d\twhy=%s\t%s=%d\tjob=%llu", plugin_name(p), w->number,
	    (int)w->pid, why, WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    job ? (unsigned long long)job->number : 0);
	w->job = NULL;
	w->pid = 0;
	w->fd = -1;
	restart_later(w);
	if (job) {
		remember_kill(h, job->hash);
		fail_job(p, job, why);
	}
}

static void
worker_too_slow(struct loop *l, struct loop_timer *t)
{
	struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, timer));

	(void)l;
	lose_worker(
	    w, w->state == WORKER_STARTING ? "it did not start in time" : "the job took too long");
}

/* Copy what came back, then check it: the worker cannot change the copy. */
static int
read_made(struct host *h, struct host_job *job, const struct wire_message *m, int payload_fd)
{
	char *p = arena_alloc(job->arena, m->size ? m->size : 1);
	struct str payload;
	size_t got = 0;

	job->made = arena_calloc(job->arena, m->count, sizeof(*job->made));
	if (!p || !job->made)
		return error_set(&job->error, ERROR_LIMIT, "a plugin returned too much");
	while (got < m->size) {
		ssize_t n = pread(payload_fd, p + got, m->size - got, (off_t)got);

		if (n <= 0)
			return error_set(
			    &job->error, ERROR_INVALID, "a plugin returned less than it said");
		got += (size_t)n;
	}
	payload = str_of(p, m->size);
	for (uint32_t i = 0; i < m->count; i++) {
		struct str record;

		if (!wire_take(&payload, &record, &job->made[i].match) ||
		    !record_check((const struct record *)record.p, record.len, h->pack))
			return error_set(&job->error, ERROR_INVALID,
			    "a plugin returned a record that does not hold together");
		job->made[i].record = (const struct record *)record.p;
	}
	job->made_count = m->count;
	return 0;
}

static void
log_for_plugin(struct worker *w, const struct wire_message *m)
{
	enum log_level level = m->level <= LOG_DEBUG ? (enum log_level)m->level : LOG_DEBUG;
	char text[WIRE_TEXT];

	/* A tab would start a pair of its own. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = m->text[i] == '\t' ? ' ' : m->text[i];
	log_event(level, "plugin-says", "plugin=%s\tworker=%u\tjob=%llu\ttext=%s",
	    plugin_name(w->plugin), w->number, (unsigned long long)m->job, text);
}

/* The worker's job is over and it is free for the next. */
static void
end_job(struct worker *w, const struct wire_message *m, int payload_fd)
{
	struct plugin *p = w->plugin;
	struct host_job *job = w->job;

	loop_timer_clear(p->host->loop, &w->timer);
	w->job = NULL;
	w->state = WORKER_IDLE;
	w->failures = 0;
	if (m->kind == WIRE_FAILED) {
		fail_job(p, job, m->text);
		return;
	}
	job->result = read_made(p->host, job, m, payload_fd);
	if (job->result < 0)
		fail_job(p, job, job->error.text);
	else
		finish_job(p, job);
}

/* Returns false when the worker was lost. */
static bool
handle(struct worker *w, const struct wire_message *m, int payload_fd)
{
	if (m->kind == WIRE_LOG) {
		log_for_plugin(w, m);
		return true;
	}
	if (m->kind == WIRE_READY && w->state == WORKER_STARTING) {
		loop_timer_clear(w->plugin->host->loop, &w->timer);
		w->state = WORKER_IDLE;
		log_event(LOG_INFO, "plugin-ready", "plugin=%s\tworker=%u\tpid=%d",
		    plugin_name(w->plugin), w->number, (int)w->pid);
		return true;
	}
	if (m->kind == WIRE_FAILED && w->state == WORKER_STARTING) {
		lose_worker(w, m->text);
		return false;
	}
	if ((m->kind == WIRE_DONE || m->kind == WIRE_FAILED) && w->state == WORKER_BUSY &&
	    m->job == w->job->number) {
		end_job(w, m, payload_fd);
		return true;
	}
	lose_worker(w, "it said what makes no sense");
	return false;
}

static void
worker_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *w = ctx;
	struct plugin *p = w->plugin;

	(void)what;
	for (int i = 0; i < MESSAGES_A_WAKE; i++) {
		struct wire_message m;
		struct error err;
		int payload_fd, n;
		bool again, good;

		n = wire_receive(fd, &m, &payload_fd, &again, &err);
		if (n < 0 && again)
			break;
		if (n <= 0) {
			lose_worker(w, n == 0 ? "it ended" : err.text);
			break;
		}
		good = handle(w, &m, payload_fd);
		if (payload_fd >= 0)
			close(payload_fd);
		if (!good)
			break;
	}
	dispatch(p);
}

/* Run this program as worker, its end of the socket as WORKER_SOCKET. */
static int
spawn(const struct worker *w, int socket, pid_t *pid, struct error *err)
{
	const struct host *h = w->plugin->host;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	char memory[24], command[] = WORKER_COMMAND;
	char *argv[] = { h->program, command, (char *)(uintptr_t)w->plugin->config->file,
		(char *)(uintptr_t)h->config->pack, memory, NULL };
	char *environment[] = { NULL };
	int rc;

	snprintf(memory, sizeof(memory), "%zu", w->plugin->config->max_memory);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket, WORKER_SOCKET);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigfillset(&defaults);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, h->program, &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0) {
		errno = rc;
		return error_set_errno(
		    err, ERROR_IO, "could not start a worker of plugin %s", plugin_name(w->plugin));
	}
	return 0;
}

static int
try_start(struct worker *w, struct error *err)
{
	struct host *h = w->plugin->host;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_errno(err, ERROR_IO, "could not make a socket for a worker");
	if (spawn(w, pair[1], &w->pid, err) < 0) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	close(pair[1]);
	w->fd = pair[0];
	evutil_make_socket_nonblocking(w->fd);
	w->readable = event_new(
	    loop_base(h->loop), w->fd, EV_READ | EV_PERSIST, worker_readable, w);
	event_add(w->readable, NULL);
	w->state = WORKER_STARTING;
	w->timer.fn = worker_too_slow;
	loop_timer_set(h->loop, &w->timer, START_MS);
	return 0;
}

static void
start_worker(struct worker *w)
{
	struct error err;

	if (try_start(w, &err) == 0)
		return;
	log_event(LOG_ERROR, "plugin-worker-not-started", "plugin=%s\tworker=%u\twhy=%s",
	    plugin_name(w->plugin), w->number, err.text);
	w->failures++;
	restart_later(w);
}

/* Give the job to the worker. */
static void
give(struct worker *w, struct host_job *job)
{
	struct plugin *p = w->plugin;
	struct wire_message m = {
		.kind = WIRE_JOB,
		.job = job->number,
		.count = job->count,
		.cpu_ms = (uint32_t)p->config->cpu_ms,
	};
	struct buf payload;
	struct error err = { .text = "its records are too large" };
	int rc = -1;

	buf_init(&payload, WIRE_PAYLOAD_MOST);
	payload.wipe = true;
	for (uint32_t i = 0; i < job->count; i++)
		wire_put(&payload,
		    str_of((const char *)job->records[i], record_size(job->records[i])),
		    job->references[i]);
	loop_timer_clear(p->host->loop, &job->timer);
	if (!payload.full)
		rc = wire_send(w->fd, &m, buf_str(&payload), &err);
	buf_release(&payload);
	if (rc < 0) {
		fail_job(p, job, err.text);
		return;
	}
	w->job = job;
	w->state = WORKER_BUSY;
	w->timer.fn = worker_too_slow;
	loop_timer_set(p->host->loop, &w->timer, (unsigned)p->config->timeout_ms);
}

/* Give waiting jobs to idle workers. */
static void
dispatch(struct plugin *p)
{
	for (unsigned i = 0; i < p->config->workers && p->first; i++) {
		struct host_job *job = p->first;

		if (p->workers[i].state != WORKER_IDLE)
			continue;
		p->first = job->next;
		if (!p->first)
			p->tail = &p->first;
		give(&p->workers[i], job);
	}
}

/* ---- the host ---- */

static int
init_plugin(struct host *h, struct plugin *p, const struct config_plugin *c, struct error *err)
{
	p->host = h;
	p->config = c;
	p->tail = &p->first;
	p->takes = xcalloc(pack_type_count(h->pack), sizeof(bool));
	p->workers = xcalloc(c->workers, sizeof(struct worker));
	for (unsigned i = 0; i < c->workers; i++)
		p->workers[i] = (struct worker){ .plugin = p, .number = i, .fd = -1 };
	for (uint32_t i = 0; i < c->types.count; i++) {
		uint32_t type = pack_find_resource(h->pack, c->types.at[i]);

		if (type == PACK_NONE)
			return error_set(err, ERROR_INVALID,
			    "plugin %s is to be given '%.*s', which is no resource type", c->name.p,
			    STR_ARG(c->types.at[i]));
		p->takes[type] = true;
	}
	for (unsigned i = 0; i < c->workers; i++)
		if (try_start(&p->workers[i], err) < 0)
			return -1;
	return 0;
}

struct host *
host_new(const struct config *config, const struct pack *pack, struct loop *l, const char *program,
    struct error *err)
{
	struct host *h = xcalloc(1, sizeof(*h));

	h->loop = l;
	h->pack = pack;
	h->config = config;
	h->program = xstrdup(program ? program : "/proc/self/exe");
	h->plugins = xcalloc(config->plugin_count, sizeof(struct plugin));
	for (; h->plugin_count < config->plugin_count; h->plugin_count++) {
		struct plugin *p = &h->plugins[h->plugin_count];

		if (init_plugin(h, p, &config->plugins[h->plugin_count], err) < 0) {
			h->plugin_count++;
			host_free(h);
			return NULL;
		}
	}
	return h;
}

void
host_free(struct host *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < h->plugin_count; i++) {
		struct plugin *p = &h->plugins[i];

		for (unsigned k = 0; k < p->config->workers; k++) {
			struct worker *w = &p->workers[k];

			loop_timer_clear(h->loop, &w->timer);
			if (w->fd < 0)
				continue;
			event_free(w->readable);
			close(w->fd);
			reap(w);
		}
		free(p->workers);
		free(p->takes);
	}
	free(h->plugins);
	free(h->program);
	free(h);
}

uint32_t
host_plugin_count(const struct host *h)
{
	return h ? h->plugin_count : 0;
}

bool
host_plugin_takes(const struct host *h, uint32_t plugin, uint32_t type)
{
	return type < pack_type_count(h->pack) && h->plugins[plugin].takes[type];
}

struct host_counts
host_counts(const struct host *h)
{
	return (struct host_counts){
		.done = atomic_load(&h->done),
		.failed = atomic_load(&h->failed),
		.crashed = atomic_load(&h->crashed),
		.quarantined = atomic_load(&h->quarantined),
	};
}
