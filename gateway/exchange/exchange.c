#include "gateway/exchange/exchange.h"

#include <assert.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/exchange/processor.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"
#include "gateway/reindexer.h"

static enum outcome identify_sender(struct exchange *x);
static enum outcome decode_input(struct exchange *x);
static enum outcome authorise(struct exchange *x);
static enum outcome transform(struct exchange *x);
static enum outcome carry_out(struct exchange *x);
static enum outcome write_audit(struct exchange *x);
static enum outcome keep_and_audit(struct exchange *x);

static const struct stage {
	const char *name;
	exchange_step_fn *run;
	enum exchange_stage next;
} stages[STAGES] = {
	[RECEIVED] = { "received", identify_sender, IDENTIFIED },
	[IDENTIFIED] = { "identified", decode_input, DECODED },
	[DECODED] = { "decoded", authorise, AUTHORISED },
	[AUTHORISED] = { "authorised", transform, TRANSFORMED },
	[TRANSFORMED] = { "transformed", exchange_process, PROCESSED },
	[PROCESSED] = { "processed", carry_out, COMMITTED },
	[COMMITTED] = { "committed", write_audit, AUDITED },
	[AUDITED] = { "audited", NULL, ANSWERED },
	[ANSWERED] = { "answered", NULL, ANSWERED },
	[REFUSED] = { "refused", keep_and_audit, AUDITED },
};

const char *
exchange_stage_name(enum exchange_stage s)
{
	return s < STAGES ? stages[s].name : "?";
}

static struct exchange *
exchange_of(struct task *t)
{
	return (struct exchange *)((char *)t - offsetof(struct exchange, task));
}

/* The one place where the stage changes. */
static void
enter(struct exchange *x, enum exchange_stage to)
{
	assert(to == stages[x->stage].next || (to == AUTHORISED && x->stage == PROCESSED) ||
	       (to == REFUSED && x->stage < COMMITTED && x->stage != REFUSED));
	log_event(LOG_DEBUG, "stage", "exchange=%s\tfrom=%s\tto=%s", x->id, stages[x->stage].name,
	    stages[to].name);
	x->stage = to;
}

struct exchange *
exchange_begin(struct loop *home, struct arena *arena, size_t size,
    const struct exchange_front *front, void *request, const struct peer *peer)
{
	struct gateway_loop *here = gateway_loop_of(home);
	struct exchange *x = arena_zalloc(arena, size);

	if (!x)
		return NULL;
	x->gateway = here->worker.gateway;
	x->home = home;
	x->here = &here->worker;
	x->arena = arena;
	x->front = front;
	x->request = request;
	x->peer = peer;
	x->received = clock_wall();
	x->started = clock_monotonic();
	x->rule = "none";
	snprintf(x->id, sizeof(x->id), "%06x-%x-%llx", x->gateway->run_id & 0xffffff,
	    loop_number(home), (unsigned long long)++here->exchanges);
	findings_init(&x->findings, arena, EXCHANGE_FINDINGS);
	loop_hold(home);
	return x;
}

enum outcome
exchange_fail(
    struct exchange *x, int status, const char *code, struct str path, const char *fmt, ...)
{
	char text[ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (x->status < 400)
		x->status = status;
	findings_add(&x->findings, SEVERITY_ERROR, code ? code : outcome_code(status), path, 0, 0,
	    "%s", text);
	return FAILED;
}

enum outcome
exchange_fail_batch(struct exchange *x)
{
	x->status = x->batch.status;
	return FAILED;
}

static void
log_end(const struct exchange *x)
{
	const struct audit_entry *e = &x->entry;
	bool quiet = x->status < 400 && !x->written;

	log_event(x->status >= 500 ? LOG_WARN
		  : quiet	   ? LOG_DEBUG
				   : LOG_INFO,
	    "exchange",
	    "exchange=%s\tprotocol=%s\tsender=%.*s\tsource=%.*s\tinteraction=%.*s\tstatus=%.*s\t"
	    "rule=%.*s\tus=%lld",
	    x->id, x->front->protocol, STR_ARG(e->sender), STR_ARG(e->source),
	    STR_ARG(e->interaction), STR_ARG(e->status), STR_ARG(e->rule),
	    (long long)(clock_monotonic() - x->started));
}

/* Send the answer: x goes with it. */
static void
answer(struct exchange *x)
{
	struct loop *home = x->home;

	enter(x, ANSWERED);
	log_end(x);
	x->front->answer(x);
	loop_unhold(home);
}

static void
advance(struct exchange *x, enum outcome o)
{
	if (o == FAILED) {
		x->front->refuse(x);
		enter(x, REFUSED);
	} else {
		enter(x, o == AGAIN ? AUTHORISED : stages[x->stage].next);
	}
}

enum outcome
exchange_run(struct exchange *x)
{
	while (x->stage != AUDITED) {
		enum outcome o = stages[x->stage].run(x);

		if (o == SUSPENDED)
			return SUSPENDED;
		advance(x, o);
	}
	answer(x);
	return DONE;
}

void
exchange_resume(struct exchange *x, enum outcome o)
{
	advance(x, o);
	exchange_run(x);
}

enum outcome
exchange_refuse(struct exchange *x)
{
	advance(x, FAILED);
	return exchange_run(x);
}

static enum outcome
fail_busy(struct exchange *x)
{
	return exchange_fail(x, 503, NULL, STR(""),
	    "the gateway has more work than it can take; send this again in a moment");
}

static void
run_work(void *state, struct task *t)
{
	struct exchange *x = exchange_of(t);

	x->work_outcome = x->work(x, state);
}

static void
work_done(struct loop *home, struct task *t)
{
	struct exchange *x = exchange_of(t);

	(void)home;
	exchange_resume(x, x->work_outcome);
}

enum outcome
exchange_work(struct exchange *x, exchange_work_fn *fn, bool heavy)
{
	if (!heavy)
		return fn(x, x->here);
	x->work = fn;
	x->task = (struct task){ .run = run_work, .done = work_done, .home = x->home };
	if (lane_submit(x->gateway->worker_lane, &x->task, NULL) == 0)
		return SUSPENDED;
	/* What is stored must not be answered as if it were not. */
	return x->written ? fn(x, x->here) : fail_busy(x);
}

static enum outcome
identify_sender(struct exchange *x)
{
	return x->front->identify(x);
}

static enum outcome
decode_input(struct exchange *x)
{
	return x->front->decode(x);
}

static enum outcome
authorise(struct exchange *x)
{
	return x->front->authorise(x);
}

static enum outcome
transform(struct exchange *x)
{
	return x->front->transform(x);
}

/* The writer lane has had it: the same stage goes on with what is left. */
static void
write_done(struct loop *home, struct task *t)
{
	struct exchange *x = exchange_of(t);

	(void)home;
	x->written = true;
	exchange_run(x);
}

/* What follows the writes: answers, reads, and what the front makes of them. */
static enum outcome
finish_work(struct exchange *x, struct worker *w)
{
	struct fhir_batch *b = &x->batch;

	/* Done by an exchange before: nothing of this one was. */
	if (b->write_count && b->writes[0].result == 0 && b->writes[0].duplicate)
		b->count = 0;
	else if (b->write_count && batch_answer_writes(b) != 0)
		return exchange_fail_batch(x);
	batch_run_reads(b, w->reader);
	if (b->kind == BATCH_SINGLE && b->count && call_failed(b->calls)) {
		if (b->status < 400)
			batch_fail_by(b, b->calls);
		return exchange_fail_batch(x);
	}
	return x->front->finish(x, w);
}

static enum outcome
carry_out(struct exchange *x)
{
	if (x->batch.write_count && !x->written) {
		x->task = (struct task){ .done = write_done, .home = x->home };
		if (lane_submit(x->gateway->writer_lane, &x->task, NULL) != 0)
			return fail_busy(x);
		return SUSPENDED;
	}
	if (x->written && x->front->is_overtaken && x->front->is_overtaken(x)) {
		x->written = false;
		x->tries++;
		return AGAIN;
	}
	return exchange_work(x, finish_work, x->heavy);
}

/* The writes of many exchanges, in one commit. */
struct commit {
	struct store_write **at;
	size_t count, room;
};

static void
collect_write(struct commit *c, struct store_write *w)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 256;
		c->at = xrealloc(c->at, c->room * sizeof(*c->at));
	}
	c->at[c->count++] = w;
}

static void
collect_writes(struct commit *c, struct exchange *x)
{
	if (x->keep) {
		collect_write(c, x->keep);
		return;
	}
	for (uint32_t i = 0; i < x->batch.write_count; i++)
		collect_write(c, &x->batch.writes[i]);
}

/* Whether resources of the type were written. */
static bool
has_type(const struct commit *c, uint32_t type)
{
	for (size_t i = 0; i < c->count; i++)
		for (uint32_t j = 0; c->at[i]->result == 0 && j < c->at[i]->count; j++)
			if (c->at[i]->ops[j].type == type)
				return true;
	return false;
}

void
exchange_write_batch(void *state, struct task **tasks, size_t count)
{
	struct gateway *g = state;
	struct commit c = { NULL, 0, 0 };
	struct error err;

	for (size_t i = 0; i < count; i++) {
		if (tasks[i]->run)
			tasks[i]->run(g, tasks[i]);
		else
			collect_writes(&c, exchange_of(tasks[i]));
	}
	if (c.count && store_commit(g->store, c.at, c.count, &err) != 0) {
		log_event(LOG_ERROR, "commit failed", "writes=%zu\terror=%s", c.count, err.text);
		for (size_t i = 0; i < c.count; i++) {
			c.at[i]->result = -1;
			c.at[i]->error = err;
		}
	}
	if (has_type(&c, g->fhir.search_parameter))
		reindexer_changed(g->reindexer);
	free(c.at);
}

static enum audit_outcome
audit_outcome_of(int status)
{
	switch (status) {
	case 404:
	case 409:
	case 410:
	case 412:
		return AUDIT_FAILED;
	default:
		return status < 400 ? AUDIT_ALLOWED : status < 500 ? AUDIT_REFUSED : AUDIT_FAILED;
	}
}

/* What was touched: each call's resource, and what it gave out. */
static void
describe_resources(struct exchange *x, struct audit_entry *e)
{
	const struct fhir_batch *b = &x->batch;
	size_t count = 0;
	struct str *list;

	for (uint32_t i = 0; i < b->count; i++)
		count += (b->calls[i].resource.len > 0) + b->calls[i].found_count;
	list = count ? arena_calloc(x->arena, count, sizeof(*list)) : NULL;
	if (!list)
		return;
	e->resources = list;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct fhir_call *c = &b->calls[i];

		if (c->resource.len)
			list[e->resource_count++] = c->resource;
		for (uint32_t n = 0; n < c->found_count; n++)
			list[e->resource_count++] = c->found[n];
	}
	if (b->kind == BATCH_SINGLE && b->count) {
		e->params = b->calls->params;
		e->param_count = b->calls->param_count;
	}
}

static void
describe(struct exchange *x)
{
	struct audit_entry *e = &x->entry;
	char address[ADDRESS_TEXT];
	size_t len = x->peer ? address_format(&x->peer->address, address) : 0;

	e->exchange = str_from(x->id);
	e->time = x->received;
	e->sender = x->sender ? access_sender_name(x->sender) : STR("");
	e->source = len ? str_dup(x->arena, str_of(address, len)) : STR("");
	e->protocol = str_from(x->front->protocol);
	e->rule = str_from(x->rule);
	describe_resources(x, e);
	x->front->describe(x, e);
	e->outcome = audit_outcome_of(x->status);
	e->duration_us = clock_monotonic() - x->started;
}

/* Not audited: nothing of what was found may go out. */
static enum outcome
withhold(struct exchange *x, int status)
{
	findings_init(&x->findings, x->arena, EXCHANGE_FINDINGS);
	x->status = 0;
	exchange_fail(x, status, NULL, STR(""), "%s%s",
	    x->written ? "it may have been stored, but " : "",
	    status == 503
		? "the audit trail cannot keep up; send this again in a moment"
		: "the audit trail cannot be written, and nothing is answered without it; "
		  "tell whoever runs this gateway");
	x->front->refuse(x);
	return DONE;
}

static void
audit_done(struct loop *home, struct task *t)
{
	struct exchange *x = exchange_of(t);

	(void)home;
	if (x->audit_result != 0)
		withhold(x, 500);
	exchange_resume(x, DONE);
}

static enum outcome
write_audit(struct exchange *x)
{
	describe(x);
	x->task = (struct task){ .done = audit_done, .home = x->home };
	if (lane_submit(x->gateway->audit_lane, &x->task, NULL) != 0)
		return withhold(x, 503);
	return SUSPENDED;
}

/* It is in nobody's hands but its sender's. */
static void
fail_keep(struct exchange *x)
{
	x->keep = NULL;
	x->status = 0;
	exchange_fail(x, 503, NULL, STR(""),
	    "what was refused could not be kept here; correct it, or send it again later");
	x->front->refuse(x);
}

static void
keep_done(struct loop *home, struct task *t)
{
	struct exchange *x = exchange_of(t);

	(void)home;
	if (x->keep->result != 0)
		fail_keep(x);
	x->keep = NULL;
	exchange_run(x);
}

static enum outcome
keep_and_audit(struct exchange *x)
{
	if (x->kept || !x->front->keep)
		return write_audit(x);
	x->kept = true;
	x->keep = x->front->keep(x);
	if (!x->keep)
		return write_audit(x);
	x->task = (struct task){ .done = keep_done, .home = x->home };
	if (lane_submit(x->gateway->writer_lane, &x->task, NULL) == 0)
		return SUSPENDED;
	fail_keep(x);
	return write_audit(x);
}

enum {
	AUDIT_AT_ONCE = 512,
};

void
exchange_audit_batch(void *state, struct task **tasks, size_t count)
{
	struct gateway *g = state;
	struct audit_entry *entries[AUDIT_AT_ONCE];
	struct error err;

	for (size_t first = 0; first < count; first += AUDIT_AT_ONCE) {
		size_t n = count - first < AUDIT_AT_ONCE ? count - first : AUDIT_AT_ONCE;
		int result;

		for (size_t i = 0; i < n; i++)
			entries[i] = &exchange_of(tasks[first + i])->entry;
		result = audit_write_batch(g->audit, entries, n, &err);
		if (result != 0)
			log_event(LOG_ERROR, "audit failed", "entries=%zu\terror=%s", n, err.text);
		for (size_t i = 0; i < n; i++)
			exchange_of(tasks[first + i])->audit_result = result;
	}
}
