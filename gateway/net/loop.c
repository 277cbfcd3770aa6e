#include "gateway/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

enum {
	WHEEL_SLOTS = 1024,   /* a power of two */
	CALLBACKS_MOST = 256, /* before the kernel is asked again */
	SLOT_BITS = 24,
	GENERATION_BITS = 32,
	CONNECTIONS_MOST = 1 << SLOT_BITS,
	NO_SLOT = INT32_MAX,
	NOT_STOPPING = INT32_MAX,
};

/* A connection's place; free ones are chained by next_free. */
struct connection_slot {
	uint64_t id; /* 0: free */
	const void *kind;
	void *connection;
	uint32_t next_free;
};

struct loop {
	unsigned number;
	struct event_base *base;
	pthread_t thread;
	bool has_thread, stopping, killed;
	void *user;

	int wake_fd;
	struct event *wake;
	_Atomic(struct loop_message *) messages; /* newest first */
	atomic_uint stop_wanted;		 /* drain_ms, or NOT_STOPPING */

	struct loop_service *services;
	unsigned holds;

	struct connection_slot *slots;
	uint32_t slot_count, first_free;
	uint32_t generation;
	size_t connections;

	struct event *tick;
	struct loop_timer *wheel[WHEEL_SLOTS];
	size_t timers;
	int64_t ticked; /* the tick that was carried out last */
	struct loop_timer drain_timer;
};

static _Thread_local struct loop *current;

/* Timers. */

static int64_t
tick_now(void)
{
	return clock_monotonic() / (LOOP_TICK_MS * 1000);
}

static void
timer_link(struct loop_timer **head, struct loop_timer *t)
{
	t->next = *head;
	t->prev = head;
	if (t->next)
		t->next->prev = &t->next;
	*head = t;
}

static void
timer_unlink(struct loop_timer *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

static struct loop_timer **
wheel_slot(struct loop *l, int64_t tick)
{
	return &l->wheel[(uint64_t)tick & (WHEEL_SLOTS - 1)];
}

void
loop_timer_set(struct loop *l, struct loop_timer *t, unsigned ms)
{
	if (t->prev) {
		timer_unlink(t);
	} else if (l->timers++ == 0) {
		l->ticked = tick_now();
		event_add(l->tick, &(struct timeval){ .tv_usec = LOOP_TICK_MS * 1000 });
	}
	t->due = tick_now() + ms / LOOP_TICK_MS + 1;
	timer_link(wheel_slot(l, t->due), t);
}

void
loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	if (!t->prev)
		return;
	timer_unlink(t);
	l->timers--;
}

bool
loop_timer_is_set(const struct loop_timer *t)
{
	return t->prev != NULL;
}

/* Call the timers of one slot that are due; the others wait for another turn
 * of the wheel. A timer's fn may set and clear any timer. */
static void
run_slot(struct loop *l, int64_t tick)
{
	struct loop_timer **slot = wheel_slot(l, tick);
	struct loop_timer *firing = *slot;

	*slot = NULL;
	if (firing)
		firing->prev = &firing;
	while (firing) {
		struct loop_timer *t = firing;

		timer_unlink(t);
		if (t->due > tick) {
			timer_link(slot, t);
		} else {
			l->timers--;
			t->fn(l, t);
		}
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;
	int64_t now = tick_now();

	(void)fd;
	(void)what;
	/* After a long sleep, once round the wheel reaches every timer. */
	if (now - l->ticked > WHEEL_SLOTS)
		l->ticked = now - WHEEL_SLOTS;
	while (l->ticked < now)
		run_slot(l, ++l->ticked);
	if (l->timers == 0)
		event_del(l->tick);
}

/* Connections. */

uint64_t
loop_add_connection(struct loop *l, const void *kind, void *connection)
{
	struct connection_slot *s;
	uint32_t at = l->first_free;

	if (at == NO_SLOT) {
		uint32_t count = l->slot_count ? l->slot_count * 2 : 64;

		if (count > CONNECTIONS_MOST)
			abort(); /* the limits of the servers are far below */
		l->slots = xrealloc(l->slots, count * sizeof(*l->slots));
		for (uint32_t i = count; i-- > l->slot_count;) {
			l->slots[i] = (struct connection_slot){ .next_free = l->first_free };
			l->first_free = i;
		}
		l->slot_count = count;
		at = l->first_free;
	}
	s = &l->slots[at];
	l->first_free = s->next_free;
	l->generation++;
	s->id = (uint64_t)(l->number + 1) << (SLOT_BITS + GENERATION_BITS) |
		(uint64_t)l->generation << SLOT_BITS | at;
	s->kind = kind;
	s->connection = connection;
	l->connections++;
	return s->id;
}

static struct connection_slot *
find_slot(const struct loop *l, uint64_t id)
{
	uint32_t at = (uint32_t)(id & (CONNECTIONS_MOST - 1));

	return id && at < l->slot_count && l->slots[at].id == id ? &l->slots[at] : NULL;
}

void *
loop_find_connection(const struct loop *l, uint64_t id, const void *kind)
{
	const struct connection_slot *s = find_slot(l, id);

	return s && s->kind == kind ? s->connection : NULL;
}

size_t
loop_connection_count(const struct loop *l)
{
	return l->connections;
}

/* Stopping. */

static void
end_when_empty(struct loop *l)
{
	if (l->stopping && (l->killed || (l->connections == 0 && l->holds == 0)))
		event_base_loopbreak(l->base);
}

void
loop_remove_connection(struct loop *l, uint64_t id)
{
	struct connection_slot *s = find_slot(l, id);

	if (!s)
		return;
	s->id = 0;
	s->connection = NULL;
	s->next_free = l->first_free;
	l->first_free = (uint32_t)(s - l->slots);
	l->connections--;
	end_when_empty(l);
}

void
loop_hold(struct loop *l)
{
	l->holds++;
}

void
loop_unhold(struct loop *l)
{
	l->holds--;
	end_when_empty(l);
}

void
loop_add_service(struct loop *l, struct loop_service *s)
{
	s->next = l->services;
	l->services = s;
}

void
loop_remove_service(struct loop *l, struct loop_service *s)
{
	for (struct loop_service **at = &l->services; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			return;
		}
}

static void
time_is_up(struct loop *l, struct loop_timer *t)
{
	(void)t;
	if (l->connections || l->holds)
		log_event(LOG_WARN, "drain-cut-short", "loop=%u\tconnections=%zu\twork=%u",
		    l->number, l->connections, l->holds);
	l->killed = true;
	for (struct loop_service *s = l->services; s; s = s->next)
		s->kill(s);
	end_when_empty(l);
}

static void
start_draining(struct loop *l, unsigned drain_ms)
{
	if (!l->stopping) {
		l->stopping = true;
		for (struct loop_service *s = l->services; s; s = s->next)
			s->drain(s);
	}
	l->drain_timer.fn = time_is_up;
	loop_timer_set(l, &l->drain_timer, drain_ms);
	end_when_empty(l);
}

void
loop_stop(struct loop *l, unsigned drain_ms)
{
	unsigned wanted = atomic_load(&l->stop_wanted);

	if (drain_ms >= NOT_STOPPING)
		drain_ms = NOT_STOPPING - 1;
	while (
	    drain_ms < wanted && !atomic_compare_exchange_weak(&l->stop_wanted, &wanted, drain_ms))
		;
	(void)!write(l->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

bool
loop_is_stopping(const struct loop *l)
{
	return l->stopping;
}

/* Messages. */

void
loop_post(struct loop *l, struct loop_message *m)
{
	struct loop_message *newest = atomic_load_explicit(&l->messages, memory_order_relaxed);

	do
		m->next = newest;
	while (!atomic_compare_exchange_weak_explicit(
	    &l->messages, &newest, m, memory_order_release, memory_order_relaxed));
	if (newest)
		return; /* whoever sent that one has rung */
	if (current == l)
		event_active(l->wake, EV_READ, 0);
	else
		(void)!write(l->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* Run what waits now, the oldest first. Returns false when nothing did. */
static bool
run_messages(struct loop *l)
{
	struct loop_message *m = atomic_exchange_explicit(&l->messages, NULL, memory_order_acquire);
	struct loop_message *oldest = NULL;

	if (!m)
		return false;
	while (m) {
		struct loop_message *next = m->next;

		m->next = oldest;
		oldest = m;
		m = next;
	}
	while (oldest) {
		m = oldest;
		oldest = m->next;
		m->run(l, m);
	}
	return true;
}

void
loop_flush(struct loop *l)
{
	while (run_messages(l))
		;
}

static void
on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;
	uint64_t count;
	unsigned drain_ms;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	run_messages(l);
	drain_ms = atomic_exchange(&l->stop_wanted, NOT_STOPPING);
	if (drain_ms != NOT_STOPPING)
		start_draining(l, drain_ms);
}

/* Life. */

static struct event_base *
make_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	if (!c)
		return NULL;
	/* Only the loop's thread touches its base, so it needs no locks. */
	event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_max_dispatch_interval(c, NULL, CALLBACKS_MOST, 0);
	base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

struct loop *
loop_new(unsigned number, struct error *err)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	signal(SIGPIPE, SIG_IGN);
	l->number = number;
	l->first_free = NO_SLOT;
	atomic_init(&l->messages, NULL);
	atomic_init(&l->stop_wanted, NOT_STOPPING);
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->base = make_base();
	if (l->wake_fd < 0 || !l->base) {
		error_set_errno(err, ERROR_IO, "could not make an event loop");
		loop_free(l);
		return NULL;
	}
	l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
	l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
	if (!l->wake || !l->tick || event_add(l->wake, NULL) < 0) {
		error_set(err, ERROR_IO, "could not add events to an event loop");
		loop_free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->wake)
		event_free(l->wake);
	if (l->tick)
		event_free(l->tick);
	if (l->base)
		event_base_free(l->base);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	free(l->slots);
	free(l);
}

void
loop_run(struct loop *l)
{
	struct loop *outer = current;

	current = l;
	event_base_dispatch(l->base);
	current = outer;
}

static void *
run_thread(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

int
loop_start(struct loop *l, struct error *err)
{
	sigset_t all, old;
	int failed;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&l->thread, NULL, run_thread, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed) {
		errno = failed;
		return error_set_errno(err, ERROR_IO, "could not start a loop's thread");
	}
	l->has_thread = true;
	return 0;
}

void
loop_join(struct loop *l)
{
	if (!l->has_thread)
		return;
	pthread_join(l->thread, NULL);
	l->has_thread = false;
}

struct loop *
loop_current(void)
{
	return current;
}

unsigned
loop_number(const struct loop *l)
{
	return l->number;
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

void
loop_set_user(struct loop *l, void *user)
{
	l->user = user;
}

void *
loop_user(const struct loop *l)
{
	return l->user;
}

size_t
loop_raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1024;
	if (r.rlim_cur < r.rlim_max) {
		rlim_t before = r.rlim_cur;

		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) < 0)
			r.rlim_cur = before;
	}
	return (size_t)r.rlim_cur;
}
