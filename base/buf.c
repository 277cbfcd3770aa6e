#include "base/buf.h"

#include <stdarg.h>

#include "base/arena.h"

void
buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void
buf_release(struct buf *b)
{
	if (b->p && b->wipe)
		explicit_bzero(b->p, b->cap);
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->full = false;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
}

/* realloc that leaves no copy of the old bytes behind. */
static char *
move(struct buf *b, size_t cap)
{
	char *p;

	if (!b->wipe)
		return xrealloc(b->p, cap);
	p = xmalloc(cap);
	if (b->p) {
		memcpy(p, b->p, b->len);
		explicit_bzero(b->p, b->cap);
		free(b->p);
	}
	return p;
}

void
buf_init_stream(struct buf *b, size_t piece, size_t limit, buf_sink_fn *sink, void *ctx)
{
	buf_init(b, limit > piece ? limit : piece);
	buf_reserve(b, piece);
	b->sink = sink;
	b->sink_ctx = ctx;
}

int
buf_flush(struct buf *b)
{
	/* Nothing goes out behind a gap. */
	if (!b->full && b->len && b->sink(b->sink_ctx, buf_str(b)) != 0)
		b->full = true;
	b->len = 0;
	return b->full ? -1 : 0;
}

bool
buf_reserve(struct buf *b, size_t more)
{
	size_t cap;

	if (more <= b->cap - b->len)
		return true;
	if (b->sink) {
		if (buf_flush(b) != 0)
			return false;
		if (more <= b->cap)
			return true;
	}
	if (b->limit < b->len || more > b->limit - b->len) {
		b->full = true;
		return false;
	}
	cap = b->cap ? b->cap : 256;
	if (cap > b->limit)
		cap = b->limit;
	while (cap - b->len < more)
		cap = cap > b->limit / 2 ? b->limit : cap * 2;
	b->p = move(b, cap);
	b->cap = cap;
	return true;
}

void
buf_put_slow(struct buf *b, const void *p, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? b->p + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		if (!buf_reserve(b, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

void
buf_put_u64(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_put(b, digits + i, sizeof(digits) - i);
}

void
buf_put_i64(struct buf *b, int64_t n)
{
	if (n < 0)
		buf_put_byte(b, '-');
	buf_put_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* What stands behind the backslash for c, 'u' for the \u form, 0 for none. */
static char
json_escape(unsigned char c)
{
	switch (c) {
	case '"':
		return '"';
	case '\\':
		return '\\';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return c < 0x20 ? 'u' : 0;
	}
}

void
buf_put_json(struct buf *b, struct str s)
{
	size_t plain = 0;

	buf_put_byte(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		char e = json_escape((unsigned char)s.p[i]);

		if (!e)
			continue;
		buf_put(b, s.p + plain, i - plain);
		plain = i + 1;
		if (e == 'u')
			buf_printf(b, "\\u%04x", s.p[i]);
		else
			buf_put(b, (char[]){ '\\', e }, 2);
	}
	buf_put(b, s.p + plain, s.len - plain);
	buf_put_byte(b, '"');
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}
