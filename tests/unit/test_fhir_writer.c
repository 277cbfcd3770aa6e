/*
 * mappers/fhir: writers that stop and go on. What comes out in steps of any
 * length is what comes out at once, whose truth other tests see to; and a
 * resource in parts is the one that has all of them.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_writer.h"
#include "tests/tap.h"

enum {
	LONG = 3 * FHIR_WRITER_PIECE + 77, /* of a value */
	DEEP = 60,
};

static const struct pack *pack;
static struct record_builder builder;
static struct arena arena;

static const struct record *
read_json(struct str in)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	const struct record *r;

	findings_init(&findings, &arena, 10);
	r = fhir_json_read(in, &options, &builder, &arena, &findings);
	if (!r || findings.errors) {
		printf("# %.*s\n", STR_ARG(findings.first ? findings.first->text : in));
		exit(1);
	}
	return r;
}

/* In steps of at least `enough` bytes; the most that one of them had. */
static size_t
write_in_steps(struct fhir_writer *w, size_t enough, struct buf *out)
{
	struct buf step;
	size_t most = 0;
	bool all = false;

	buf_init(&step, SIZE_MAX);
	while (!all) {
		buf_clear(&step);
		all = fhir_writer_put(w, enough, &step);
		buf_put_str(out, buf_str(&step));
		if (step.len > most)
			most = step.len;
	}
	buf_release(&step);
	return most;
}

static bool
same_in_steps(
    const struct record *r, enum fhir_format format, bool pretty, size_t enough, size_t most)
{
	struct buf whole, steps;
	struct fhir_writer w;
	size_t longest;
	bool same;

	buf_init(&whole, SIZE_MAX);
	buf_init(&steps, SIZE_MAX);
	fhir_write(format, pretty, r, pack, 0, &whole);
	fhir_writer_init(&w, format, pretty, pack);
	fhir_writer_add(&w, r, true);
	longest = write_in_steps(&w, enough, &steps);
	fhir_writer_release(&w);
	same = str_eq(buf_str(&whole), buf_str(&steps)) && longest <= most;
	buf_release(&whole);
	buf_release(&steps);
	return same;
}

static void
try_steps(const char *what, const struct record *r)
{
	static const size_t lengths[] = { 1, 2, 3, 7, 64, 1000, 100000, SIZE_MAX };
	bool same = true;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		/* Six bytes for one, and what stands around it. */
		size_t most = lengths[i] > SIZE_MAX / 2 ? SIZE_MAX
							: lengths[i] + 6 * FHIR_WRITER_PIECE + 1024;

		for (int form = 0; form < 4; form++)
			same &= same_in_steps(r, form & 1 ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON,
			    form & 2, lengths[i], most);
	}
	ok(same, "%s: the same in steps of any length, and none is long", what);
}

static const char plain[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"_active\":{\"id\":\"a\"},\"name\":[{\"given\":"
    "[\"A\",null,\"C\"],\"_given\":[null,{\"extension\":[{\"url\":\"urn:x\",\"valueDecimal\":"
    "0.010}]},{\"id\":\"i\"}]},{\"given\":[\"D\"]},{\"_given\":[{\"id\":\"j\"}]}],\"birthDate\":"
    "\"1970\",\"_birthDate\":{\"extension\":[{\"url\":\"urn:x\",\"valueString\":\"<&>\\\"\\n\"}]},"
    "\"contained\":[{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}},{\"resourceType\":"
    "\"Binary\",\"contentType\":\"a/b\"}]}";

static void
put_long(struct buf *b, const char *piece)
{
	for (size_t start = b->len; b->len - start < LONG;)
		buf_puts(b, piece);
}

static void
test_long_values(void)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "{\"resourceType\":\"Binary\",\"contentType\":\"a/b\",\"data\":\"");
	put_long(&b, "QUJD");
	buf_puts(&b, "\"}");
	try_steps("a long value", read_json(buf_str(&b)));

	buf_clear(&b);
	buf_puts(&b, "{\"resourceType\":\"Binary\",\"contentType\":\"a/b\",\"data\":\"");
	put_long(&b, "QUJD");
	buf_puts(
	    &b, "\",\"_data\":{\"id\":\"d\",\"extension\":[{\"url\":\"urn:x\",\"valueString\":\"");
	put_long(&b, "<\\\"\\t&\xc3\xa9");
	buf_puts(&b, "\"}]}}");
	try_steps("long values with an id, extensions and escapes", read_json(buf_str(&b)));

	buf_clear(&b);
	buf_puts(&b, "{\"resourceType\":\"Binary\",\"contentType\":\"a/b\",\"data\":\"");
	put_long(&b, "QUJD");
	buf_puts(&b, "\",\"_data\":{\"id\":\"d\"}}");
	try_steps("a long value with an id alone", read_json(buf_str(&b)));

	buf_clear(&b);
	buf_puts(&b,
	    "{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":\"<div "
	    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">");
	put_long(&b, "<p>\xc3\xa9&lt;\\n</p>");
	buf_puts(&b, "</div>\"},\"name\":[{\"given\":[\"");
	put_long(&b, "x\\\\");
	buf_puts(&b, "\",\"B\"],\"_given\":[{\"id\":\"x\"}]}]}");
	try_steps("a long narrative, and a long one of several", read_json(buf_str(&b)));
	buf_release(&b);
}

static void
test_deep(void)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}");
	for (int i = 0; i < DEEP; i++)
		buf_puts(&b, ",\"extension\":[{\"url\":\"urn:x\"");
	buf_puts(&b, ",\"valueBoolean\":true");
	for (int i = 0; i < DEEP; i++)
		buf_puts(&b, "}]");
	buf_puts(&b, "}");
	try_steps("deep", read_json(buf_str(&b)));
	buf_release(&b);
}

/* A Bundle in parts: its head and so many entries in each. */
static const char *const parts[][5] = {
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":3}",
	    "{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"urn:1\"},{\"fullUrl\":\"urn:"
	    "2\"}]}",
	    "{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"urn:3\"}]}" },
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":3,\"entry\":[{\"fullUrl\":"
	  "\"urn:1\"}]}",
	    "{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"urn:2\"}]}",
	    "{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"urn:3\"}]}" },
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}",
	    "{\"resourceType\":\"Bundle\",\"total\":3,\"entry\":[{\"fullUrl\":\"urn:1\"},{"
	    "\"fullUrl\":"
	    "\"urn:2\"},{\"fullUrl\":\"urn:3\"}]}" },
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":3,\"entry\":[{\"fullUrl\":"
	  "\"urn:1\"},{\"fullUrl\":\"urn:2\"},{\"fullUrl\":\"urn:3\"}]}" },
};

/* What stands behind a list that went on. */
static const char *const lists[][5] = {
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":\"self\"}]}",
	    "{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"next\"}],\"entry\":[{"
	    "\"fullUrl\":"
	    "\"urn:1\"}]}",
	    "{\"resourceType\":\"Bundle\",\"signature\":{\"data\":\"AA==\"}}" },
	{ "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":\"self\"},{"
	  "\"relation\":\"next\"}],\"entry\":[{\"fullUrl\":\"urn:1\"}],\"signature\":{\"data\":"
	  "\"AA==\"}}" },
};

static const struct record *
read_part(const char *text)
{
	struct fhir_read_options options = { .type = PACK_NONE, .lenient = true };
	struct findings findings;

	findings_init(&findings, &arena, 10);
	return fhir_json_read(str_from(text), &options, &builder, &arena, &findings);
}

static void
write_parts(
    const char *const *texts, enum fhir_format format, bool pretty, size_t enough, struct buf *out)
{
	struct fhir_writer w;

	buf_init(out, SIZE_MAX);
	fhir_writer_init(&w, format, pretty, pack);
	for (int i = 0; texts[i]; i++) {
		fhir_writer_add(&w, read_part(texts[i]), !texts[i + 1]);
		write_in_steps(&w, enough, out);
	}
	fhir_writer_release(&w);
}

static void
try_parts(const char *const *texts, const char *whole, const char *what)
{
	static const size_t lengths[] = { 1, 50, 100000 };
	bool same = true;

	for (int form = 0; form < 4; form++) {
		enum fhir_format format = form & 1 ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
		struct buf want, got;

		buf_init(&want, SIZE_MAX);
		fhir_write(format, form & 2, read_part(whole), pack, 0, &want);
		for (int i = 0; i < 3; i++) {
			write_parts(texts, format, form & 2, lengths[i], &got);
			same &= str_eq(buf_str(&want), buf_str(&got));
			buf_release(&got);
		}
		buf_release(&want);
	}
	ok(same, "%s", what);
}

static void
test_parts(void)
{
	try_parts(parts[0], parts[3][0], "a head, then entries");
	try_parts(parts[1], parts[3][0], "entries in each part");
	try_parts(parts[2], parts[3][0], "two parts, the head in both");
	try_parts(parts[3], parts[3][0], "one part");
	try_parts(lists[0], lists[1][0], "lists that go on, and what stands behind them");
}

/* Past the limit: it stops, and says so. */
static void
test_full(void)
{
	const struct record *r = read_json(str_from(plain));
	bool told = true;

	for (int form = 0; form < 4; form++) {
		for (size_t most = 0; most < 200; most++) {
			struct fhir_writer w;
			struct buf out;

			buf_init(&out, most);
			fhir_writer_init(
			    &w, form & 1 ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON, form & 2, pack);
			fhir_writer_add(&w, r, true);
			told &= !fhir_writer_put(&w, SIZE_MAX, &out) && out.full && out.len <= most;
			fhir_writer_release(&w);
			buf_release(&out);
		}
	}
	ok(told, "past the limit of the buffer it stops, and says so");
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	pack = path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("writing in steps", "FIREDOOR_PACK names no compiled definitions");
		return tap_done();
	}
	record_builder_init(&builder, pack, &record_default_limits);
	arena_init(&arena, SIZE_MAX, 0);
	try_steps("companions, nulls, contained resources", read_json(str_from(plain)));
	test_long_values();
	test_deep();
	test_parts();
	test_full();
	arena_release(&arena);
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
