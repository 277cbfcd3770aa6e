/* MLLP: whatever comes, and however it is cut, the same; and what is written
 * is read back. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "gateway/net/mllp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MESSAGE_MOST = 64,
};

static enum mllp_next
see(void *ctx, struct str message)
{
	struct buf *b = ctx;

	if (message.len > MESSAGE_MOST || str_find(message, MLLP_FS) >= 0 ||
	    str_find(message, MLLP_VT) >= 0)
		abort();
	mllp_write(b, message);
	return message.len & 1 ? MLLP_PAUSE : MLLP_GO;
}

/* Returns whether the stream ended between messages. */
static bool
read_stream(struct str in, size_t step, struct buf *b)
{
	bool clean = true;
	struct mllp *m = mllp_new(MESSAGE_MOST, see, b);
	struct error err;

	while (in.len) {
		size_t n = step < in.len ? step : in.len;
		ssize_t used = mllp_feed(m, in.p, n, &err);

		if (used < 0) {
			buf_printf(b, "refused %d", err.kind);
			clean = false;
			break;
		}
		if (used == 0 || (size_t)used > n)
			abort();
		in = str_from_index(in, (size_t)used);
	}
	if (mllp_is_inside(m)) {
		buf_put_str(b, mllp_partial(m));
		clean = false;
	}
	mllp_free(m);
	return clean;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct buf whole, cut, again;
	bool clean;

	buf_init(&whole, 1 << 20);
	buf_init(&cut, 1 << 20);
	buf_init(&again, 1 << 20);
	clean = read_stream(in, size, &whole);
	read_stream(in, 1, &cut);
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		abort();
	/* The frames found, written, give the same frames. */
	if (clean) {
		read_stream(buf_str(&whole), whole.len, &again);
		if (!str_eq(buf_str(&whole), buf_str(&again)))
			abort();
	}
	buf_release(&whole);
	buf_release(&cut);
	buf_release(&again);
	return 0;
}
