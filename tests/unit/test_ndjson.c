/*
 * mappers/fhir: newline-delimited JSON, whose lines must not depend on how the
 * bytes came (ndjson.org: LF or CR LF end a line, blank ones are none).
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "mappers/fhir/ndjson.h"
#include "tests/tap.h"

/* Writes down what it is given: "1:{}|3:!|". */
static int
note(void *ctx, struct str line, uint64_t number, struct error *err)
{
	struct buf *out = ctx;

	buf_printf(out, "%llu:", (unsigned long long)number);
	if (!line.p)
		buf_puts(out, "!");
	buf_put_str(out, line);
	buf_puts(out, "|");
	if (str_is(line, "stop"))
		return error_set(err, ERROR_OTHER, "told to");
	return 0;
}

/* In three pieces, cut at a and b. */
static int
cut(struct str in, size_t a, size_t b, size_t most, struct buf *out)
{
	struct ndjson *n = ndjson_new(most, note, out);
	struct error err;
	int rc;

	buf_clear(out);
	rc = ndjson_feed(n, str_of(in.p, a), &err);
	if (rc == 0)
		rc = ndjson_feed(n, str_of(in.p + a, b - a), &err);
	if (rc == 0)
		rc = ndjson_feed(n, str_from_index(in, b), &err);
	if (rc == 0)
		rc = ndjson_end(n, &err);
	ndjson_free(n);
	return rc;
}

static const struct {
	const char *name, *in;
	size_t most;
	const char *out;
} cases[] = {
	{ "two lines", "{\"a\":1}\n{\"b\":2}\n", 100, "1:{\"a\":1}|2:{\"b\":2}|" },
	{ "no end behind the last", "{}\n[]", 100, "1:{}|2:[]|" },
	{ "CR LF", "{}\r\n{}\r\n", 100, "1:{}|2:{}|" },
	{ "blank lines count, but are none", "\n  \n{}\n\t\r\n\n{}\n", 100, "3:{}|6:{}|" },
	{ "nothing", "", 100, "" },
	{ "as long as the limit", "12345\n12345\r\n12345", 5, "1:12345|2:12345|3:12345|" },
	{ "over the limit, and on", "123456\n12\n1234567\r\n12345678901234567890\n3\n123456", 5,
	    "1:!|2:12|3:!|4:!|5:3|6:!|" },
};

int
main(void)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str in = str_from(cases[i].in);
		unsigned wrong = 0;

		for (size_t a = 0; a <= in.len; a++)
			for (size_t b = a; b <= in.len; b++)
				wrong += cut(in, a, b, cases[i].most, &out) != 0 ||
					 !str_is(buf_str(&out), cases[i].out);
		is_int(wrong, 0, "%s: at every split", cases[i].name);
	}
	ok(cut(STR("{}\nstop\n{}\n"), 1, 4, 100, &out) == -1 &&
		str_is(buf_str(&out), "1:{}|2:stop|"),
	    "ends where it is told to");
	buf_release(&out);
	return tap_done();
}
