/*
 * A copy of the file while others read and write it: pages of one moment, which
 * an open read transaction keeps, so that writers of other processes do not make
 * it begin anew. The copy is checked before it gets its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "gateway/store/sqlite.h"

enum {
	STEP_PAGES = 256, /* copied at a time */
	BUSY_MS = 10000,
};

struct backup {
	struct sq_conn from, to;
	store_progress_fn *progress;
	void *ctx;
};

/* What is to be the same in both: how many versions, and the newest. */
struct contents {
	int64_t versions, last;
};

static int
read_contents(struct sq_conn *c, struct contents *out, struct error *err)
{
	sqlite3_stmt *st = sq_search(c, STR("SELECT count(*), max(row) FROM version"), err);

	if (!st || sq_step(c, st, "read the store", err) < 0)
		return -1;
	out->versions = sqlite3_column_int64(st, 0);
	out->last = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

static int
copy_pages(struct backup *b, struct error *err)
{
	sqlite3_backup *k = sqlite3_backup_init(b->to.db, "main", b->from.db, "main");
	int code;

	if (!k)
		return sq_error(&b->to, sqlite3_errcode(b->to.db), "copy the store", err);
	do {
		code = sqlite3_backup_step(k, STEP_PAGES);
		if (b->progress)
			b->progress(b->ctx,
			    (uint64_t)(sqlite3_backup_pagecount(k) - sqlite3_backup_remaining(k)),
			    (uint64_t)sqlite3_backup_pagecount(k));
		if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
			sqlite3_sleep(50);
	} while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED);
	sqlite3_backup_finish(k);
	return code == SQLITE_DONE ? 0 : sq_error(&b->to, code, "copy the store", err);
}

/* Open the copy as the next reader would: is every page and index in order, and
 * all in it? */
static int
verify(const char *path, const struct contents *want, struct error *err)
{
	struct sq_conn c;
	struct contents got = { 0, 0 };
	sqlite3_stmt *st;
	bool good;
	int rc;

	if (sq_open(&c, path, SQLITE_OPEN_READWRITE, BUSY_MS, err) < 0)
		return -1;
	st = sq_search(&c, STR("PRAGMA integrity_check(1)"), err);
	rc = st ? sq_step(&c, st, "check the copy", err) : -1;
	good = rc > 0 && strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	if (rc > 0)
		sqlite3_reset(st);
	if (rc > 0)
		rc = read_contents(&c, &got, err);
	sq_close(&c);
	if (rc < 0)
		return -1;
	if (!good || got.versions != want->versions || got.last != want->last)
		return error_set(err, ERROR_IO,
		    "the copy is not whole: the store it was made of may be damaged; keep the "
		    "backups there are");
	return 0;
}

static int
make_copy(struct backup *b, const char *path, const char *beside, struct contents *contents,
    struct error *err)
{
	int rc;

	if (sq_open(&b->from, path, SQLITE_OPEN_READWRITE, BUSY_MS, err) < 0)
		return -1;
	rc = sq_exec(&b->from, "PRAGMA query_only=1", "read the store", err);
	if (rc == 0)
		rc = sq_run(&b->from, SQ_BEGIN_READ, "read the store", err);
	if (rc == 0)
		rc = read_contents(&b->from, contents, err);
	if (rc == 0)
		rc = sq_open(
		    &b->to, beside, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, BUSY_MS, err);
	if (rc == 0) {
		rc = sq_exec(&b->to, "PRAGMA synchronous=OFF", "write the copy", err);
		if (rc == 0)
			rc = copy_pages(b, err);
		sq_close(&b->to);
	}
	sq_close(&b->from);
	return rc;
}

static int
sync_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(err, ERROR_IO, "could not open %s", path);
	if (fsync(fd) < 0) {
		close(fd);
		return error_set_errno(err, ERROR_IO, "could not write %s", path);
	}
	close(fd);
	return 0;
}

int
store_backup(
    const char *path, const char *dest, store_progress_fn *progress, void *ctx, struct error *err)
{
	struct backup b = { .progress = progress, .ctx = ctx };
	struct contents contents;
	char beside[4096];
	int fd, known = sq_recognise(path, err);

	if (known <= 0)
		return known < 0 ? -1 : error_set(err, ERROR_MISSING, "there is no store %s", path);
	if (snprintf(beside, sizeof(beside), "%s.part", dest) >= (int)sizeof(beside))
		return error_set(err, ERROR_INVALID, "the path of the copy is too long");
	unlink(beside);
	/* Nobody else may read it, from its first byte. */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, ERROR_IO, "could not write %s", beside);
	close(fd);
	if (make_copy(&b, path, beside, &contents, err) < 0 || verify(beside, &contents, err) < 0 ||
	    sync_file(beside, err) < 0) {
		unlink(beside);
		return -1;
	}
	if (rename(beside, dest) < 0)
		return error_set_errno(err, ERROR_IO, "could not write %s", dest);
	return file_sync_folder(dest, err);
}
