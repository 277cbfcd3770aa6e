/* The HTTP/1.1 reader: whatever comes, and however it is cut, the same. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "gateway/net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf text;
	bool piece_open;
};

static enum http1_next
see_head(void *ctx, const struct http_head *h)
{
	struct seen *s = ctx;
	struct str item, rest;

	buf_put_str(&s->text, h->method_name);
	buf_put_str(&s->text, h->target);
	buf_put_str(&s->text, h->scheme);
	buf_put_str(&s->text, h->authority);
	buf_put_str(&s->text, h->path);
	buf_put_str(&s->text, h->query);
	buf_put_u64(&s->text, h->content_length);
	for (size_t i = 0; i < h->header_count; i++) {
		buf_put_str(&s->text, h->headers[i].name);
		rest = h->headers[i].value;
		while (http_list_next(&rest, &item))
			buf_put_str(&s->text, item);
	}
	/* What the application relies on. */
	if ((h->chunked && h->content_length) || (h->expect_continue && !h->has_body) ||
	    (h->minor == 1 && http_header_count(h, "host") != 1))
		abort();
	return HTTP1_GO;
}

static enum http1_next
see_body(void *ctx, struct str piece)
{
	struct seen *s = ctx;

	if (piece.len == 0)
		abort();
	buf_put_str(&s->text, piece);
	return piece.p[0] & 1 ? HTTP1_PAUSE : HTTP1_GO;
}

static void
see_end(void *ctx)
{
	buf_puts(&((struct seen *)ctx)->text, "end");
}

static void
read_stream(struct str in, size_t step, struct seen *s)
{
	static const struct http1_callbacks callbacks = { see_head, see_body, see_end };
	static const struct http1_limits limits = {
		.head_bytes = 600, .target = 100, .headers = 8, .chunk_line = 20, .trailers = 40
	};
	struct http1 *h = http1_new(&limits, &callbacks, s);
	struct error err;
	int status = 0;

	/* Once more at the end: a pause may have left something to tell. */
	for (bool more = true; more;) {
		size_t n = step < in.len ? step : in.len;
		ssize_t used = http1_feed(h, in.p, n, &status, &err);

		if (used < 0) {
			if (status < 400 || status > 599)
				abort();
			buf_printf(&s->text, "refused %d", status);
			break;
		}
		if ((size_t)used > n)
			abort();
		more = in.len > 0;
		in = str_from_index(in, (size_t)used);
		if (http1_is_done(h))
			http1_reset(h);
	}
	http1_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct seen whole = { 0 }, cut = { 0 };

	buf_init(&whole.text, 1 << 20);
	buf_init(&cut.text, 1 << 20);
	read_stream(in, size, &whole);
	read_stream(in, 1, &cut);
	if (!str_eq(buf_str(&whole.text), buf_str(&cut.text)))
		abort();
	buf_release(&whole.text);
	buf_release(&cut.text);
	return 0;
}
