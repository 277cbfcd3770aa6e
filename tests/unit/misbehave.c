/*
 * misbehave.c - a plugin that does what the record's language tells it to:
 * what plugins do that must cost their job only.
 */
#include "firedoor_plugin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
is(struct firedoor_text t, const char *s)
{
	return t.len == strlen(s) && memcmp(t.bytes, s, t.len) == 0;
}

static int
put_patient(const struct firedoor_host *host, struct firedoor_job *job, const char *birth,
    const char *again)
{
	struct firedoor_text date = { birth, strlen(birth) };

	if (host->begin(job, "Patient", NULL) < 0 || host->put(job, "birthDate", date) < 0)
		return -1;
	date = (struct firedoor_text){ again, strlen(again) };
	if (date.len && host->put(job, "birthDate", date) < 0)
		return -1;
	return host->end(job);
}

static int
process(void *state, const struct firedoor_host *host, struct firedoor_job *job)
{
	struct firedoor_node language = host->child(
	    job, (struct firedoor_node){ 0, 0, 0 }, "language");
	struct firedoor_text what = host->value(job, language);
	volatile int *nothing = NULL;
	volatile unsigned spin = 1;

	(void)state;
	if (is(what, "crash"))
		return *nothing;
	while (is(what, "spin"))
		spin++;
	if (is(what, "sleep"))
		sleep(60);
	if (is(what, "open"))
		return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : -1;
	if (is(what, "exit"))
		_exit(0);
	if (is(what, "fail"))
		return -1;
	if (is(what, "unknown"))
		return host->begin(job, "Basic", NULL) == 0 && host->open(job, "nonsense") == 0 ? 0
												: 0;
	if (is(what, "unended"))
		return host->begin(job, "Basic", NULL);
	if (is(what, "garbage"))
		return write(3, "garbage", 7) == 7 ? 0 : -1;
	if (is(what, "date"))
		return put_patient(host, job, "no date", "");
	if (is(what, "twice"))
		return put_patient(host, job, "2000-01-01", "2000-01-02");
	if (is(what, "bytes"))
		return put_patient(host, job, "\xff\xfe", "");
	if (is(what, "good"))
		return put_patient(host, job, "2000-01-01", "");
	host->log(job, FIREDOOR_LOG_INFO, "did\ta job");
	if (host->begin(job, "Basic", "identifier=urn:x|1") < 0 || host->open(job, "subject") < 0 ||
	    host->put(job, "reference", host->record_reference(job, 0)) < 0)
		return -1;
	return host->close(job) < 0 ? -1 : host->end(job);
}

const struct firedoor_plugin firedoor_plugin = {
	.size = sizeof(struct firedoor_plugin),
	.abi = FIREDOOR_PLUGIN_ABI,
	.name = "misbehave",
	.version = "1",
	.process = process,
};
