#include "gateway/exchange/processor.h"

#include "base/error.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/host/host.h"
#include "mappers/fhir/fhir_json.h"

enum {
	JOB_ARENA = 64 << 20, /* for what one plugin returns */
	MOST_LOGGED = 5,      /* findings about one record it made */
};

struct exchange_jobs;

/* The host works in the job's own arena, so that several may be out at once. */
struct plugin_job {
	struct host_job job;
	struct arena arena;
	struct exchange_jobs *all;
};

/* The jobs of one exchange, one for each plugin that wants its records. */
struct exchange_jobs {
	struct exchange *x;
	struct plugin_job *at;
	uint32_t count;
	uint32_t pending; /* jobs out, and one while they are being submitted */
};

static bool
is_wanted(const struct gateway *g, uint32_t plugin, const struct fhir_call *c)
{
	return c->op != PACK_NONE && c->record && host_plugin_takes(g->host, plugin, c->route.type);
}

/* Records of one job, with what a reference to each says. */
static int
fill_job(struct exchange *x, uint32_t plugin, struct host_job *job)
{
	struct fhir_batch *b = &x->batch;
	const struct record **records;
	struct str *references;
	uint32_t count = 0, n = 0;

	for (uint32_t i = 0; i < b->count; i++)
		count += is_wanted(x->gateway, plugin, &b->calls[i]);
	records = arena_calloc(x->arena, count + 1, sizeof(*records));
	references = arena_calloc(x->arena, count + 1, sizeof(*references));
	if (!records || !references)
		return -1;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct fhir_call *c = &b->calls[i];

		if (!is_wanted(x->gateway, plugin, c))
			continue;
		records[n] = record_extract(c->record, c->node, x->arena);
		references[n] = batch_reference_to(b, c);
		if (!records[n] || !references[n].p)
			return -1;
		n++;
	}
	job->plugin = plugin;
	job->records = records;
	job->references = references;
	job->count = n;
	return 0;
}

/*
 * A plugin is trusted with nothing: what it made is written and read again, as
 * strictly as what a client sends. NULL when it is wrong, which is logged.
 */
static const struct record *
check_made(struct exchange *x, const struct host_job *job, const struct host_made *made)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *r;
	struct findings findings;
	struct buf json;

	buf_init(&json, JOB_ARENA);
	json.wipe = true;
	findings_init(&findings, x->arena, MOST_LOGGED);
	fhir_json_write(made->record, x->gateway->pack, 0, 0, &json);
	r = json.full
		? NULL
		: fhir_json_read(buf_str(&json), &options, &x->here->builder, x->arena, &findings);
	buf_release(&json);
	for (const struct finding *f = findings.first; f; f = f->next)
		log_event(LOG_WARN, "made-record-wrong",
		    "exchange=%s\tplugin=%u\tplace=%.*s\tcode=%s\ttext=%.*s", x->id, job->plugin,
		    STR_ARG(f->path), f->code, STR_ARG(f->text));
	/* What JSON cannot say twice was left out on the way. */
	return findings.errors || (r && r->node_count != made->record->node_count) ? NULL : r;
}

static void
drop_made(struct exchange *x, const struct host_job *job, const char *why)
{
	log_event(LOG_WARN, "made-record-dropped", "exchange=%s\tplugin=%u\terror=%s", x->id,
	    job->plugin, why);
}

static void
add_made(struct exchange *x, const struct host_job *job)
{
	struct error err;

	for (uint32_t i = 0; i < job->made_count; i++) {
		const struct record *r = check_made(x, job, &job->made[i]);
		struct str match = str_dup(x->arena, job->made[i].match);

		if (!r)
			drop_made(x, job, "it is no whole resource of its type");
		else if (batch_add_made(&x->batch, r, match, &err) != 0)
			drop_made(x, job, err.text);
	}
}

/* All are back: what they made goes into the write. */
static void
end_jobs(struct exchange_jobs *jobs)
{
	for (uint32_t i = 0; i < jobs->count; i++) {
		add_made(jobs->x, &jobs->at[i].job);
		arena_release(&jobs->at[i].arena);
	}
}

static void
job_done(struct loop *home, struct host_job *job)
{
	struct exchange_jobs *jobs = ((struct plugin_job *)job)->all;

	(void)home;
	if (job->result != 0) {
		log_event(LOG_WARN, "processor-failed", "exchange=%s\tplugin=%u\terror=%s",
		    jobs->x->id, job->plugin, job->error.text);
		job->made_count = 0;
	}
	if (--jobs->pending == 0) {
		end_jobs(jobs);
		exchange_resume(jobs->x, DONE);
	}
}

static void
submit(struct exchange_jobs *jobs, uint32_t plugin)
{
	struct plugin_job *j = &jobs->at[jobs->count];
	struct error err;

	arena_init(&j->arena, JOB_ARENA, ARENA_WIPE);
	j->all = jobs;
	j->job.arena = &j->arena;
	j->job.home = jobs->x->home;
	j->job.done = job_done;
	error_set(&err, ERROR_LIMIT, "the exchange's memory is full");
	if (fill_job(jobs->x, plugin, &j->job) != 0 ||
	    host_submit(jobs->x->gateway->host, &j->job, &err) != 0) {
		log_event(LOG_WARN, "processor-skipped", "exchange=%s\tplugin=%u\terror=%s",
		    jobs->x->id, plugin, err.text);
		return;
	}
	jobs->count++;
	jobs->pending++;
}

static bool
wants_any(const struct exchange *x, uint32_t plugin)
{
	for (uint32_t i = 0; i < x->batch.count; i++)
		if (is_wanted(x->gateway, plugin, &x->batch.calls[i]))
			return true;
	return false;
}

enum outcome
exchange_process(struct exchange *x)
{
	const struct gateway *g = x->gateway;
	struct exchange_jobs *jobs;
	uint32_t plugins;

	/* The entries of a batch have no transaction that could hold more. */
	if (!g->host || x->batch.write_count != 1 || x->batch.kind == BATCH_INDEPENDENT)
		return DONE;
	plugins = host_plugin_count(g->host);
	jobs = ARENA_NEW(x->arena, struct exchange_jobs);
	if (jobs)
		jobs->at = arena_calloc(x->arena, plugins + 1, sizeof(*jobs->at));
	if (!jobs || !jobs->at)
		return exchange_fail(x, 413, NULL, STR(""), "the request is too large");
	jobs->x = x;
	jobs->pending = 1;
	for (uint32_t i = 0; i < plugins; i++)
		if (wants_any(x, i))
			submit(jobs, i);
	if (--jobs->pending > 0)
		return SUSPENDED;
	end_jobs(jobs);
	return DONE;
}
