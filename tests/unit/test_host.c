/* gateway/host: jobs, and what plugins do wrong. */
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "gateway/config.h"
#include "gateway/host/host.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct loop *loop;
static sem_t finished;

static void
job_done(struct loop *home, struct host_job *job)
{
	(void)home;
	(void)job;
	sem_post(&finished);
}

/* A Patient of that language. */
static const struct record *
make_patient(struct arena *a, const char *language)
{
	struct record_builder b;
	const struct record *r;
	struct error err;

	record_builder_init(&b, pack, &record_default_limits);
	record_open_root(&b, pack_find_type(pack, STR("Patient")));
	record_put(&b, STR("language"), str_from(language));
	record_close(&b);
	r = record_builder_finish(&b, a, &err);
	record_builder_release(&b);
	return r;
}

/* Do one job to its end. Its answers lie in the arena. */
static int
do_job(struct host *h, struct arena *a, const char *language, struct host_job *job)
{
	const struct record *r = make_patient(a, language);
	struct str reference = STR("Patient/7");
	struct timespec until;
	struct error err;

	*job = (struct host_job){
		.plugin = 0,
		.records = &r,
		.references = &reference,
		.count = 1,
		.arena = a,
		.home = loop,
		.done = job_done,
	};
	if (host_submit(h, job, &err) < 0) {
		printf("# %s\n", err.text);
		return -2;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	return sem_timedwait(&finished, &until) == 0 ? job->result : -3;
}

static void
test_good(struct host *h)
{
	struct arena a;
	struct host_job job;

	arena_init(&a, 1 << 20, 0);
	if (!is_int(do_job(h, &a, "en", &job), 0, "a job is done"))
		printf("# %s\n", job.error.text);
	if (is_int(job.made_count, 1, "it returns a record")) {
		const struct record *r = job.made[0].record;
		uint32_t subject = record_child(r, pack, 0, STR("subject"));

		is_str(record_type_name(r, pack, 0), STR("Basic"), "of its type");
		is_str(record_value(r, pack, subject, STR("reference")), STR("Patient/7"),
		    "which knows what it belongs to");
		is_str(job.made[0].match, STR("identifier=urn:x|1"), "and what it updates");
	}
	arena_release(&a);
}

/* What goes wrong, and whether it ends the worker. */
static void
test_bad(struct host *h, const char *language, bool ends, const char *name)
{
	struct host_counts before = host_counts(h), after;
	struct arena a;
	struct host_job job;

	arena_init(&a, 1 << 20, 0);
	is_int(do_job(h, &a, language, &job), -1, "%s: the job fails", name);
	ok(job.made_count == 0 && job.error.text[0], "%s: nothing is made, and it is told why: %s",
	    name, job.error.text);
	after = host_counts(h);
	is_int(after.crashed - before.crashed, ends, "%s: the worker %s", name,
	    ends ? "ends" : "goes on");
	is_int(do_job(h, &a, "en", &job), 0, "%s: the next job is done", name);
	arena_release(&a);
}

static void
test_quarantine(struct host *h)
{
	struct arena a;
	struct host_job job;
	struct host_counts before, after;

	arena_init(&a, 1 << 20, 0);
	do_job(h, &a, "crash", &job);
	before = host_counts(h);
	is_int(do_job(h, &a, "crash", &job), -1, "a third time");
	after = host_counts(h);
	is_int(after.crashed - before.crashed, 0, "the payload that killed twice is not tried");
	is_int(after.quarantined - before.quarantined, 1, "but quarantined");
	arena_release(&a);
}

static void
run(const char *build, const char *pack_path)
{
	char file[4096], program[4096];
	struct str type = STR("Patient");
	struct config_plugin plugin = {
		.name = STR("misbehave"),
		.file = file,
		.types = { &type, 1 },
		.workers = 1,
		.queue = 4,
		.max_memory = 512u << 20,
		.cpu_ms = 1000,
		.timeout_ms = 8000,
		.backoff_ms = 10,
		.backoff_most_ms = 50,
	};
	struct config config = { .pack = pack_path, .plugins = &plugin, .plugin_count = 1 };
	struct error err = { .text = "" };
	struct host *h;

	snprintf(file, sizeof(file), "%s/tests/unit/.libs/misbehave.so", build);
	snprintf(program, sizeof(program), "%s/firedoor", build);
	loop = loop_new(0, &err);
	h = loop ? host_new(&config, pack, loop, program, &err) : NULL;
	if (!ok(h && loop_start(loop, &err) == 0, "a host starts %s", err.text))
		return;
	ok(host_plugin_takes(h, 0, pack_find_type(pack, type)) &&
		!host_plugin_takes(h, 0, pack_find_type(pack, STR("Observation"))),
	    "it takes the types it is configured for");
	test_good(h);
	test_bad(h, "fail", false, "a plugin that gives up");
	test_bad(h, "unknown", false, "an element there is not");
	test_bad(h, "unended", false, "a record without an end");
	test_bad(h, "crash", true, "a crash");
	test_bad(h, "exit", true, "an exit");
	test_bad(h, "garbage", true, "garbage");
	test_bad(h, "spin", true, "too much processor time");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	tap_skip("a forbidden system call", "sanitized workers are not filtered");
#else
	test_bad(h, "open", true, "a forbidden system call");
#endif
	test_bad(h, "sleep", true, "a job that takes too long");
	test_quarantine(h);
	loop_stop(loop, 1000);
	loop_join(loop);
	host_free(h);
	loop_free(loop);
}

int
main(void)
{
	const char *build = getenv("FIREDOOR_BUILDDIR"), *path = getenv("FIREDOOR_PACK");
	struct error err;

	if (!path || !build) {
		tap_skip("host", "FIREDOOR_PACK or FIREDOOR_BUILDDIR is not set");
		return tap_done();
	}
	pack = pack_open(path, &err);
	if (!pack) {
		ok(false, "%s", err.text);
		return tap_done();
	}
	log_setup(LOG_ERROR, LOG_TEXT);
	sem_init(&finished, 0, 0);
	run(build, path);
	pack_free(pack);
	return tap_done();
}
