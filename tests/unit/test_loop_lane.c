/* gateway/net: loop, lane, address. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/net/address.h"
#include "gateway/net/lane.h"
#include "gateway/net/loop.h"
#include "tests/tap.h"

enum {
	THREADS = 4,
	MESSAGES = 5000,
};

/* Messages. */

struct note {
	struct loop_message message;
	unsigned thread, number;
};

static unsigned next_number[THREADS];
static bool in_order = true, on_loop = true;
static atomic_uint notes_run;

static void
take_note(struct loop *l, struct loop_message *m)
{
	struct note *n = (struct note *)m;

	in_order = in_order && n->number == next_number[n->thread]++;
	on_loop = on_loop && loop_current() == l;
	atomic_fetch_add(&notes_run, 1);
	free(n);
}

static struct loop *shared_loop;

static void *
send_notes(void *ctx)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct note *n = xcalloc(1, sizeof(*n));

		n->message.run = take_note;
		n->thread = (unsigned)(uintptr_t)ctx;
		n->number = i;
		loop_post(shared_loop, &n->message);
	}
	return NULL;
}

static void
test_messages(void)
{
	pthread_t threads[THREADS];
	struct error err;

	shared_loop = loop_new(3, &err);
	ok(shared_loop && loop_start(shared_loop, &err) == 0, "a loop starts");
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, send_notes, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	loop_stop(shared_loop, 1000);
	loop_join(shared_loop);
	loop_flush(shared_loop);
	is_int(notes_run, THREADS * MESSAGES, "every message is run");
	ok(in_order, "those of one thread in order");
	ok(!loop_current(), "this thread runs no loop");
	loop_free(shared_loop);
}

/* Connections and timers, on a loop run here. */

static struct loop_timer early, late, cleared, killer;
static int64_t started;
static unsigned fired, early_ms, late_ms;

static unsigned
elapsed(void)
{
	return (unsigned)((clock_monotonic() - started) / 1000);
}

static void
on_early(struct loop *l, struct loop_timer *t)
{
	(void)t;
	early_ms = elapsed();
	fired++;
	loop_timer_clear(l, &cleared);
}

static void
on_late(struct loop *l, struct loop_timer *t)
{
	late_ms = elapsed();
	if (++fired == 2)
		loop_timer_set(l, t, 60); /* once more */
	else
		loop_stop(l, 0);
}

static void
on_never(struct loop *l, struct loop_timer *t)
{
	(void)l;
	(void)t;
	fired += 100;
}

static void
test_timers(void)
{
	struct error err;
	struct loop *l = loop_new(0, &err);

	started = clock_monotonic();
	early.fn = on_early;
	late.fn = on_late;
	cleared.fn = killer.fn = on_never;
	loop_timer_set(l, &killer, 30000);
	loop_timer_set(l, &cleared, 100);
	loop_timer_set(l, &late, 10);
	loop_timer_set(l, &late, 160);
	loop_timer_set(l, &early, 60);
	ok(loop_timer_is_set(&early), "a timer is set");
	loop_run(l);
	is_int(fired, 3, "timers fire, but for one that was cleared");
	ok(early_ms >= 60 && early_ms < 1000, "not too early (%u ms)", early_ms);
	ok(late_ms >= 220 && late_ms < 2000, "set again, later (%u ms)", late_ms);
	loop_timer_clear(l, &killer);
	loop_free(l);
}

static void
test_connections(void)
{
	static const char kind, other;
	struct error err;
	struct loop *l = loop_new(1, &err), *m = loop_new(2, &err);
	int things[200];
	uint64_t ids[200], old, elsewhere;
	bool good = true, fresh = true;

	for (int i = 0; i < 200; i++)
		ids[i] = loop_add_connection(l, &kind, &things[i]);
	for (int i = 0; i < 200; i++)
		good = good && ids[i] && loop_find_connection(l, ids[i], &kind) == &things[i];
	ok(good, "connections are found by id");
	is_int(loop_connection_count(l), 200, "and counted");
	ok(!loop_find_connection(l, ids[0], &other), "not as another kind");
	ok(!loop_find_connection(l, 0, &kind), "0 is no connection");
	elsewhere = loop_add_connection(m, &kind, &things[0]);
	ok(!loop_find_connection(l, elsewhere, &kind), "an id is of one loop");
	old = ids[7];
	for (int i = 0; i < 1000; i++) {
		loop_remove_connection(l, ids[7]);
		ids[7] = loop_add_connection(l, &kind, &things[7]);
		fresh = fresh && ids[7] != old && !loop_find_connection(l, old, &kind);
	}
	ok(fresh, "an id is not used again");
	loop_free(l);
	loop_free(m);
}

/* Lanes. */

struct job {
	struct task task;
	atomic_uint *sum;
	bool home_right, was_run;
};

static atomic_uint states, jobs_home;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *
open_state(void *ctx, struct error *err)
{
	(void)ctx;
	(void)err;
	atomic_fetch_add(&states, 1);
	return xmalloc(1);
}

static void
close_state(void *state)
{
	atomic_fetch_sub(&states, 1);
	free(state);
}

static void *
open_nothing(void *ctx, struct error *err)
{
	(void)ctx;
	error_set(err, ERROR_MISSING, "no such store");
	return NULL;
}

static void
run_job(void *state, struct task *t)
{
	struct job *j = (struct job *)t;

	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	j->was_run = state != NULL && !loop_current();
	atomic_fetch_add(j->sum, 1);
}

static void
job_done(struct loop *home, struct task *t)
{
	struct job *j = (struct job *)t;

	j->home_right = home == j->task.home && loop_current() == home;
	atomic_fetch_add(&jobs_home, 1);
}

static void
test_lane(void)
{
	static struct job jobs[64];
	atomic_uint sum = 0;
	struct lane_options o = {
		.name = "test",
		.threads = 3,
		.queue_most = 20,
		.open = open_state,
		.close = close_state,
	};
	struct error err;
	struct loop *l = loop_new(0, &err);
	struct lane *lane = lane_new(&o, &err);
	unsigned taken = 0, home = 0, run = 0;

	loop_start(l, &err);
	is_int(states, 3, "each thread has its state");
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < 64; i++) {
		jobs[i] = (struct job){ .sum = &sum };
		jobs[i].task = (struct task){ .run = run_job, .done = job_done, .home = l };
		if (lane_submit(lane, &jobs[i].task, &err) < 0)
			break;
		taken++;
	}
	ok(taken >= 20 && taken <= 23 && err.kind == ERROR_BUSY, "a full queue refuses (%u)",
	    taken);
	is_int(lane_length(lane) <= 20, 1, "its length is bounded");
	pthread_mutex_unlock(&gate);
	lane_stop(lane);
	is_int(sum, taken, "a stop carries out what was queued");
	ok(lane_submit(lane, &jobs[63].task, &err) < 0 && err.kind == ERROR_BUSY,
	    "a stopped lane refuses");
	lane_free(lane);
	is_int(states, 0, "states are closed");
	loop_stop(l, 1000);
	loop_join(l);
	loop_flush(l);
	for (unsigned i = 0; i < taken; i++) {
		home += jobs[i].home_right;
		run += jobs[i].was_run;
	}
	is_int(run, taken, "tasks are run in the lane, with its state");
	/* Those that came after the stop are brought home by the flush. */
	is_int(jobs_home, taken, "all come home");
	ok(home <= taken, "on their loop");
	loop_free(l);
	o.open = open_nothing;
	ok(!lane_new(&o, &err) && err.kind == ERROR_MISSING &&
		str_find_str(str_from(err.text), STR("no such store")) >= 0,
	    "a lane whose state cannot be had does not start");
}

static size_t batches, batch_largest, batch_next;
static bool batch_in_order = true;
static struct job batch_jobs[100];

static void
run_batch(void *state, struct task **tasks, size_t count)
{
	(void)state;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	batches++;
	if (count > batch_largest)
		batch_largest = count;
	for (size_t i = 0; i < count; i++)
		batch_in_order = batch_in_order && tasks[i] == &batch_jobs[batch_next++].task;
}

static void
test_batch_lane(void)
{
	struct lane_options o = {
		.name = "batch",
		.threads = 1,
		.queue_most = 1000,
		.run_batch = run_batch,
		.batch_most = 30,
	};
	struct error err;
	struct lane *lane = lane_new(&o, &err);

	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < 100; i++)
		lane_submit(lane, &batch_jobs[i].task, &err);
	pthread_mutex_unlock(&gate);
	lane_free(lane);
	is_int(batch_next, 100, "every task is in a batch");
	ok(batch_in_order, "in the order submitted");
	is_int(batch_largest, 30, "of at most the number given");
	ok(batches >= 4 && batches <= 6, "few batches (%zu)", batches);
}

static void
test_addresses(void)
{
	static const struct {
		const char *text, *back;
		bool loopback;
	} good[] = {
		{ "127.0.0.1:8080", "127.0.0.1:8080", true },
		{ "127.9.9.9:0", "127.9.9.9:0", true },
		{ "[::1]:2575", "[::1]:2575", true },
		{ "[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true },
		{ "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1", false },
		{ "localhost:65535", "127.0.0.1:65535", true },
		{ "*:80", "0.0.0.0:80", false },
		{ "0.0.0.0:80", "0.0.0.0:80", false },
		{ "[::]:80", "[::]:80", false },
		{ "[2001:db8::1]:80", "[2001:db8::1]:80", false },
		{ "128.0.0.1:80", "128.0.0.1:80", false },
	};
	static const char *const bad[] = { "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:8 ", "127.0.0.1:+8", "127.1:80", "::1:80", "[::1]",
		"[::1]80", "[::1:80", "[127.0.0.1]:80", "example.org:80", "256.0.0.1:80", "[]:1",
		"[", "[fe80:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:80" };
	char text[ADDRESS_TEXT];
	struct address a;
	struct error err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool parsed = address_parse(str_from(good[i].text), &a, &err) == 0;

		ok(parsed && address_format(&a, text) == strlen(good[i].back) &&
			strcmp(text, good[i].back) == 0 &&
			address_is_loopback(&a) == good[i].loopback,
		    "address %s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(address_parse(str_from(bad[i]), &a, &err) < 0 && err.kind == ERROR_INVALID,
		    "not an address: \"%s\"", bad[i]);
}

int
main(void)
{
	test_messages();
	test_timers();
	test_connections();
	test_lane();
	test_batch_lane();
	test_addresses();
	ok(loop_raise_file_limit() >= 256, "the limit of open files is raised");
	return tap_done();
}
