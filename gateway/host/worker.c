#include "gateway/host/worker.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/host/sandbox.h"
#include "gateway/host/wire.h"
#include "plugins/firedoor_plugin.h"
#include "profiles/record.h"

/* A job, as the functions of struct firedoor_host see it. */
struct firedoor_job {
	const struct pack *pack;
	uint64_t number;
	const struct record **records;
	struct str *references;
	uint32_t count;

	struct arena arena;
	struct record_builder builder;
	bool begun;
	struct str match;
	struct buf made; /* payload of what is returned */
	uint32_t made_count;
	struct error error; /* of the first refusal */
	bool refused;
};

static int
refuse(struct firedoor_job *job, const char *what, const char *name)
{
	if (!job->refused)
		error_set(&job->error, ERROR_INVALID, "the plugin %s%s%s", what, name ? " " : "",
		    name ? name : "");
	job->refused = true;
	return -1;
}

static struct firedoor_text
given(struct str s)
{
	return (struct firedoor_text){ s.p, s.len };
}

static struct firedoor_node
child_of(struct firedoor_node parent, uint32_t node)
{
	return (struct firedoor_node){ parent.record, node, parent.node };
}

/* The record and node that the plugin names; NULL when there is none. */
static const struct record *
find(struct firedoor_job *job, struct firedoor_node n)
{
	if (n.record >= job->count || n.node >= job->records[n.record]->node_count)
		return NULL;
	return job->records[n.record];
}

static const struct pack_element *
element_of(struct firedoor_job *job, struct firedoor_node n)
{
	const struct record *r = find(job, n);

	return r ? pack_element_at(job->pack, r->nodes[n.node].element) : NULL;
}

static uint32_t
host_record_count(struct firedoor_job *job)
{
	return job->count;
}

static struct firedoor_text
host_record_type(struct firedoor_job *job, uint32_t record)
{
	if (record >= job->count)
		return given(STR(""));
	return given(record_type_name(job->records[record], job->pack, 0));
}

static struct firedoor_text
host_record_reference(struct firedoor_job *job, uint32_t record)
{
	return given(record < job->count ? job->references[record] : STR(""));
}

static struct firedoor_node
host_first_child(struct firedoor_job *job, struct firedoor_node of)
{
	const struct record *r = find(job, of);

	if (!r || of.node + 1 >= r->nodes[of.node].end)
		return child_of(of, FIREDOOR_NONE);
	return child_of(of, of.node + 1);
}

static struct firedoor_node
host_next_sibling(struct firedoor_job *job, struct firedoor_node of)
{
	const struct record *r = find(job, of);
	struct firedoor_node next = of;

	if (!r || of.parent >= of.node || r->nodes[of.node].end >= r->nodes[of.parent].end)
		next.node = FIREDOOR_NONE;
	else
		next.node = r->nodes[of.node].end;
	return next;
}

static struct firedoor_node
host_child(struct firedoor_job *job, struct firedoor_node of, const char *name)
{
	const struct record *r = find(job, of);
	uint32_t child = r && name ? record_child(r, job->pack, of.node, str_from(name)) : 0;

	return child_of(of, child ? child : FIREDOOR_NONE);
}

static struct firedoor_text
host_name(struct firedoor_job *job, struct firedoor_node of)
{
	const struct pack_element *e = element_of(job, of);

	return given(e ? pack_text(job->pack, e->name) : STR(""));
}

static struct firedoor_text
host_type(struct firedoor_job *job, struct firedoor_node of)
{
	const struct pack_element *e = element_of(job, of);

	return given(e ? pack_text(job->pack, pack_type_at(job->pack, e->type)->name) : STR(""));
}

static uint32_t
host_flags(struct firedoor_job *job, struct firedoor_node of)
{
	const struct pack_element *e = element_of(job, of);
	uint32_t flags = 0;

	if (!e)
		return 0;
	if (e->flags & ELEMENT_REPEATS)
		flags |= FIREDOOR_ELEMENT_REPEATS;
	if (e->flags & ELEMENT_SUMMARY)
		flags |= FIREDOOR_ELEMENT_SUMMARY;
	if (e->flags & ELEMENT_PRIMITIVE)
		flags |= FIREDOOR_ELEMENT_PRIMITIVE;
	return flags;
}

static struct firedoor_text
host_value(struct firedoor_job *job, struct firedoor_node of)
{
	const struct record *r = find(job, of);

	return given(r ? record_text(r, of.node) : STR(""));
}

static int
host_begin(struct firedoor_job *job, const char *type, const char *match)
{
	uint32_t t = type ? pack_find_resource(job->pack, str_from(type)) : PACK_NONE;

	if (job->begun)
		return refuse(job, "began a record inside another", NULL);
	if (t == PACK_NONE)
		return refuse(job, "began a record of an unknown type", NULL);
	record_builder_reset(&job->builder);
	record_open_root(&job->builder, t);
	job->match = str_dup(&job->arena, str_from(match ? match : ""));
	job->begun = true;
	return 0;
}

/* The element of that name in the element that is open; PACK_NONE when there
 * is none. */
static uint32_t
find_open(struct firedoor_job *job, const char *name)
{
	const struct record_builder *b = &job->builder;

	if (!job->begun || !name || b->depth == 0 || b->failed)
		return PACK_NONE;
	return pack_find_element(job->pack, b->stack[b->depth - 1].type, str_from(name));
}

static int
host_open(struct firedoor_job *job, const char *name)
{
	uint32_t element = find_open(job, name);

	if (element == PACK_NONE)
		return refuse(job, "opened an element there is not:", name);
	record_open_element(&job->builder, element);
	return 0;
}

static int
host_put(struct firedoor_job *job, const char *name, struct firedoor_text value)
{
	uint32_t element = find_open(job, name);

	if (element == PACK_NONE ||
	    !(pack_element_at(job->pack, element)->flags & ELEMENT_PRIMITIVE))
		return refuse(job, "put a value into an element that has none:", name);
	if (value.len == 0)
		return 0;
	record_open_element(&job->builder, element);
	record_set_text(&job->builder, str_of(value.bytes, value.len));
	record_close(&job->builder);
	return 0;
}

static int
host_close(struct firedoor_job *job)
{
	if (!job->begun || job->builder.depth < 2)
		return refuse(job, "closed an element that is not open", NULL);
	record_close(&job->builder);
	return 0;
}

static int
host_end(struct firedoor_job *job)
{
	const struct record *r;

	if (!job->begun || job->builder.depth != 1)
		return refuse(job, "ended a record with elements open", NULL);
	job->begun = false;
	record_close(&job->builder);
	r = record_builder_finish(&job->builder, &job->arena, &job->error);
	if (!r) {
		job->refused = true;
		return -1;
	}
	wire_put(&job->made, str_of((const char *)r, record_size(r)), job->match);
	if (job->made.full || job->made_count == WIRE_RECORDS_MOST)
		return refuse(job, "returned too much", NULL);
	job->made_count++;
	return 0;
}

static void
host_log(struct firedoor_job *job, enum firedoor_level level, const char *text)
{
	struct wire_message m = {
		.kind = WIRE_LOG,
		.level = level <= FIREDOOR_LOG_DEBUG ? level : LOG_DEBUG,
		.job = job->number,
	};

	snprintf(m.text, sizeof(m.text), "%s", text ? text : "");
	wire_send(WORKER_SOCKET, &m, STR(""), NULL);
}

static const struct firedoor_host host = {
	.size = sizeof(struct firedoor_host),
	.abi = FIREDOOR_PLUGIN_ABI,
	.record_count = host_record_count,
	.record_type = host_record_type,
	.record_reference = host_record_reference,
	.first_child = host_first_child,
	.next_sibling = host_next_sibling,
	.child = host_child,
	.name = host_name,
	.type = host_type,
	.flags = host_flags,
	.value = host_value,
	.begin = host_begin,
	.open = host_open,
	.put = host_put,
	.close = host_close,
	.end = host_end,
	.log = host_log,
};

/* Find the records in the payload. Returns false when they are not whole. */
static bool
read_records(struct firedoor_job *job, struct str payload, uint32_t count)
{
	job->records = arena_calloc(&job->arena, count, sizeof(const struct record *));
	job->references = arena_calloc(&job->arena, count, sizeof(struct str));
	if (!job->records || !job->references)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct str record;

		if (!wire_take(&payload, &record, &job->references[i]))
			return false;
		job->records[i] = (const struct record *)record.p;
		if (!record_check(job->records[i], record.len, job->pack))
			return false;
	}
	job->count = count;
	return true;
}

/* End the process when the job takes more processor time than this. */
static void
limit_processor_time(uint32_t ms)
{
	struct itimerval t = {
		.it_value = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 },
	};

	setitimer(ITIMER_PROF, &t, NULL);
}

static void
answer(struct firedoor_job *job, int result)
{
	struct wire_message m = { .job = job->number };

	if (result == 0 && !job->refused && !job->begun) {
		m.kind = WIRE_DONE;
		m.count = job->made_count;
		wire_send(WORKER_SOCKET, &m, buf_str(&job->made), NULL);
		return;
	}
	m.kind = WIRE_FAILED;
	snprintf(m.text, sizeof(m.text), "%.*s", WIRE_TEXT - 1,
	    job->refused ? job->error.text
	    : job->begun ? "the plugin did not end a record"
			 : "the plugin gave up");
	wire_send(WORKER_SOCKET, &m, STR(""), NULL);
}

static void
do_job(const struct firedoor_plugin *plugin, void *state, struct firedoor_job *job,
    const struct wire_message *m, int payload_fd)
{
	struct str payload = { NULL, 0 };
	int result = -1;

	job->number = m->job;
	job->count = job->made_count = 0;
	job->begun = job->refused = false;
	buf_clear(&job->made);
	if (m->size) {
		void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, payload_fd, 0);

		if (p != MAP_FAILED)
			payload = str_of(p, m->size);
	}
	if (payload.len != m->size || !read_records(job, payload, m->count)) {
		refuse(job, "was not given the records whole", NULL);
	} else {
		limit_processor_time(m->cpu_ms);
		result = plugin->process(state, &host, job);
		limit_processor_time(0);
	}
	answer(job, result);
	if (payload.p)
		munmap((void *)(uintptr_t)payload.p, payload.len);
	arena_reset(&job->arena);
}

static int
serve(const struct firedoor_plugin *plugin, void *state, const struct pack *pack, size_t memory)
{
	struct firedoor_job job = { .pack = pack };
	struct wire_message m = { .kind = WIRE_READY };

	arena_init(&job.arena, memory, ARENA_WIPE);
	record_builder_init(&job.builder, pack, &record_default_limits);
	buf_init(&job.made, WIRE_PAYLOAD_MOST);
	if (wire_send(WORKER_SOCKET, &m, STR(""), NULL) < 0)
		return 1;
	for (;;) {
		int payload_fd;
		bool again;

		if (wire_receive(WORKER_SOCKET, &m, &payload_fd, &again, NULL) <= 0)
			break;
		if (m.kind == WIRE_JOB)
			do_job(plugin, state, &job, &m, payload_fd);
		if (payload_fd >= 0)
			close(payload_fd);
	}
	if (plugin->stop)
		plugin->stop(state);
	buf_release(&job.made);
	record_builder_release(&job.builder);
	arena_release(&job.arena);
	return 0;
}

/* Load the plugin and see that we understand each other. */
static const struct firedoor_plugin *
load(const char *file, struct error *err)
{
	void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	const struct firedoor_plugin *plugin;

	if (!object) {
		error_set(err, ERROR_INVALID, "could not load %s: %s", file, dlerror());
		return NULL;
	}
	plugin = dlsym(object, "firedoor_plugin");
	if (!plugin) {
		error_set(err, ERROR_INVALID, "%s is no plugin: it has no firedoor_plugin", file);
		return NULL;
	}
	if (plugin->abi != FIREDOOR_PLUGIN_ABI || plugin->size < sizeof(*plugin) ||
	    !plugin->process) {
		error_set(err, ERROR_INVALID,
		    "%s was built for interface %u, this is %u: build it anew", file, plugin->abi,
		    FIREDOOR_PLUGIN_ABI);
		return NULL;
	}
	return plugin;
}

static int
fail_to_start(const struct error *err)
{
	struct wire_message m = { .kind = WIRE_FAILED };

	snprintf(m.text, sizeof(m.text), "%.*s", WIRE_TEXT - 1, err->text);
	wire_send(WORKER_SOCKET, &m, STR(""), NULL);
	return 1;
}

int
worker_main(int argc, char **argv)
{
	const struct firedoor_plugin *plugin;
	const struct pack *pack;
	struct error err;
	void *state = NULL;
	int64_t memory;

	if (argc != 4 || !str_to_int(str_from(argv[3]), &memory) || memory <= 0 ||
	    fcntl(WORKER_SOCKET, F_GETFD) < 0) {
		fputs("firedoor: " WORKER_COMMAND " is not for people: the gateway starts it\n",
		    stderr);
		return 2;
	}
	plugin = load(argv[1], &err);
	if (!plugin)
		return fail_to_start(&err);
	pack = pack_open(argv[2], &err);
	if (!pack)
		return fail_to_start(&err);
	if (plugin->start && plugin->start(&host, &state) < 0) {
		error_set(&err, ERROR_OTHER, "plugin %s refused to start", plugin->name);
		return fail_to_start(&err);
	}
	if (sandbox_enter((size_t)memory, &err) < 0)
		return fail_to_start(&err);
	return serve(plugin, state, pack, (size_t)memory);
}
