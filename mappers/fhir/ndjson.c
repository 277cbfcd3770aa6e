#include "mappers/fhir/ndjson.h"

#include "base/arena.h"
#include "base/buf.h"

struct ndjson {
	struct buf begun; /* the line that has not ended yet */
	size_t most;
	ndjson_line_fn *fn;
	void *ctx;
	uint64_t number; /* of lines that ended */
	bool too_long;	 /* the begun one is */
};

struct ndjson *
ndjson_new(size_t most, ndjson_line_fn *fn, void *ctx)
{
	struct ndjson *n = xcalloc(1, sizeof(*n));

	*n = (struct ndjson){ .most = most, .fn = fn, .ctx = ctx };
	/* One more: a CR is no part of the line. */
	buf_init(&n->begun, most < SIZE_MAX ? most + 1 : most);
	n->begun.wipe = true;
	return n;
}

void
ndjson_free(struct ndjson *n)
{
	if (!n)
		return;
	buf_release(&n->begun);
	free(n);
}

/* Hand on a line that is whole. */
static int
line_ends(struct ndjson *n, struct str line, struct error *err)
{
	bool too_long = n->too_long;

	n->number++;
	n->too_long = false;
	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	if (too_long || line.len > n->most)
		return n->fn(n->ctx, str_of(NULL, 0), n->number, err);
	return str_trim(line).len ? n->fn(n->ctx, line, n->number, err) : 0;
}

static void
keep(struct ndjson *n, struct str bytes)
{
	if (!n->too_long)
		buf_put_str(&n->begun, bytes);
	n->too_long |= n->begun.full;
	if (!n->too_long)
		return;
	n->begun.full = false;
	buf_clear(&n->begun);
}

int
ndjson_feed(struct ndjson *n, struct str bytes, struct error *err)
{
	ptrdiff_t end;

	while ((end = str_find(bytes, '\n')) >= 0) {
		struct str line = str_of(bytes.p, (size_t)end);
		int rc;

		if (n->begun.len || n->too_long) {
			keep(n, line);
			line = buf_str(&n->begun);
		}
		rc = line_ends(n, line, err);
		buf_clear(&n->begun);
		if (rc != 0)
			return rc;
		bytes = str_from_index(bytes, (size_t)end + 1);
	}
	if (bytes.len)
		keep(n, bytes);
	return 0;
}

int
ndjson_end(struct ndjson *n, struct error *err)
{
	int rc = 0;

	if (n->begun.len || n->too_long)
		rc = line_ends(n, buf_str(&n->begun), err);
	buf_clear(&n->begun);
	return rc;
}
