/*
 * The file: made, recognised, checked, opened.
 *
 * A new file is made whole beside its place and renamed, so that a store is
 * either there with its layout or not there. path-lock is held as long as the
 * store is open, and holds text as long as it was not closed properly.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/store/sqlite.h"

enum {
	SCRATCH_BYTES = 512 << 20, /* what one transaction's keys may take */
	PAGE_BYTES = 4096,
};

static uint32_t
big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* SQLite's file format, 1.3. */
int
sq_recognise(const char *path, struct error *err)
{
	enum {
		HEADER = 100,
		USER_VERSION = 60,
		APPLICATION_ID = 68,
	};
	unsigned char head[HEADER];
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set_errno(err, ERROR_IO, "could not open the store %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, ERROR_INVALID, "the store %s is not a file", path);
	}
	n = pread(fd, head, HEADER, 0);
	close(fd);
	if (n < 0)
		return error_set_errno(err, ERROR_IO, "could not read the store %s", path);
	if (n == 0)
		return 0;
	if (n < HEADER || memcmp(head, "SQLite format 3", 16) != 0 ||
	    big_endian(head + APPLICATION_ID) != SQ_APPLICATION)
		return error_set(err, ERROR_INVALID,
		    "the file %s is not a firedoor store and was left as it is: give another path",
		    path);
	return sq_layout_accept(path, big_endian(head + USER_VERSION), err) < 0 ? -1 : 1;
}

/* Hold path-lock. *unclean: whoever held it before did not close the store. */
static int
take_lock(struct store *s, bool *unclean, struct error *err)
{
	char name[4096];
	int64_t until = clock_monotonic() + (int64_t)s->busy_ms * 1000;
	struct stat st;

	if (snprintf(name, sizeof(name), "%s-lock", s->path) >= (int)sizeof(name))
		return error_set(err, ERROR_INVALID, "the path of the store is too long");
	s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return error_set_errno(err, ERROR_IO, "could not open %s", name);
	while (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set_errno(err, ERROR_IO, "could not lock %s", name);
		if (clock_monotonic() >= until)
			return error_set(err, ERROR_BUSY,
			    "the store %s is in use by another process: stop that one first",
			    s->path);
		usleep(10000);
	}
	*unclean = fstat(s->lock, &st) == 0 && st.st_size > 0;
	return 0;
}

static int
mark_open(struct store *s, struct error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "open %ld\n", (long)getpid());

	if (ftruncate(s->lock, 0) < 0 || pwrite(s->lock, text, (size_t)n, 0) != n ||
	    fdatasync(s->lock) < 0)
		return error_set_errno(err, ERROR_IO, "could not write %s-lock", s->path);
	return 0;
}

static int
create_at(const char *path, struct error *err)
{
	struct sq_conn c;
	char pragma[64];
	int rc;

	unlink(path);
	if (sq_open(&c, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0, err) < 0)
		return -1;
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d", SQ_APPLICATION);
	rc = sq_exec(&c, "PRAGMA page_size=4096", "make the store", err);
	if (rc == 0)
		rc = sq_exec(&c, "PRAGMA synchronous=FULL", "make the store", err);
	if (rc == 0)
		rc = sq_exec(&c, pragma, "make the store", err);
	if (rc == 0)
		rc = sq_exec(&c, "BEGIN", "make the store", err);
	if (rc == 0)
		rc = sq_layout_make(&c, err);
	if (rc == 0)
		rc = sq_exec(&c, "COMMIT", "make the store", err);
	if (rc == 0)
		rc = sq_exec(&c, "PRAGMA journal_mode=WAL", "make the store", err);
	sq_close(&c);
	return rc;
}

/* A journal without its file belongs to a store that is gone: SQLite would
 * play it into the new one. */
static int
refuse_leftovers(const char *path, struct error *err)
{
	static const char *const endings[] = { "-wal", "-journal" };

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		char name[4096];

		if (snprintf(name, sizeof(name), "%s%s", path, endings[i]) >= (int)sizeof(name))
			return error_set(err, ERROR_INVALID, "the path of the store is too long");
		if (access(name, F_OK) == 0)
			return error_set(err, ERROR_INVALID,
			    "there is %s, but the store it belongs to is missing: bring that back, "
			    "or "
			    "move both away",
			    name);
	}
	return 0;
}

static int
create_file(const char *path, struct error *err)
{
	char beside[4096];

	if (refuse_leftovers(path, err) < 0)
		return -1;
	if (snprintf(beside, sizeof(beside), "%s-new", path) >= (int)sizeof(beside))
		return error_set(err, ERROR_INVALID, "the path of the store is too long");
	if (create_at(beside, err) < 0) {
		unlink(beside);
		return -1;
	}
	chmod(beside, 0600);
	if (rename(beside, path) < 0)
		return error_set_errno(err, ERROR_IO, "could not make the store %s", path);
	return file_sync_folder(path, err);
}

/* After an end that was no proper one: is every page and index in order? */
static int
check_whole(struct store *s, struct error *err)
{
	sqlite3_stmt *st = sq_search(&s->conn, STR("PRAGMA quick_check(1)"), err);
	int64_t start = clock_monotonic();
	bool good;

	if (!st || sq_step(&s->conn, st, "check the store", err) < 0)
		return -1;
	good = strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	sqlite3_reset(st);
	if (!good)
		return error_set(err, ERROR_INVALID,
		    "the store %s is damaged: restore it from a backup", s->path);
	log_event(LOG_WARN, "store checked after an unclean end", "ms=%lld",
	    (long long)((clock_monotonic() - start) / 1000));
	return 0;
}

/* Number of that name in the table, made when it is not there. */
static int
number_of(struct store *s, struct str select, struct str insert, struct str name, uint32_t *out,
    struct error *err)
{
	sqlite3_stmt *st = sq_search(&s->conn, select, err);
	int rc;

	if (!st)
		return -1;
	sq_bind_str(st, 1, name);
	rc = sq_step(&s->conn, st, "read the store's names", err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		*out = (uint32_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		return 0;
	}
	*out = 0; /* nothing in this store is of it */
	if (sqlite3_db_readonly(s->conn.db, "main"))
		return 0;
	st = sq_search(&s->conn, insert, err);
	if (!st)
		return -1;
	sq_bind_str(st, 1, name);
	if (sq_step(&s->conn, st, "write the store's names", err) < 0)
		return -1;
	*out = (uint32_t)sqlite3_last_insert_rowid(s->conn.db);
	return 0;
}

static int
load_types(struct store *s, struct error *err)
{
	const struct pack *p = s->names.pack;
	uint32_t count = pack_type_count(p);

	for (uint32_t t = 0; t < count; t++) {
		const struct pack_type *type = pack_type_at(p, t);
		uint32_t no;

		if (type->kind != PACK_RESOURCE || type->abstract)
			continue;
		if (number_of(s, STR("SELECT no FROM type WHERE name = ?1"),
			STR("INSERT INTO type (name) VALUES (?1)"), pack_text(p, type->name), &no,
			err) < 0)
			return -1;
		s->names.type_no[t] = no;
		if (no >= s->names.type_nos) {
			s->names.pack_type = xrealloc(
			    s->names.pack_type, (no + 1) * sizeof(uint32_t));
			while (s->names.type_nos <= no)
				s->names.pack_type[s->names.type_nos++] = PACK_NONE;
		}
		s->names.pack_type[no] = t;
	}
	return 0;
}

static int
load_params(struct store *s, struct error *err)
{
	const struct pack *p = s->names.pack;
	uint32_t count = pack_param_count(p);

	for (uint32_t i = 0; i < count; i++)
		if (number_of(s, STR("SELECT no FROM param WHERE code = ?1"),
			STR("INSERT INTO param (code) VALUES (?1)"),
			pack_text(p, pack_param_at(p, i)->code), &s->names.param_no[i], err) < 0)
			return -1;
	return 0;
}

int
store_define_param(
    struct store *s, uint32_t number, uint32_t type, struct str name, struct error *err)
{
	uint32_t place = number - pack_param_count(s->names.pack);
	char *copy;

	if (place >= STORE_OWN_PARAMS || s->names.own[place].name.p)
		return error_set(err, ERROR_INVALID, "there is a search parameter of that number");
	if (number_of(s, STR("SELECT no FROM param WHERE code = ?1"),
		STR("INSERT INTO param (code) VALUES (?1)"), name, &s->names.param_no[number],
		err) < 0)
		return -1;
	copy = xmalloc(name.len + 1);
	memcpy(copy, name.p, name.len);
	s->names.own[place] = (struct sq_own_name){ type, str_of(copy, name.len) };
	return 0;
}

void
store_set_generation(
    struct store *s, uint64_t generation, store_extract_fn *extract, void *extract_ctx)
{
	s->generation = generation;
	s->extract = extract;
	s->extract_ctx = extract_ctx;
}

static int
load_names(struct store *s, const struct pack *pack, struct error *err)
{
	s->names.pack = pack;
	s->conn.names = &s->names;
	s->names.type_no = xcalloc(pack_type_count(pack) + 1, sizeof(uint32_t));
	s->names.param_no = xcalloc(pack_param_count(pack) + STORE_OWN_PARAMS, sizeof(uint32_t));
	s->names.own = xcalloc(STORE_OWN_PARAMS, sizeof(s->names.own[0]));
	if (sq_run(&s->conn, sqlite3_db_readonly(s->conn.db, "main") ? SQ_BEGIN_READ : SQ_BEGIN,
		"open the store", err) < 0)
		return -1;
	if (load_types(s, err) < 0 || load_params(s, err) < 0) {
		sq_run(&s->conn, SQ_ROLLBACK, "open the store", NULL);
		return -1;
	}
	return sq_run(&s->conn, SQ_COMMIT, "open the store", err);
}

static int
load_last(struct store *s, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(&s->conn, SQ_LAST_ROW, err);
	int rc = st ? sq_step(&s->conn, st, "read the store", err) : -1;

	if (rc > 0) {
		s->last_row = sqlite3_column_int64(st, 0);
		s->last_updated = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
	}
	if (rc < 0)
		return -1;
	/* The newest may have been removed for good. */
	st = sq_search(&s->conn, STR("SELECT row FROM work WHERE name = 'last'"), err);
	rc = st ? sq_step(&s->conn, st, "read the store", err) : -1;
	if (rc > 0) {
		if (sqlite3_column_int64(st, 0) > s->last_row)
			s->last_row = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc < 0 ? -1 : 0;
}

static int
set_pragmas(struct store *s, uint64_t max_bytes, struct error *err)
{
	static const char *const pragmas[] = {
		"PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=FULL",
		"PRAGMA cache_size=-65536",
		"PRAGMA temp_store=MEMORY",
		"PRAGMA wal_autocheckpoint=16384",
		"PRAGMA journal_size_limit=134217728",
	};
	char text[64];

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
		if (sq_exec(&s->conn, pragmas[i], "open the store", err) < 0)
			return -1;
	if (!max_bytes)
		return 0;
	snprintf(text, sizeof(text), "PRAGMA max_page_count=%llu",
	    (unsigned long long)(max_bytes / PAGE_BYTES + 1));
	return sq_exec(&s->conn, text, "open the store", err);
}

static int
open_file(struct store *s, const struct store_options *o, struct error *err)
{
	bool unclean = false;
	int known = sq_recognise(s->path, err);

	if (known < 0 || take_lock(s, &unclean, err) < 0)
		return -1;
	if (!known && create_file(s->path, err) < 0)
		return -1;
	if (sq_open(&s->conn, s->path, SQLITE_OPEN_READWRITE, o->busy_ms, err) < 0 ||
	    (known && unclean && check_whole(s, err) < 0) ||
	    set_pragmas(s, o->max_bytes, err) < 0 || mark_open(s, err) < 0 ||
	    sq_layout_upgrade(s, err) < 0 || load_names(s, o->pack, err) < 0 ||
	    load_last(s, err) < 0)
		return -1;
	return sq_layout_finish(s, o, err);
}

static void
store_drop(struct store *s, bool clean)
{
	sq_close(&s->conn);
	if (s->lock >= 0) {
		if (clean && ftruncate(s->lock, 0) < 0)
			log_event(LOG_WARN, "could not mark the store as closed", NULL);
		close(s->lock);
	}
	arena_release(&s->scratch);
	sq_pending_release(&s->pending);
	free(s->names.type_no);
	for (uint32_t i = 0; s->names.own && i < STORE_OWN_PARAMS; i++)
		free((char *)s->names.own[i].name.p);
	free(s->names.own);
	free(s->names.param_no);
	free(s->names.pack_type);
	free(s->path);
	free(s);
}

/* SQLite's count of its memory, which nobody reads, takes a lock each time. */
static void
configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static struct store *
store_new(const struct store_options *o)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct store *s = xcalloc(1, sizeof(*s));

	pthread_once(&once, configure_library);
	s->path = xstrdup(o->path);
	s->busy_ms = o->busy_ms;
	s->query_ms = o->query_ms;
	s->lock = -1;
	arena_init(&s->scratch, SCRATCH_BYTES, ARENA_WIPE);
	sq_pending_init(&s->pending);
	return s;
}

struct store *
store_open(const struct store_options *o, struct error *err)
{
	struct store *s = store_new(o);

	if (open_file(s, o, err) < 0) {
		store_drop(s, false);
		return NULL;
	}
	return s;
}

struct store *
store_open_beside(const struct store_options *o, struct error *err)
{
	struct store *s = store_new(o);
	int known = sq_recognise(s->path, err);

	if (known == 0)
		error_set(err, ERROR_MISSING, "there is no store %s", s->path);
	if (known <= 0 || sq_open(&s->conn, s->path, SQLITE_OPEN_READONLY, o->busy_ms, err) < 0 ||
	    sq_layout_check(s, err) < 0 || load_names(s, o->pack, err) < 0) {
		store_drop(s, false);
		return NULL;
	}
	return s;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	store_drop(s, true);
}

struct store_reader *
store_reader_open(struct store *s, struct error *err)
{
	struct store_reader *r = xcalloc(1, sizeof(*r));

	if (sq_open(&r->conn, s->path, SQLITE_OPEN_READONLY, s->busy_ms, err) < 0) {
		free(r);
		return NULL;
	}
	if (sq_exec(&r->conn, "PRAGMA cache_size=-16384", "open the store", err) < 0 ||
	    sq_exec(&r->conn, "PRAGMA temp_store=MEMORY", "open the store", err) < 0) {
		sq_close(&r->conn);
		free(r);
		return NULL;
	}
	r->conn.query_ms = s->query_ms;
	r->names = r->conn.names = &s->names;
	arena_init(&r->scratch, SCRATCH_BYTES, ARENA_WIPE);
	return r;
}

void
store_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	sq_close(&r->conn);
	arena_release(&r->scratch);
	free(r);
}
