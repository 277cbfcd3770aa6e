/*
 * gzip: whatever comes, and however it is cut, the same comes out, within the
 * limit; and what is packed, at once or in pieces, is unpacked again.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "gateway/net/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MOST = 1 << 16, /* that may come out */
};

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static int
put(void *ctx, struct str piece, struct error *err)
{
	(void)err;
	buf_put_str(ctx, piece);
	return 0;
}

/* Returns 0, or the kind of the error, plus one. */
static int
unpack(struct str in, size_t step, uint64_t most, struct buf *out)
{
	struct gunzip *z = gunzip_new(most, put, out);
	struct error err = { .text = "" };
	int rc = 0;

	while (rc == 0 && in.len) {
		size_t n = step < in.len ? step : in.len;

		rc = gunzip_feed(z, str_of(in.p, n), &err);
		in = str_from_index(in, n);
	}
	if (rc == 0)
		rc = gunzip_end(z, &err);
	gunzip_free(z);
	demand(rc == 0 || err.text[0] != '\0');
	return rc == 0 ? 0 : (int)err.kind + 1;
}

static void
try_unpack(struct str in, struct buf *out, struct buf *again)
{
	int whole = unpack(in, SIZE_MAX, MOST, out);
	int cut = unpack(in, 1, MOST, again);

	demand(whole == cut && out->len <= MOST);
	if (whole == 0)
		demand(str_eq(buf_str(out), buf_str(again)));
}

static void
try_pack(struct str in, struct buf *packed, struct buf *out)
{
	size_t step = in.len ? 1 + (unsigned char)in.p[0] : 1;
	struct gzip *z = gzip_new();

	demand(gzip_put(in, packed) == 0);
	demand(unpack(buf_str(packed), SIZE_MAX, in.len, out) == 0 && str_eq(buf_str(out), in));
	buf_clear(packed);
	buf_clear(out);
	for (size_t at = 0; at < in.len; at += step)
		demand(gzip_feed(z, str_of(in.p + at, step < in.len - at ? step : in.len - at),
			   false, packed) == 0);
	demand(gzip_feed(z, STR(""), true, packed) == 0);
	gzip_free(z);
	demand(unpack(buf_str(packed), 7, in.len, out) == 0 && str_eq(buf_str(out), in));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct buf one, two;

	buf_init(&one, 64 << 20);
	buf_init(&two, 64 << 20);
	try_unpack(in, &one, &two);
	buf_clear(&one);
	buf_clear(&two);
	try_pack(in, &one, &two);
	buf_release(&one);
	buf_release(&two);
	return 0;
}
