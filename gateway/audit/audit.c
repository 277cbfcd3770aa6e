#include "gateway/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/audit/segment.h"

enum {
	BATCH_BYTES_MOST = 256 << 20,
	BATCH_BYTES_KEPT = 1 << 20,
	SEGMENT_LEAST = 4096,
};

struct audit {
	char *name; /* of the folder */
	uint64_t segment_size;
	int folder, lock, segment_fd, checkpoint_fd;
	uint64_t segment;		  /* number of the newest segment */
	uint64_t size;			  /* of its good lines: where the next one goes */
	uint64_t first;			  /* size behind its header */
	uint64_t sequence;		  /* of the newest entry */
	uint8_t hash[SHA256_BYTES];	  /* of the newest line */
	uint8_t entry_hash[SHA256_BYTES]; /* of the newest entry */
	char trail[TRAIL_ID_TEXT];
	bool broken; /* a sync failed: what is on the disk is not known */
	struct buf lines;
};

const char *
audit_outcome_name(enum audit_outcome o)
{
	static const char *const names[] = {
		[AUDIT_ALLOWED] = "allowed",
		[AUDIT_REFUSED] = "refused",
		[AUDIT_FAILED] = "failed",
	};

	return names[o];
}

static int
write_at(int fd, struct str data, uint64_t offset)
{
	while (data.len) {
		ssize_t n = pwrite(fd, data.p, data.len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data = str_from_index(data, (size_t)n);
		offset += (uint64_t)n;
	}
	return 0;
}

/* Written after the entries it names are on disk, and not synced: it may be
 * older than the trail, never newer. */
static int
write_checkpoint(struct audit *a)
{
	struct checkpoint c = { .segment = a->segment, .sequence = a->sequence };
	struct buf b;
	int rc;

	memcpy(c.head, a->hash, SHA256_BYTES);
	buf_init(&b, 2 * (size_t)CHECKPOINT_BYTES);
	line_put_checkpoint(&b, &c);
	rc = write_at(a->checkpoint_fd, buf_str(&b), 0);
	buf_release(&b);
	return rc;
}

static int
sync_folder(struct audit *a, struct error *err)
{
	if (fsync(a->folder) < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not sync the audit folder %s", a->name);
	return 0;
}

static void
log_head(const struct audit *a, const char *event)
{
	char hex[2 * SHA256_BYTES + 1];

	hex_encode(a->entry_hash, SHA256_BYTES, hex);
	log_event(LOG_INFO, event, "segment=%" PRIu64 "\tsequence=%" PRIu64 "\thash=%s", a->segment,
	    a->sequence, hex);
}

/* A segment that could not be begun leaves no file, and the old one open. */
static int
give_up_segment(int fd, struct audit *a, const char *name, struct error *err)
{
	error_set_errno(err, ERROR_IO, "could not write segment %s of the audit trail", name);
	if (fd >= 0) {
		close(fd);
		unlinkat(a->folder, name, 0);
	}
	return -1;
}

static int
begin_segment(struct audit *a, struct error *err)
{
	struct segment_header h = { .segment = a->segment + 1, .after = a->sequence };
	uint8_t hash[SHA256_BYTES];
	char name[SEGMENT_NAME_TEXT];
	struct buf line;
	uint64_t size;
	int fd, rc;

	memcpy(h.previous, a->hash, SHA256_BYTES);
	memcpy(h.trail, a->trail, TRAIL_ID_TEXT);
	segment_name(h.segment, name);
	fd = openat(a->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return give_up_segment(fd, a, name, err);
	buf_init(&line, 4096);
	line_put_header(&line, &h, hash);
	size = line.len;
	rc = write_at(fd, buf_str(&line), 0);
	buf_release(&line);
	if (rc < 0 || fsync(fd) < 0)
		return give_up_segment(fd, a, name, err);
	if (sync_folder(a, err) < 0) {
		give_up_segment(fd, a, name, err);
		return -1;
	}
	if (a->segment_fd >= 0)
		close(a->segment_fd);
	a->segment_fd = fd;
	a->segment = h.segment;
	a->size = a->first = size;
	memcpy(a->hash, hash, SHA256_BYTES);
	if (write_checkpoint(a) < 0)
		log_event(LOG_WARN, "audit checkpoint not written", "reason=%s", strerror(errno));
	return 0;
}

/* Take back what a failed write may have left behind the good lines. */
static int
undo_write(struct audit *a, struct error *err)
{
	error_set_errno(err, ERROR_IO, "could not write the audit trail in %s", a->name);
	if (ftruncate(a->segment_fd, (off_t)a->size) < 0)
		a->broken = true;
	return -1;
}

static int
append_lines(struct audit *a, struct error *err)
{
	if (write_at(a->segment_fd, buf_str(&a->lines), a->size) < 0)
		return undo_write(a, err);
	if (fdatasync(a->segment_fd) < 0) {
		/* The kernel may have dropped the pages: trying again would
		 * succeed without writing anything. */
		a->broken = true;
		return error_set_errno(err, ERROR_IO,
		    "could not sync the audit trail in %s; firedoor must be started anew", a->name);
	}
	a->size += a->lines.len;
	return 0;
}

int
audit_write_batch(struct audit *a, struct audit_entry **entries, size_t count, struct error *err)
{
	uint8_t hash[SHA256_BYTES];
	int rc;

	if (a->broken)
		return error_set(err, ERROR_IO,
		    "cannot write the audit trail in %s after a failed sync; firedoor must be "
		    "started anew",
		    a->name);
	if (count == 0)
		return 0;
	if (a->size >= a->segment_size && a->size > a->first) {
		if (begin_segment(a, err) < 0)
			return -1;
		log_head(a, "audit segment begun");
	}
	memcpy(hash, a->hash, SHA256_BYTES);
	for (size_t i = 0; i < count; i++) {
		entries[i]->sequence = a->sequence + i + 1;
		line_put_entry(&a->lines, entries[i], hash);
	}
	rc = a->lines.full
		 ? error_set(err, ERROR_LIMIT,
		       "the audit entries of a batch are longer than %d bytes", BATCH_BYTES_MOST)
		 : append_lines(a, err);
	if (a->lines.cap > BATCH_BYTES_KEPT)
		buf_release(&a->lines);
	buf_clear(&a->lines);
	if (rc < 0)
		return -1;
	a->sequence += count;
	memcpy(a->hash, hash, SHA256_BYTES);
	memcpy(a->entry_hash, hash, SHA256_BYTES);
	if (write_checkpoint(a) < 0)
		log_event(LOG_WARN, "audit checkpoint not written", "reason=%s", strerror(errno));
	return 0;
}

uint64_t
audit_head(const struct audit *a, uint8_t hash[SHA256_BYTES])
{
	memcpy(hash, a->entry_hash, SHA256_BYTES);
	return a->sequence;
}

/* What reading the newest segment at the start has found. */
struct opening {
	struct audit *a;
	const struct checkpoint *checkpoint;
	uint64_t lines;
	bool bad;  /* a line that is not of the chain: nothing after it
			   * was read */
	bool nul;  /* it has NUL bytes: pages that never were written */
	bool torn; /* the last line has no end */
	bool met;  /* the checkpoint's line was seen */
};

static bool
open_header(struct opening *o, struct str line)
{
	struct segment_header h;
	uint8_t hash[SHA256_BYTES];

	if (!line_get_header(line, &h) || !line_follows(line, h.previous, hash) ||
	    h.segment != o->a->segment)
		return false;
	o->a->sequence = h.after;
	memcpy(o->a->trail, h.trail, TRAIL_ID_TEXT);
	memcpy(o->a->hash, hash, SHA256_BYTES);
	memcpy(o->a->entry_hash, h.previous, SHA256_BYTES);
	return true;
}

static bool
open_entry(struct opening *o, struct str line)
{
	uint8_t hash[SHA256_BYTES];

	if (!line_follows(line, o->a->hash, hash) || line_sequence(line) != o->a->sequence + 1)
		return false;
	o->a->sequence++;
	memcpy(o->a->hash, hash, SHA256_BYTES);
	memcpy(o->a->entry_hash, hash, SHA256_BYTES);
	return true;
}

static bool
open_line(void *ctx, struct str line, uint64_t offset, bool whole)
{
	struct opening *o = ctx;

	o->lines++;
	o->torn = !whole;
	if (!whole)
		return false;
	o->bad = !(o->lines == 1 ? open_header(o, line) : open_entry(o, line));
	if (o->bad) {
		o->nul = memchr(line.p, '\0', line.len) != NULL;
		return false;
	}
	o->a->size = offset + line.len + 1;
	if (o->lines == 1)
		o->a->first = o->a->size;
	if (o->a->segment == o->checkpoint->segment &&
	    memcmp(o->a->hash, o->checkpoint->head, SHA256_BYTES) == 0)
		o->met = true;
	return true;
}

static int
refuse(struct audit *a, struct error *err, const char *what)
{
	return error_set(err, ERROR_INVALID,
	    "the audit trail in %s is not whole: %s; 'firedoor audit verify %s' tells more. Keep "
	    "the folder for whoever has to look into it, and name another in the configuration",
	    a->name, what, a->name);
}

/* Put into the trail itself that its end was cut. */
static int
note_cut(struct audit *a, uint64_t bytes, struct error *err)
{
	char cut[32];
	struct audit_entry e = {
		.protocol = STR("internal"),
		.interaction = STR("repair"),
		.outcome = AUDIT_FAILED,
		.rule = STR("incomplete-end-cut"),
	};

	snprintf(cut, sizeof(cut), "%" PRIu64 " bytes", bytes);
	e.status = str_from(cut);
	log_event(LOG_WARN, "audit trail repaired",
	    "segment=%" PRIu64 "\tafter=%" PRIu64 "\tcut=%" PRIu64, a->segment, a->sequence, bytes);
	return audit_write_batch(a, (struct audit_entry *[]){ &e }, 1, err);
}

/* What stands behind the last good line was never acknowledged: the
 * checkpoint's line lies before it, and it is torn or was never written. */
static int
cut_end(struct audit *a, uint64_t size, struct error *err)
{
	if (ftruncate(a->segment_fd, (off_t)a->size) < 0 || fdatasync(a->segment_fd) < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not cut the incomplete end of the audit trail");
	return note_cut(a, size - a->size, err);
}

static int
open_newest(struct audit *a, const struct checkpoint *c, struct error *err)
{
	struct opening o = { .a = a, .checkpoint = c };
	char name[SEGMENT_NAME_TEXT], text[160];
	struct stat st;

	segment_name(a->segment, name);
	a->size = 0;
	if (segment_each_line(a->folder, name, open_line, &o, err) < 0)
		return -1;
	if (a->segment < c->segment || (a->segment == c->segment && !o.met)) {
		snprintf(text, sizeof(text),
		    "entries up to %" PRIu64 " were written, and it is good up to %" PRIu64,
		    c->sequence, a->sequence);
		return refuse(a, err, text);
	}
	if (a->size == 0 && (o.torn || o.lines == 0))
		return 1; /* it was being begun */
	if (o.bad && !(o.nul && o.lines > 1)) {
		snprintf(text, sizeof(text), "line %" PRIu64 " of segment %s has been changed",
		    o.lines, name);
		return refuse(a, err, text);
	}
	a->segment_fd = openat(a->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (a->segment_fd < 0 || fstat(a->segment_fd, &st) < 0)
		return error_set_errno(err, ERROR_IO, "could not open segment %s", name);
	return (uint64_t)st.st_size > a->size ? cut_end(a, (uint64_t)st.st_size, err) : 0;
}

/* A trail of no segments: the first. */
static int
open_new(struct audit *a, struct error *err)
{
	a->segment = a->sequence = 0;
	memset(a->hash, 0, SHA256_BYTES);
	memset(a->entry_hash, 0, SHA256_BYTES);
	uuid_make(a->trail);
	return begin_segment(a, err);
}

static int
open_segments(struct audit *a, const uint64_t *numbers, int64_t count, const struct checkpoint *c,
    struct error *err)
{
	char name[SEGMENT_NAME_TEXT];
	int rc;

	for (; count > 0; count--) {
		a->segment = numbers[count - 1];
		rc = open_newest(a, c, err);
		if (rc <= 0)
			return rc;
		segment_name(a->segment, name);
		log_event(LOG_WARN, "audit segment without a header removed", "segment=%s", name);
		if (unlinkat(a->folder, name, 0) < 0)
			return error_set_errno(err, ERROR_IO, "could not remove %s", name);
	}
	if (c->segment)
		return refuse(a, err, "its segments are missing");
	return open_new(a, err);
}

/* Before the first segment there is a checkpoint, so that segments without
 * one tell that it was taken away. */
static int
make_checkpoint(struct audit *a, struct error *err)
{
	struct checkpoint none = { 0 };
	char *path = xcalloc(1, strlen(a->name) + sizeof("/" CHECKPOINT_NAME));
	struct buf b;
	int rc;

	memcpy(path, a->name, strlen(a->name));
	memcpy(path + strlen(a->name), "/" CHECKPOINT_NAME, sizeof("/" CHECKPOINT_NAME));
	buf_init(&b, 2 * (size_t)CHECKPOINT_BYTES);
	line_put_checkpoint(&b, &none);
	rc = file_replace(path, buf_str(&b), 0600, err);
	buf_release(&b);
	free(path);
	return rc;
}

static int
open_checkpoint(struct audit *a, struct error *err)
{
	a->checkpoint_fd = openat(a->folder, CHECKPOINT_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (a->checkpoint_fd < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not open the audit trail's checkpoint");
	return 0;
}

static int
open_trail(struct audit *a, struct error *err)
{
	struct checkpoint c = { 0 };
	uint64_t *numbers = NULL;
	int found = checkpoint_read(a->folder, &c, err), rc;
	int64_t count;

	if (found < 0)
		return err->kind == ERROR_INVALID ? refuse(a, err, "its checkpoint was changed")
						  : -1;
	count = segment_list(a->folder, &numbers, err);
	if (count < 0)
		return -1;
	if (count > 0 && !found)
		rc = refuse(a, err, "its checkpoint is missing");
	else
		rc = found ? 0 : make_checkpoint(a, err);
	if (rc == 0)
		rc = open_checkpoint(a, err);
	if (rc == 0)
		rc = open_segments(a, numbers, count, &c, err);
	free(numbers);
	return rc;
}

static int
lock_folder(struct audit *a, struct error *err)
{
	a->lock = openat(a->folder, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->lock < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not open the lock of the audit folder %s", a->name);
	if (flock(a->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(err, ERROR_CONFLICT,
		    "the audit folder %s is written by another process; each gateway needs its "
		    "own",
		    a->name);
	return error_set_errno(err, ERROR_IO, "could not lock the audit folder %s", a->name);
}

static int
open_folder(struct audit *a, struct error *err)
{
	bool made = mkdir(a->name, 0700) == 0;

	if (!made && errno != EEXIST)
		return error_set_errno(
		    err, ERROR_IO, "could not make the audit folder %s", a->name);
	if (made && file_sync_folder(a->name, err) < 0)
		return -1;
	a->folder = open(a->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->folder < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not open the audit folder %s", a->name);
	return 0;
}

struct audit *
audit_open(const struct audit_options *o, struct error *err)
{
	struct audit *a = xcalloc(1, sizeof(*a));

	a->name = xstrdup(o->folder);
	a->segment_size = o->segment_size < SEGMENT_LEAST ? SEGMENT_LEAST : o->segment_size;
	a->folder = a->lock = a->segment_fd = a->checkpoint_fd = -1;
	buf_init(&a->lines, BATCH_BYTES_MOST);
	if (open_folder(a, err) < 0 || lock_folder(a, err) < 0 || open_trail(a, err) < 0) {
		audit_close(a);
		return NULL;
	}
	log_head(a, "audit trail open");
	return a;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
audit_close(struct audit *a)
{
	if (!a)
		return;
	if (a->checkpoint_fd >= 0)
		fsync(a->checkpoint_fd);
	close_fd(a->checkpoint_fd);
	close_fd(a->segment_fd);
	close_fd(a->folder);
	close_fd(a->lock); /* last: lets the next one in */
	buf_release(&a->lines);
	free(a->name);
	free(a);
}
