#include "gateway/audit/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "gateway/audit/segment.h"

/* What is known of the trail while it is read. */
struct reading {
	const struct trail_reader *reader;
	struct trail_state *state;
	struct checkpoint checkpoint;
	bool has_checkpoint, checkpoint_met;
	char trail[TRAIL_ID_TEXT]; /* empty before the first header */
	char name[SEGMENT_NAME_TEXT];
	uint64_t segment, line;
	bool newest; /* the last segment of the folder */
	bool gap;    /* the segment before this one is missing, told */
	bool stopped;
	uint8_t hash[SHA256_BYTES];	 /* that the next line must follow */
	uint8_t otherwise[SHA256_BYTES]; /* or this one, when has_otherwise: the
					  * line before was damaged, and it is
					  * not known in which part */
	bool has_otherwise;
};

static void tell(struct reading *r, uint64_t line, uint64_t sequence, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
tell(struct reading *r, uint64_t line, uint64_t sequence, const char *fmt, ...)
{
	char text[256];
	struct trail_problem p = { r->name, line, sequence, text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->state->problems++;
	if (r->reader->problem)
		r->reader->problem(r->reader->ctx, &p);
}

static void
meet_expected(struct reading *r, uint64_t sequence)
{
	struct trail_state *s = r->state;

	if (s->expect_sequence && sequence == s->expect_sequence)
		s->expect_found = memcmp(s->expect_hash, r->hash, SHA256_BYTES) == 0;
}

/* The line that was just read may be the one the checkpoint names. */
static void
meet_checkpoint(struct reading *r)
{
	if (r->has_checkpoint && r->segment == r->checkpoint.segment &&
	    memcmp(r->checkpoint.head, r->hash, SHA256_BYTES) == 0)
		r->checkpoint_met = true;
}

static void
read_header(struct reading *r, struct str line)
{
	struct segment_header h;
	uint8_t computed[SHA256_BYTES];
	bool first = r->trail[0] == '\0';

	r->has_otherwise = false;
	if (!line_get_header(line, &h) || !line_follows(line, h.previous, computed)) {
		tell(r, 1, 0, "the segment's header has been changed");
		if (line_stated_hash(line, computed))
			memcpy(r->hash, computed, SHA256_BYTES);
		return;
	}
	if (h.segment != r->segment)
		tell(r, 1, 0, "this is segment %" PRIu64 " under another's name", h.segment);
	if (!first && strcmp(h.trail, r->trail) != 0)
		tell(r, 1, 0, "this segment is of another trail");
	else if (!r->gap &&
		 (memcmp(h.previous, r->hash, SHA256_BYTES) != 0 || h.after != r->state->sequence))
		tell(r, 1, 0,
		    "the segment follows entry %" PRIu64 ", and the one before it ends at entry "
		    "%" PRIu64 " or was changed there",
		    h.after, r->state->sequence);
	memcpy(r->trail, h.trail, TRAIL_ID_TEXT);
	memcpy(r->hash, computed, SHA256_BYTES);
	r->state->sequence = h.after;
	meet_checkpoint(r);
}

/* Whether the line follows one of the hashes that may be before it. */
static bool
follows(struct reading *r, struct str line, uint8_t computed[SHA256_BYTES])
{
	bool good = line_follows(line, r->hash, computed);

	if (!good && r->has_otherwise)
		good = line_follows(line, r->otherwise, computed);
	return good;
}

/* Say what is wrong with a line that does not follow, and find where to go
 * on. */
static void
read_broken(struct reading *r, struct str line, const uint8_t computed[SHA256_BYTES])
{
	uint64_t expected = r->state->sequence + 1, sequence = line_sequence(line);
	uint8_t stated[SHA256_BYTES];

	if (!line_stated_hash(line, stated) || sequence == 0) {
		tell(r, r->line, expected, "entry %" PRIu64 " has been changed: this is no entry",
		    expected);
		r->state->sequence++;
		return;
	}
	if (sequence < expected) {
		tell(r, r->line, sequence,
		    "entry %" PRIu64 " stands here again or out of order (%" PRIu64 " was to come)",
		    sequence, expected);
		return;
	}
	if (sequence > expected)
		tell(r, r->line, expected,
		    "entries are missing before this one: %" PRIu64 " to %" PRIu64, expected,
		    sequence - 1);
	else
		tell(r, r->line, sequence,
		    "entry %" PRIu64 " has been changed, or what stood before it", sequence);
	memcpy(r->hash, stated, SHA256_BYTES);
	memcpy(r->otherwise, computed, SHA256_BYTES);
	r->has_otherwise = true;
	r->state->sequence = sequence;
}

static bool
read_entry(struct reading *r, struct str line)
{
	uint8_t computed[SHA256_BYTES] = { 0 };
	bool good = follows(r, line, computed);
	uint64_t sequence = line_sequence(line);

	if (!good || sequence != r->state->sequence + 1) {
		read_broken(r, line, computed);
		return true;
	}
	memcpy(r->hash, computed, SHA256_BYTES);
	r->has_otherwise = false;
	r->state->sequence = sequence;
	r->state->entries++;
	memcpy(r->state->hash, computed, SHA256_BYTES);
	meet_checkpoint(r);
	meet_expected(r, sequence);
	return !r->reader->entry || r->reader->entry(r->reader->ctx, sequence, line);
}

static bool
read_line(void *ctx, struct str line, uint64_t offset, bool whole)
{
	struct reading *r = ctx;

	(void)offset;
	r->line++;
	if (!whole) {
		if (r->newest)
			r->state->incomplete = true;
		else
			tell(r, r->line, r->state->sequence + 1,
			    "the segment ends in an incomplete line");
		return true;
	}
	if (r->line == 1) {
		read_header(r, line);
		return true;
	}
	r->stopped = !read_entry(r, line);
	return !r->stopped;
}

static int
read_segment(struct reading *r, int folder, uint64_t number, struct error *err)
{
	uint64_t expected = r->segment + 1;

	r->gap = number > expected;
	if (r->gap) {
		segment_name(expected, r->name);
		if (number == expected + 1)
			tell(r, 0, 0, "the segment is missing");
		else
			tell(r, 0, 0, "the segment and those up to %" PRIu64 " are missing",
			    number - 1);
	}
	r->segment = number;
	r->line = 0;
	segment_name(number, r->name);
	if (segment_each_line(folder, r->name, read_line, r, err) < 0)
		return -1;
	if (r->line == 0 && r->newest)
		r->state->incomplete = true;
	else if (r->line == 0)
		tell(r, 0, 0, "the segment is empty");
	r->state->segments++;
	return 0;
}

/* What the checkpoint says must be there: it is written after the entries. */
static void
compare_checkpoint(struct reading *r)
{
	const struct checkpoint *c = &r->checkpoint;

	if (!r->has_checkpoint || r->checkpoint_met || c->segment == 0)
		return;
	if (r->state->sequence < c->sequence)
		tell(r, r->line, r->state->sequence + 1,
		    "the trail ends at entry %" PRIu64 ", and entries up to %" PRIu64
		    " were written: they are missing",
		    r->state->sequence, c->sequence);
	else if (r->state->problems == 0)
		tell(r, 0, c->sequence,
		    "entry %" PRIu64 " is not the one that the checkpoint names", c->sequence);
}

static int
read_checkpoint(struct reading *r, int folder, struct error *err)
{
	int found = checkpoint_read(folder, &r->checkpoint, err);

	r->has_checkpoint = found > 0;
	if (found < 0 && err->kind != ERROR_INVALID)
		return -1;
	snprintf(r->name, sizeof(r->name), "%s", CHECKPOINT_NAME);
	if (found < 0)
		tell(r, 1, 0, "the checkpoint has been changed");
	return 0;
}

static int
read_segments(struct reading *r, int folder, struct error *err)
{
	uint64_t *numbers = NULL;
	int64_t count;
	int rc = 0;

	if (read_checkpoint(r, folder, err) < 0)
		return -1;
	count = segment_list(folder, &numbers, err);
	if (count < 0)
		return -1;
	if (count == 0 && !r->has_checkpoint && !r->state->problems) {
		free(numbers);
		return error_set(err, ERROR_MISSING, "there is no audit trail in this folder");
	}
	if (!r->has_checkpoint && !r->state->problems)
		tell(r, 0, 0, "the checkpoint is missing");
	for (int64_t i = 0; i < count && rc == 0 && !r->stopped; i++) {
		r->newest = i == count - 1;
		rc = read_segment(r, folder, numbers[i], err);
	}
	free(numbers);
	if (rc == 0 && !r->stopped)
		compare_checkpoint(r);
	return rc;
}

int
trail_read(const char *folder, const struct trail_reader *reader, struct trail_state *state,
    struct error *err)
{
	struct reading r = { .reader = reader, .state = state };
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return error_set_errno(err, errno == ENOENT ? ERROR_MISSING : ERROR_IO,
		    "could not open the audit folder %s", folder);
	rc = read_segments(&r, fd, err);
	close(fd);
	return rc;
}
