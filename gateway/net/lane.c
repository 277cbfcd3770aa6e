#include "gateway/net/lane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/arena.h"
#include "base/error.h"

struct lane {
	struct lane_options o;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work;  /* there is a task, or it is over */
	pthread_cond_t opened;
	struct task *first, **tail;
	size_t length;
	unsigned opening; /* threads that have not opened yet */
	bool stopping, failed;
	struct error error; /* the first open() that failed */
	unsigned started;   /* threads to join */
	pthread_t threads[];
};

static void
come_home(struct loop *l, struct loop_message *m)
{
	struct task *t = (struct task *)((char *)m - offsetof(struct task, message));

	t->done(l, t);
}

static void
finish_task(struct task *t)
{
	if (t->home) {
		t->message.run = come_home;
		loop_post(t->home, &t->message);
	} else if (t->done) {
		t->done(NULL, t);
	}
}

/* Wait for tasks and take up to most of them. Returns how many; 0 when the
 * lane has stopped and nothing is left. */
static size_t
take_tasks(struct lane *lane, struct task **tasks, size_t most)
{
	size_t count = 0;

	pthread_mutex_lock(&lane->lock);
	while (!lane->first && !lane->stopping)
		pthread_cond_wait(&lane->work, &lane->lock);
	while (count < most && lane->first) {
		struct task *t = lane->first;

		lane->first = t->next;
		t->next = NULL;
		tasks[count++] = t;
	}
	if (!lane->first)
		lane->tail = &lane->first;
	lane->length -= count;
	pthread_mutex_unlock(&lane->lock);
	return count;
}

static void
work_singly(struct lane *lane, void *state)
{
	struct task *t;

	while (take_tasks(lane, &t, 1)) {
		t->run(state, t);
		finish_task(t);
	}
}

static void
work_in_batches(struct lane *lane, void *state)
{
	struct task **tasks = xcalloc(lane->o.batch_most, sizeof(struct task *));
	size_t count;

	while ((count = take_tasks(lane, tasks, lane->o.batch_most))) {
		lane->o.run_batch(state, tasks, count);
		for (size_t i = 0; i < count; i++)
			finish_task(tasks[i]);
	}
	free(tasks);
}

/* Open the thread's state and tell lane_new(). Returns whether the lane
 * starts. */
static bool
open_thread(struct lane *lane, void **state)
{
	struct error err = { 0 };
	bool good;

	*state = lane->o.open ? lane->o.open(lane->o.ctx, &err) : lane->o.ctx;
	pthread_mutex_lock(&lane->lock);
	if (lane->o.open && !*state && !lane->failed) {
		lane->failed = true;
		lane->error = err;
	}
	lane->opening--;
	pthread_cond_broadcast(&lane->opened);
	while (lane->opening)
		pthread_cond_wait(&lane->opened, &lane->lock);
	good = !lane->failed;
	pthread_mutex_unlock(&lane->lock);
	return good;
}

static void *
run_thread(void *ctx)
{
	struct lane *lane = ctx;
	void *state;

	if (open_thread(lane, &state)) {
		if (lane->o.run_batch)
			work_in_batches(lane, state);
		else
			work_singly(lane, state);
	}
	if (lane->o.close && (state || !lane->o.open))
		lane->o.close(state);
	return NULL;
}

static void
start_threads(struct lane *lane)
{
	sigset_t all, old;
	int failed = 0;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&lane->lock);
	lane->opening = lane->o.threads;
	for (unsigned i = 0; i < lane->o.threads && !failed; i++) {
		failed = pthread_create(&lane->threads[i], NULL, run_thread, lane);
		if (failed)
			break;
		pthread_setname_np(lane->threads[i], lane->o.name);
		lane->started++;
	}
	if (failed) {
		lane->opening -= lane->o.threads - lane->started;
		lane->failed = true;
		errno = failed;
		error_set_errno(&lane->error, ERROR_IO, "could not start a thread");
		pthread_cond_broadcast(&lane->opened);
	}
	while (lane->opening)
		pthread_cond_wait(&lane->opened, &lane->lock);
	pthread_mutex_unlock(&lane->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct lane *
lane_new(const struct lane_options *o, struct error *err)
{
	struct lane *lane = xcalloc(1, sizeof(*lane) + o->threads * sizeof(pthread_t));

	lane->o = *o;
	lane->tail = &lane->first;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->work, NULL);
	pthread_cond_init(&lane->opened, NULL);
	start_threads(lane);
	if (lane->failed) {
		if (err)
			*err = lane->error;
		error_prefix(err, "lane %s", o->name);
		lane_free(lane);
		return NULL;
	}
	return lane;
}

int
lane_submit(struct lane *lane, struct task *t, struct error *err)
{
	bool taken;

	t->next = NULL;
	pthread_mutex_lock(&lane->lock);
	taken = !lane->stopping && lane->length < lane->o.queue_most;
	if (taken) {
		*lane->tail = t;
		lane->tail = &t->next;
		lane->length++;
		pthread_cond_signal(&lane->work);
	}
	pthread_mutex_unlock(&lane->lock);
	if (!taken)
		return error_set(err, ERROR_BUSY,
		    "the queue of lane %s is full; try again in a moment", lane->o.name);
	return 0;
}

size_t
lane_length(struct lane *lane)
{
	size_t length;

	pthread_mutex_lock(&lane->lock);
	length = lane->length;
	pthread_mutex_unlock(&lane->lock);
	return length;
}

void
lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	pthread_cond_broadcast(&lane->work);
	pthread_mutex_unlock(&lane->lock);
	for (unsigned i = 0; i < lane->started; i++)
		pthread_join(lane->threads[i], NULL);
	lane->started = 0;
}

void
lane_free(struct lane *lane)
{
	if (!lane)
		return;
	lane_stop(lane);
	pthread_mutex_destroy(&lane->lock);
	pthread_cond_destroy(&lane->work);
	pthread_cond_destroy(&lane->opened);
	free(lane);
}
