#include "gateway/reindexer.h"

#include "base/arena.h"
#include "gateway/fhir/own_params.h"
#include "gateway/gateway.h"

struct reindexer {
	struct task task;
	struct gateway *gateway;
	struct own_params *params;
	bool wanted; /* there may be something to do */
	bool busy;   /* the task is on its way */
};

static struct reindexer *
reindexer_of(struct task *t)
{
	return (struct reindexer *)((char *)t - offsetof(struct reindexer, task));
}

static void submit(struct reindexer *r);

static void
run_step(void *state, struct task *t)
{
	struct reindexer *r = reindexer_of(t);

	(void)state;
	__atomic_store_n(&r->wanted, own_params_step(r->params), __ATOMIC_SEQ_CST);
}

static void
step_done(struct loop *home, struct task *t)
{
	struct reindexer *r = reindexer_of(t);

	__atomic_store_n(&r->busy, false, __ATOMIC_SEQ_CST);
	if (!loop_is_stopping(home))
		submit(r);
}

/* If it is wanted and not on its way. A full lane: the next change tries again,
 * or the next start. */
static void
submit(struct reindexer *r)
{
	if (!__atomic_load_n(&r->wanted, __ATOMIC_SEQ_CST) ||
	    __atomic_exchange_n(&r->busy, true, __ATOMIC_SEQ_CST))
		return;
	r->task = (struct task){
		.run = run_step, .done = step_done, .home = r->gateway->loops[0].loop
	};
	if (lane_submit(r->gateway->writer_lane, &r->task, NULL) != 0)
		__atomic_store_n(&r->busy, false, __ATOMIC_SEQ_CST);
}

struct reindexer *
reindexer_new(struct gateway *g, const struct record_limits *limits, struct error *err)
{
	struct reindexer *r = xcalloc(1, sizeof(*r));

	r->gateway = g;
	r->params = own_params_open(&g->fhir, g->store, limits, err);
	if (r->params)
		return r;
	free(r);
	return NULL;
}

void
reindexer_start(struct reindexer *r)
{
	r->wanted = true;
	submit(r);
}

void
reindexer_changed(struct reindexer *r)
{
	own_params_sync(r->params);
	__atomic_store_n(&r->wanted, true, __ATOMIC_SEQ_CST);
	submit(r);
}

void
reindexer_free(struct reindexer *r)
{
	if (!r)
		return;
	own_params_close(r->params);
	free(r);
}
