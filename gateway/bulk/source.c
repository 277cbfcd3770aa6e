#include "gateway/bulk/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	BLOCK = 1 << 18,
	DOCUMENT_MOST = 1 << 30,
	LINE_MOST = 256 << 20,
	LINES_BYTES = 256 << 10, /* of lines, in one piece */
};

const char *const source_endings[] = { ".json", ".xml", ".ndjson", ".jsonl", ".json.gz", ".xml.gz",
	".ndjson.gz", ".jsonl.gz", ".json.bz2", ".xml.bz2", ".ndjson.bz2", ".jsonl.bz2", NULL };

struct source {
	char *const *paths;
	size_t count, at;
	uint64_t total, before; /* bytes of all files; of those that are done */
	struct archive *a;	/* the file that is open; NULL: none */
	bool lines, at_end;
	enum fhir_format format;
	uint64_t line;
	struct buf rest; /* read, and not yet in a piece */
};

struct source *
source_new(char *const *paths, size_t count)
{
	struct source *s = xcalloc(1, sizeof(*s));
	struct stat st;

	s->paths = paths;
	s->count = count;
	buf_init(&s->rest, LINE_MOST);
	s->rest.wipe = true;
	for (size_t i = 0; i < count; i++)
		if (stat(paths[i], &st) == 0)
			s->total += (uint64_t)st.st_size;
	return s;
}

static void
close_file(struct source *s)
{
	struct stat st;

	archive_read_free(s->a);
	s->a = NULL;
	buf_clear(&s->rest);
	if (stat(s->paths[s->at], &st) == 0)
		s->before += (uint64_t)st.st_size;
	s->at++;
}

void
source_free(struct source *s)
{
	if (!s)
		return;
	if (s->a)
		archive_read_free(s->a);
	buf_release(&s->rest);
	free(s);
}

uint64_t
source_bytes(const struct source *s)
{
	return s->total;
}

/* The name without the ending of its compression. */
static struct str
plain_name(struct str name)
{
	if (str_ends(name, STR(".gz")))
		name.len -= 3;
	else if (str_ends(name, STR(".bz2")))
		name.len -= 4;
	return name;
}

static int
archive_error(struct source *s, const char *path, struct error *err)
{
	const char *why = archive_error_string(s->a);

	return error_set(err, ERROR_MISSING, "could not read %s: %s", path,
	    why ? why : "it is no gzip or bzip2 file");
}

static int
open_file(struct source *s, struct error *err)
{
	const char *path = s->paths[s->at];
	bool input = strcmp(path, "-") == 0;
	struct str name = plain_name(str_from(path));
	struct archive_entry *e;
	int code;

	s->lines = input || str_ends(name, STR(".ndjson")) || str_ends(name, STR(".jsonl"));
	s->format = str_ends(name, STR(".xml")) ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
	s->line = 1;
	s->at_end = false;
	s->a = archive_read_new();
	archive_read_support_filter_gzip(s->a);
	archive_read_support_filter_bzip2(s->a);
	archive_read_support_format_raw(s->a);
	archive_read_support_format_empty(s->a);
	code = input ? archive_read_open_fd(s->a, STDIN_FILENO, BLOCK)
		     : archive_read_open_filename(s->a, path, BLOCK);
	if (code == ARCHIVE_OK)
		code = archive_read_next_header(s->a, &e);
	if (code == ARCHIVE_EOF)
		s->at_end = true;
	return code == ARCHIVE_OK || code == ARCHIVE_EOF ? 0 : archive_error(s, path, err);
}

/* More bytes into b. 1, 0 at the end, or -1. */
static int
read_more(struct source *s, struct buf *b, struct error *err)
{
	ssize_t n;

	if (s->at_end)
		return 0;
	if (!buf_reserve(b, BLOCK))
		return error_set(err, ERROR_MISSING, "%s: %s is longer than %u MiB",
		    s->paths[s->at], s->lines ? "a line" : "the document",
		    (unsigned)(b->limit >> 20));
	n = archive_read_data(s->a, b->p + b->len, BLOCK);
	if (n < 0)
		return archive_error(s, s->paths[s->at], err);
	s->at_end = n == 0;
	b->len += (size_t)n;
	return n > 0;
}

static int
read_document(struct source *s, struct source_piece *p, struct error *err)
{
	int rc;

	p->text.limit = DOCUMENT_MOST;
	while ((rc = read_more(s, &p->text, err)) > 0)
		;
	return rc < 0 ? -1 : 1;
}

/* Where the last whole line among the bytes ends; 0: none does. */
static size_t
whole_lines(struct str bytes)
{
	for (size_t n = bytes.len; n > 0; n--)
		if (bytes.p[n - 1] == '\n')
			return n;
	return 0;
}

static uint64_t
count_lines(struct str bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < bytes.len; i++)
		n += bytes.p[i] == '\n';
	return n;
}

static int
read_lines(struct source *s, struct source_piece *p, struct error *err)
{
	size_t len = 0;
	int rc = 1;

	while (rc > 0 && (s->rest.len < LINES_BYTES || !len)) {
		size_t had = s->rest.len;

		if (had < LINES_BYTES || !(len = whole_lines(buf_str(&s->rest))))
			rc = read_more(s, &s->rest, err);
	}
	if (rc < 0)
		return -1;
	len = s->at_end ? s->rest.len : whole_lines(buf_str(&s->rest));
	if (len == 0)
		return 0;
	buf_put(&p->text, s->rest.p, len);
	p->line = s->line;
	s->line += count_lines(buf_str(&p->text));
	memmove(s->rest.p, s->rest.p + len, s->rest.len - len);
	s->rest.len -= len;
	return 1;
}

static uint64_t
bytes_read(const struct source *s)
{
	int64_t n = s->a ? archive_filter_bytes(s->a, -1) : 0;

	return s->before + (n > 0 ? (uint64_t)n : 0);
}

/* The piece of the file that is open: 1, 0 when it has no more, or -1. */
static int
next_of_file(struct source *s, struct source_piece *p, struct error *err)
{
	bool first = s->line == 1;
	int rc = s->lines ? read_lines(s, p, err) : read_document(s, p, err);

	p->read = bytes_read(s);
	if (rc == 0 && first)
		return error_set(err, ERROR_MISSING, "%s is empty", p->file);
	return rc;
}

int
source_next(struct source *s, struct source_piece *p, struct error *err)
{
	while (s->at < s->count) {
		bool fresh = !s->a;
		int rc;

		p->file = strcmp(s->paths[s->at], "-") == 0 ? "standard input" : s->paths[s->at];
		p->line = 1;
		buf_clear(&p->text);
		rc = fresh ? open_file(s, err) : 0;
		p->lines = s->lines;
		p->format = s->format;
		p->text.limit = LINE_MOST + BLOCK;
		if (rc == 0 && (fresh || s->lines))
			rc = next_of_file(s, p, err);
		if (rc < 0 || rc == 0 || !s->lines)
			close_file(s);
		if (rc != 0)
			return rc;
	}
	return 0;
}
