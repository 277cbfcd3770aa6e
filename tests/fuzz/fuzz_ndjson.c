/*
 * NDJSON: the lines do not depend on how the stream was cut, have no line end in
 * them, are within the limit, and are those of the text.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "mappers/fhir/ndjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	LINE_MOST = 40,
};

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

struct seen {
	struct buf lines;
	uint64_t newest;
};

static int
see(void *ctx, struct str line, uint64_t number, struct error *err)
{
	struct seen *s = ctx;

	demand(number > s->newest && line.len <= LINE_MOST && str_find(line, '\n') < 0);
	demand(!line.p || str_trim(line).len > 0);
	s->newest = number;
	buf_printf(&s->lines, "%llu%c", (unsigned long long)number, line.p ? ' ' : '-');
	buf_put_str(&s->lines, line);
	buf_put_byte(&s->lines, '\n');
	return str_is(line, "stop") ? error_set(err, ERROR_OTHER, "stop") : 0;
}

static void
read_stream(struct str in, size_t step, struct seen *s)
{
	struct ndjson *n = ndjson_new(LINE_MOST, see, s);
	struct error err;
	int rc = 0;

	*s = (struct seen){ .newest = 0 };
	buf_init(&s->lines, SIZE_MAX);
	while (rc == 0 && in.len) {
		size_t len = step < in.len ? step : in.len;

		rc = ndjson_feed(n, str_of(in.p, len), &err);
		in = str_from_index(in, len);
	}
	if (rc == 0)
		rc = ndjson_end(n, &err);
	if (rc != 0)
		buf_puts(&s->lines, "stopped");
	ndjson_free(n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct seen whole, cut;
	uint64_t ends = 0;

	for (size_t i = 0; i < size; i++)
		ends += data[i] == '\n';
	read_stream(in, SIZE_MAX, &whole);
	demand(whole.newest <= ends + 1);
	for (size_t step = 1; step <= 7; step += 3) {
		read_stream(in, step, &cut);
		demand(str_eq(buf_str(&whole.lines), buf_str(&cut.lines)));
		buf_release(&cut.lines);
	}
	buf_release(&whole.lines);
	return 0;
}
