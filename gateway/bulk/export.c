#include "gateway/bulk/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "gateway/bulk/offline.h"
#include "gateway/bulk/progress.h"
#include "gateway/net/gzip.h"
#include "profiles/pack.h"

enum {
	PAGE = 500,		 /* resources read at a time */
	PAGE_BYTES = 1 << 30,	 /* of their bodies */
	FILE_BUFFER = 256 << 10, /* of each file */
	BUFFER_MOST = 512 << 20, /* one body must fit */
	PATH_BYTES = 4096,
	MANIFEST_MOST = 1 << 20,
};

struct output {
	int fd; /* -1: no resource of the type yet */
	uint64_t count;
	struct buf text;
	struct gzip *gzip; /* NULL: plain */
	struct buf packed;
};

struct export
{
	struct offline *o;
	const struct export_options *options;
	struct output *outputs; /* by type */
	bool *wanted;		/* by type */
	uint64_t count;
	struct progress progress;
	struct error *err;
};

static int
path_of(const struct export *x, uint32_t type, const char *ending, char out[PATH_BYTES])
{
	struct str name = pack_text(x->o->pack, pack_type_at(x->o->pack, type)->name);
	int n = snprintf(out, PATH_BYTES, "%s/%.*s.ndjson%s%s", x->options->folder, STR_ARG(name),
	    x->options->gzip ? ".gz" : "", ending);

	return n < PATH_BYTES ? 0 : error_set(x->err, ERROR_INVALID, "the path is too long");
}

static int
open_output(struct export *x, uint32_t type)
{
	struct output *f = &x->outputs[type];
	char path[PATH_BYTES];

	if (path_of(x, type, ".part", path) < 0)
		return -1;
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return error_set_errno(x->err, ERROR_IO, "could not write %s", path);
	buf_init(&f->text, BUFFER_MOST);
	buf_init(&f->packed, BUFFER_MOST);
	f->text.wipe = f->packed.wipe = true;
	if (x->options->gzip)
		f->gzip = gzip_new();
	return 0;
}

static int
flush_output(struct export *x, struct output *f, bool last)
{
	struct str bytes = buf_str(&f->text);

	if (f->gzip) {
		buf_clear(&f->packed);
		if (gzip_feed(f->gzip, bytes, last, &f->packed) < 0)
			return error_set(x->err, ERROR_LIMIT, "a resource is too large");
		bytes = buf_str(&f->packed);
	}
	if (write_all(f->fd, bytes, x->err) < 0)
		return -1;
	buf_clear(&f->text);
	return 0;
}

static int
put_version(struct export *x, const struct store_version *v)
{
	struct output *f = &x->outputs[v->type];

	if (!x->wanted[v->type])
		return 0;
	if (f->fd < 0 && open_output(x, v->type) < 0)
		return -1;
	buf_put(&f->text, v->body.p, v->body.len);
	buf_put_byte(&f->text, '\n');
	if (f->text.full)
		return error_set(x->err, ERROR_LIMIT, "a resource is too large");
	f->count++;
	x->count++;
	return f->text.len < FILE_BUFFER ? 0 : flush_output(x, f, false);
}

static int
put_all(struct export *x, struct store_reader *r)
{
	struct store_scan scan = { .count = PAGE };
	struct store_page page = { .more = true };
	struct arena arena;
	int rc = 0;

	arena_init(&arena, PAGE_BYTES, ARENA_WIPE);
	while (rc == 0 && page.more) {
		rc = store_scan(r, &scan, &arena, &page, x->err);
		for (uint32_t i = 0; rc == 0 && i < page.count; i++)
			rc = put_version(x, &page.at[i]);
		x->progress.total = (uint64_t)scan.moment;
		progress_tell(&x->progress, scan.after, x->count);
		arena_reset(&arena);
	}
	arena_release(&arena);
	return rc;
}

/* Write out and sync what was opened. */
static int
end_outputs(struct export *x)
{
	for (uint32_t t = 0; t < pack_type_count(x->o->pack); t++) {
		struct output *f = &x->outputs[t];

		if (f->fd < 0)
			continue;
		if (flush_output(x, f, true) < 0)
			return -1;
		if (fsync(f->fd) < 0)
			return error_set_errno(
			    x->err, ERROR_IO, "could not write to %s", x->options->folder);
	}
	return 0;
}

static void
release_outputs(struct export *x)
{
	for (uint32_t t = 0; t < pack_type_count(x->o->pack); t++) {
		struct output *f = &x->outputs[t];
		char path[PATH_BYTES];

		if (f->fd < 0)
			continue;
		close(f->fd);
		buf_release(&f->text);
		buf_release(&f->packed);
		gzip_free(f->gzip);
		if (path_of(x, t, ".part", path) == 0)
			unlink(path); /* gone already where it has its name */
	}
}

static int
name_outputs(struct export *x)
{
	for (uint32_t t = 0; t < pack_type_count(x->o->pack); t++) {
		char from[PATH_BYTES], to[PATH_BYTES];

		if (x->outputs[t].fd < 0)
			continue;
		if (path_of(x, t, ".part", from) < 0 || path_of(x, t, "", to) < 0)
			return -1;
		if (rename(from, to) < 0)
			return error_set_errno(x->err, ERROR_IO, "could not write %s", to);
	}
	return 0;
}

/* As the status answer of a bulk data export; URLs are names beside it. */
static int
write_manifest(struct export *x, int64_t moment)
{
	char path[PATH_BYTES], instant[INSTANT_TEXT];
	struct buf out;
	bool first = true;
	int rc;

	if (snprintf(path, sizeof(path), "%s/manifest.json", x->options->folder) >=
	    (int)sizeof(path))
		return error_set(x->err, ERROR_INVALID, "the path is too long");
	instant_format(moment, instant);
	buf_init(&out, MANIFEST_MOST);
	buf_printf(&out,
	    "{\"transactionTime\":\"%s\",\"request\":\"%.*s/$export\",\"requiresAccessToken\":"
	    "false,\"output\":[",
	    instant, STR_ARG(x->o->fhir.base));
	for (uint32_t t = 0; t < pack_type_count(x->o->pack); t++) {
		struct str name = pack_text(x->o->pack, pack_type_at(x->o->pack, t)->name);

		if (x->outputs[t].fd < 0)
			continue;
		buf_printf(&out, "%s\n{\"type\":\"%.*s\",\"url\":\"%.*s.ndjson%s\",\"count\":%llu}",
		    first ? "" : ",", STR_ARG(name), STR_ARG(name), x->options->gzip ? ".gz" : "",
		    (unsigned long long)x->outputs[t].count);
		first = false;
	}
	buf_printf(&out, "],\"error\":[]}\n");
	rc = file_replace(path, buf_str(&out), 0600, x->err);
	buf_release(&out);
	return rc;
}

/* Which types: those that are asked for, which must be permitted; or all that
 * are. */
static int
choose_types(struct export *x)
{
	const struct pack *p = x->o->pack;
	struct access_decision d;
	bool any = false;

	for (uint32_t i = 0; i < x->options->type_count; i++) {
		uint32_t t = pack_find_resource(p, str_from(x->options->types[i]));

		if (t == PACK_NONE)
			return error_set(x->err, ERROR_INVALID, "there is no resource type '%s'",
			    x->options->types[i]);
		if (!access_decide(x->o->sender, RIGHT_SEARCH, t, &d) ||
		    d.visibility.kind != SEES_EVERYTHING)
			return error_set(x->err, ERROR_DENIED,
			    "the sender has no scope to search all resources of type %s",
			    x->options->types[i]);
		x->wanted[t] = any = true;
	}
	for (uint32_t t = 0; !x->options->type_count && t < pack_type_count(p); t++) {
		if (pack_type_at(p, t)->kind != PACK_RESOURCE)
			continue;
		x->wanted[t] = access_decide(x->o->sender, RIGHT_SEARCH, t, &d) &&
			       d.visibility.kind == SEES_EVERYTHING;
		any |= x->wanted[t];
	}
	return any ? 0
		   : error_set(x->err, ERROR_DENIED,
			 "the sender has no scope to search all resources of any type");
}

static int
make_folder(struct export *x)
{
	const char *path = x->options->folder;
	struct dirent **list = NULL;
	int n;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return error_set_errno(x->err, ERROR_IO, "could not make the folder %s", path);
	n = scandir(path, &list, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	if (n < 0)
		return error_set_errno(x->err, ERROR_IO, "could not read the folder %s", path);
	return n <= 2 ? 0
		      : error_set(x->err, ERROR_INVALID,
			    "the folder %s is not empty; an export goes into one of its own", path);
}

/* Nothing has its name before the trail says who took it. */
static int
audit_export(struct export *x, int64_t began)
{
	uint32_t count = pack_type_count(x->o->pack), n = 0;
	struct str *types = xcalloc(count + 1, sizeof(*types));
	struct offline_event e = {
		.interaction = "export",
		.status = "exported",
		.resources = types,
		.outcome = AUDIT_ALLOWED,
		.rule = "command",
		.began = began,
	};
	int rc;

	for (uint32_t t = 0; t < count; t++)
		if (x->outputs[t].fd >= 0)
			types[n++] = pack_text(x->o->pack, pack_type_at(x->o->pack, t)->name);
	e.resource_count = n;
	rc = offline_audit(x->o, &e, 1, x->err);
	free(types);
	return rc;
}

static int
export_into(struct export *x, struct store_reader *r)
{
	int64_t began = clock_monotonic(), moment = clock_wall();

	if (make_folder(x) < 0 || put_all(x, r) < 0 || end_outputs(x) < 0 ||
	    audit_export(x, began) < 0 || name_outputs(x) < 0)
		return -1;
	return write_manifest(x, moment);
}

int
export_run(
    struct offline *o, const struct export_options *options, uint64_t *count, struct error *err)
{
	uint32_t types = pack_type_count(o->pack);
	struct export x = { .o = o, .options = options, .err = err };
	struct store_reader *r = store_reader_open(o->store, err);
	int rc;

	if (!r)
		return -1;
	x.outputs = xcalloc(types, sizeof(*x.outputs));
	x.wanted = xcalloc(types, sizeof(*x.wanted));
	for (uint32_t t = 0; t < types; t++)
		x.outputs[t].fd = -1;
	progress_begin(&x.progress, "export", "resources", 0);
	x.progress.quiet = options->quiet;
	rc = choose_types(&x) < 0 ? -1 : export_into(&x, r);
	progress_end(&x.progress, x.count);
	release_outputs(&x);
	free(x.outputs);
	free(x.wanted);
	store_reader_close(r);
	*count = x.count;
	return rc;
}
