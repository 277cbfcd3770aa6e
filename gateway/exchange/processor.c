#include "gateway/exchange/processor.h"

#include "base/error.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/host/host.h"
#include "mappers/fhir/fhir_json.h"

enum {
	JOB_ARENA = 64 << 20, /* for what one plugin returns */
	MOST_LOGGED = 5,      /* findings about one record it made */
	JOBS_OUT = 16,	      /* of one exchange at a time */
};

struct exchange_jobs;

/* The host works in the job's own arena, so that several may be out at once. */
struct plugin_job {
	struct host_job job;
	struct arena arena;
	struct exchange_jobs *all;
	uint32_t call; /* PACK_NONE: all of the transaction */
};

/* The jobs of one exchange, one for each plugin that wants its records; of a batch,
 * whose entries stand alone, one for each plugin and entry. */
struct exchange_jobs {
	struct exchange *x;
	struct plugin_job *at;
	uint32_t count, next;
	uint32_t pending; /* jobs out, and one while they are being submitted */
};

static bool
is_wanted(const struct gateway *g, uint32_t plugin, const struct fhir_call *c)
{
	return c->op != PACK_NONE && c->record && host_plugin_takes(g->host, plugin, c->route.type);
}

/* Is the call's record for the job? */
static bool
is_for(const struct exchange *x, const struct plugin_job *j, uint32_t call)
{
	return (j->call == PACK_NONE || j->call == call) &&
	       is_wanted(x->gateway, j->job.plugin, &x->batch.calls[call]);
}

/* Records of one job, with what a reference to each says. */
static int
fill_job(struct exchange *x, struct plugin_job *j)
{
	struct fhir_batch *b = &x->batch;
	const struct record **records;
	struct str *references;
	uint32_t count = 0, n = 0;

	for (uint32_t i = 0; i < b->count; i++)
		count += is_for(x, j, i);
	records = arena_calloc(x->arena, count + 1, sizeof(*records));
	references = arena_calloc(x->arena, count + 1, sizeof(*references));
	if (!records || !references)
		return -1;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct fhir_call *c = &b->calls[i];

		if (!is_for(x, j, i))
			continue;
		records[n] = record_extract(c->record, c->node, x->arena);
		references[n] = batch_reference_to(b, c);
		if (!records[n] || !references[n].p)
			return -1;
		n++;
	}
	j->job.records = records;
	j->job.references = references;
	j->job.count = n;
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
add_made(struct exchange *x, const struct plugin_job *j)
{
	const struct host_job *job = &j->job;
	const struct fhir_call *c = j->call == PACK_NONE ? NULL : &x->batch.calls[j->call];
	struct error err;

	for (uint32_t i = 0; i < job->made_count; i++) {
		const struct record *r = check_made(x, job, &job->made[i]);
		struct str match = str_dup(x->arena, job->made[i].match);

		if (!r)
			drop_made(x, job, "it is no whole resource of its type");
		else if (batch_add_made(&x->batch, c, r, match, &err) != 0)
			drop_made(x, job, err.text);
	}
}

/* All are back: what they made goes into the writes. */
static void
end_jobs(struct exchange_jobs *jobs)
{
	for (uint32_t i = 0; i < jobs->count; i++) {
		add_made(jobs->x, &jobs->at[i]);
		arena_release(&jobs->at[i].arena);
	}
}

static void submit_more(struct exchange_jobs *jobs);

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
	submit_more(jobs);
	if (--jobs->pending == 0) {
		end_jobs(jobs);
		exchange_resume(jobs->x, DONE);
	}
}

static void
submit(struct exchange_jobs *jobs, struct plugin_job *j)
{
	struct error err;

	arena_init(&j->arena, JOB_ARENA, ARENA_WIPE);
	j->all = jobs;
	j->job.arena = &j->arena;
	j->job.home = jobs->x->home;
	j->job.done = job_done;
	jobs->pending++;
	error_set(&err, ERROR_LIMIT, "the exchange's memory is full");
	if (fill_job(jobs->x, j) == 0 && host_submit(jobs->x->gateway->host, &j->job, &err) == 0)
		return;
	log_event(LOG_WARN, "processor-skipped", "exchange=%s\tplugin=%u\terror=%s", jobs->x->id,
	    j->job.plugin, err.text);
	j->job.made_count = 0;
	jobs->pending--;
}

/* One is counted while this runs, so that no end comes from inside of it. */
static void
submit_more(struct exchange_jobs *jobs)
{
	while (jobs->next < jobs->count && jobs->pending <= JOBS_OUT)
		submit(jobs, &jobs->at[jobs->next++]);
}

/* The jobs there are; counted where jobs has no room for them. */
static uint32_t
list_jobs(const struct exchange *x, struct plugin_job *at)
{
	const struct fhir_batch *b = &x->batch;
	uint32_t plugins = host_plugin_count(x->gateway->host), count = 0;

	for (uint32_t p = 0; p < plugins; p++) {
		for (uint32_t i = 0; i < b->count; i++) {
			if (!is_wanted(x->gateway, p, &b->calls[i]))
				continue;
			if (at)
				at[count] = (struct plugin_job){ .job.plugin = p, .call = i };
			if (at && b->kind != BATCH_INDEPENDENT)
				at[count].call = PACK_NONE;
			count++;
			if (b->kind != BATCH_INDEPENDENT)
				break;
		}
	}
	return count;
}

enum outcome
exchange_process(struct exchange *x)
{
	struct exchange_jobs *jobs;
	uint32_t count;

	if (!x->gateway->host || !x->batch.write_count)
		return DONE;
	count = list_jobs(x, NULL);
	if (!count)
		return DONE;
	jobs = ARENA_NEW(x->arena, struct exchange_jobs);
	if (jobs)
		jobs->at = arena_calloc(x->arena, count, sizeof(*jobs->at));
	if (!jobs || !jobs->at)
		return exchange_fail(x, 413, NULL, STR(""), "the request is too large");
	jobs->x = x;
	jobs->count = list_jobs(x, jobs->at);
	jobs->pending = 1;
	submit_more(jobs);
	if (--jobs->pending > 0)
		return SUSPENDED;
	end_jobs(jobs);
	return DONE;
}
