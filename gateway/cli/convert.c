#include "gateway/cli/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_format.h"
#include "mappers/fhir/ndjson.h"
#include "mappers/hl7v2/er7_batch.h"
#include "mappers/hl7v2/v2xml.h"

enum {
	INPUT_MOST = 1 << 30,
	LINE_MOST = 256 << 20,
	FINDINGS_MOST = 1000,
	PIECE = 1 << 18,
};

enum convert_format
convert_format_of(const char *name)
{
	static const char *const names[] = {
		[CONVERT_JSON] = "json",
		[CONVERT_XML] = "xml",
		[CONVERT_NDJSON] = "ndjson",
		[CONVERT_HL7V2] = "hl7v2",
	};

	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum convert_format)i;
	return CONVERT_NONE;
}

const char *const *
convert_endings(enum convert_format f)
{
	static const char *const endings[][4] = {
		[CONVERT_NONE] = { NULL },
		[CONVERT_JSON] = { ".json", NULL },
		[CONVERT_XML] = { ".xml", NULL },
		[CONVERT_NDJSON] = { ".ndjson", ".jsonl", NULL },
		[CONVERT_HL7V2] = { ".hl7", ".er7", ".txt", NULL },
	};

	return endings[f];
}

static void
print_findings(struct convert *c, uint64_t first, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next) {
		fprintf(stderr, "%s:", c->file);
		if (x->line)
			fprintf(stderr, "%llu:%u:", (unsigned long long)(x->line + first - 1),
			    x->column ? x->column : 1);
		fprintf(stderr, " %s: ", severity_name(x->severity));
		if (x->path.len)
			fprintf(stderr, "%.*s: ", STR_ARG(x->path));
		fprintf(stderr, "%.*s\n", STR_ARG(x->text));
	}
	if (f->more)
		fprintf(stderr, "%s: there is more; %u findings are shown\n", c->file, f->count);
	c->found_errors |= f->errors > 0;
}

static void
print_coverage(const char *file, uint64_t first, const struct coverage *v)
{
	static const char *const kinds[] = { "unmapped", "mapped", "dropped" };

	for (uint32_t i = 0; i < v->populated && v->items; i++) {
		const struct coverage_item *x = &v->items[i];

		fprintf(stderr, "%s:%llu:%u: %s: %.*s", file,
		    (unsigned long long)(x->line + first - 1), x->column, kinds[x->kind],
		    STR_ARG(x->place));
		if (x->kind == COVERAGE_MAPPED)
			fprintf(stderr, ": %.*s -> %.*s", STR_ARG(x->rule), STR_ARG(x->target));
		else if (x->kind == COVERAGE_DROPPED)
			fprintf(stderr, ": %.*s: %.*s", STR_ARG(x->rule), STR_ARG(x->reason));
		fputc('\n', stderr);
	}
	fprintf(stderr, "%s: %u components: %u mapped, %u dropped, %u unmapped\n", file,
	    v->populated, v->mapped, v->dropped, v->unmapped);
}

/* Where the next resource goes. */
static int
open_output(struct convert *c, struct error *err)
{
	const char *ending = convert_endings(c->to)[0];
	char path[PATH_MAX];
	int n, fd;

	if (!c->output)
		return STDOUT_FILENO;
	if (c->fd >= 0)
		return c->fd;
	n = c->outputs && c->to != CONVERT_NDJSON
		? snprintf(path, sizeof(path), "%s-%u%s", c->output, c->outputs + 1, ending)
		: snprintf(path, sizeof(path), "%s%s", c->output, ending);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		error_set(err, ERROR_IO, "a path is too long: %s", c->output);
		return -1;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		error_set_errno(err, ERROR_IO, "could not write %s", path);
	if (c->to == CONVERT_NDJSON)
		c->fd = fd;
	return fd;
}

/* Where a stream goes. */
struct target {
	int fd;
	struct error *err;
};

/* A buf_sink_fn. */
static int
write_piece(void *ctx, struct str piece)
{
	struct target *t = ctx;

	return write_all(t->fd, piece, t->err);
}

/* Piece by piece: the text may be longer than memory should hold. */
static int
write_to(struct convert *c, const struct record *r, int fd, struct error *err)
{
	enum fhir_format format = c->to == CONVERT_XML ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
	struct target t = { fd, err };
	struct buf out;
	int rc;

	error_set(err, ERROR_IO, "%s: a value is too long to be written", c->file);
	buf_init_stream(&out, PIECE, INPUT_MOST, write_piece, &t);
	out.wipe = true;
	fhir_write(format, c->pretty && c->to != CONVERT_NDJSON, r, c->pack, 0, &out);
	if (out.len && out.p[out.len - 1] != '\n')
		buf_put_byte(&out, '\n');
	rc = buf_flush(&out);
	buf_release(&out);
	return rc;
}

static int
write_record(struct convert *c, const struct record *r, struct error *err)
{
	int fd = open_output(c, err), rc;

	if (fd < 0)
		return -1;
	rc = write_to(c, r, fd, err);
	if (fd != STDOUT_FILENO && fd != c->fd && close(fd) != 0 && rc == 0)
		rc = error_set_errno(err, ERROR_IO, "could not write %s", c->output);
	c->outputs += rc == 0;
	c->resources += rc == 0;
	return rc;
}

static const struct record *
read_hl7v2(struct convert *c, struct str text, uint64_t line, struct arena *a, struct findings *f)
{
	struct er7_message m;
	const struct record *r;
	struct coverage v;

	if (er7_read(text, &c->er7, a, &m, f) != 0)
		return NULL;
	if (map_convert(c->set, &m, &c->options, a, &c->builder, &r, &v, f) != 0)
		return NULL;
	if (c->coverage)
		print_coverage(c->file, line, &v);
	return r;
}

/* A resource that was read with errors is not whole: it is not written. */
static const struct record *
read_fhir(struct convert *c, struct str text, struct arena *a, struct findings *f)
{
	const struct fhir_read_options options = { .lenient = c->lenient, .type = PACK_NONE };
	enum fhir_format format = c->from == CONVERT_XML ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
	const struct record *r = fhir_read(format, text, &options, &c->builder, a, f);

	return f->errors ? NULL : r;
}

/* One message or resource, which starts at that line. */
static int
convert_one(struct convert *c, struct str text, uint64_t line, struct error *err)
{
	const struct record *r;
	struct findings f;
	struct arena a;
	int rc = 0;

	arena_init(&a, (size_t)16 << 30, ARENA_WIPE);
	findings_init(&f, &a, FINDINGS_MOST);
	if (c->from == CONVERT_HL7V2)
		r = read_hl7v2(c, text, line, &a, &f);
	else
		r = read_fhir(c, text, &a, &f);
	print_findings(c, line, &f);
	if (r)
		rc = write_record(c, r, err);
	arena_release(&a);
	return rc;
}

static int
convert_text(struct convert *c, struct str text, struct error *err)
{
	struct er7_cutter cutter = { .text = text };
	struct str message;
	uint32_t line, count = 0;

	while (er7_cut(&cutter, &message, &line)) {
		count++;
		if (convert_one(c, message, line, err) != 0)
			return -1;
	}
	/* Not one MSH: the reader says so best. */
	return count ? 0 : convert_one(c, text, 1, err);
}

/* Messages in ER7, also in UTF-16 and in batches; or one in XML. */
static int
convert_messages(struct convert *c, struct str text, struct error *err)
{
	struct findings f;
	struct arena a;
	int rc;

	arena_init(&a, (size_t)16 << 30, ARENA_WIPE);
	findings_init(&f, &a, FINDINGS_MOST);
	c->er7.unknown_charset = c->lenient ? ER7_CHARSET_READ : ER7_CHARSET_REFUSE;
	if (v2xml_is(text))
		rc = v2xml_to_er7(text, INPUT_MOST, &a, &text, &f);
	else
		rc = er7_batch_text(text, &a, &text, &f);
	print_findings(c, 1, &f);
	/* What is wrong with a text ends that text only. */
	rc = rc == 0 ? convert_text(c, text, err) : 0;
	arena_release(&a);
	return rc;
}

/* An ndjson_line_fn. A line that is wrong is told, and the next ones go on. */
static int
convert_line(void *ctx, struct str line, uint64_t number, struct error *err)
{
	struct convert *c = ctx;

	if (line.p)
		return convert_one(c, line, number, err);
	fprintf(stderr, "%s:%llu:1: error: the line is longer than %u MiB\n", c->file,
	    (unsigned long long)number, (unsigned)LINE_MOST >> 20);
	c->found_errors = true;
	return 0;
}

/* Line by line, however long the input is. */
static int
convert_stream(struct convert *c, int fd, struct error *err)
{
	struct ndjson *lines = ndjson_new(LINE_MOST, convert_line, c);
	char *piece = xmalloc(PIECE);
	int rc = 0;

	while (rc == 0) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = error_set_errno(err, ERROR_MISSING, "could not read %s", c->file);
		else if (n == 0)
			break;
		else
			rc = ndjson_feed(lines, str_of(piece, (size_t)n), err);
	}
	if (rc == 0)
		rc = ndjson_end(lines, err);
	explicit_bzero(piece, PIECE);
	free(piece);
	ndjson_free(lines);
	return rc;
}

static int
convert_lines(struct convert *c, const char *path, struct error *err)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return convert_stream(c, STDIN_FILENO, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, ERROR_MISSING, "could not open %s", path);
	rc = convert_stream(c, fd, err);
	close(fd);
	return rc;
}

static int
convert_whole(struct convert *c, const char *path, struct error *err)
{
	struct buf text;
	int rc;

	buf_init(&text, INPUT_MOST);
	text.wipe = true;
	rc = file_read(path, &text, err);
	if (rc == 0 && c->from == CONVERT_HL7V2)
		rc = convert_messages(c, buf_str(&text), err);
	else if (rc == 0)
		rc = convert_one(c, buf_str(&text), 1, err);
	else if (err->kind == ERROR_IO)
		err->kind = ERROR_MISSING;
	buf_release(&text);
	return rc;
}

int
convert_file(struct convert *c, const char *path, const char *output, struct error *err)
{
	int rc;

	c->file = strcmp(path, "-") == 0 ? "standard input" : path;
	c->output = output;
	c->outputs = 0;
	c->fd = -1;
	rc = c->from == CONVERT_NDJSON ? convert_lines(c, path, err) : convert_whole(c, path, err);
	if (c->fd >= 0 && close(c->fd) != 0 && rc == 0)
		rc = error_set_errno(err, ERROR_IO, "could not write %s", output);
	return rc;
}
