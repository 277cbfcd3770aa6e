#include "gateway/net/mllp.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	CR = 0x0d,
	LF = 0x0a,
	KEEP_BYTES = 4096, /* of the buffer between messages */
};

enum state {
	BETWEEN, /* outside frames */
	INSIDE,
	ENDING, /* behind <FS>: <CR> must follow */
	REFUSED,
};

struct mllp {
	size_t max_bytes;
	mllp_message_fn *fn;
	void *ctx;
	enum state state;
	struct buf message; /* what was fed before of the message begun */
	size_t garbage;	    /* bytes skipped in a row */
	uint64_t dropped;
};

struct mllp *
mllp_new(size_t max_bytes, mllp_message_fn *fn, void *ctx)
{
	struct mllp *m = xcalloc(1, sizeof(*m));

	m->max_bytes = max_bytes;
	m->fn = fn;
	m->ctx = ctx;
	buf_init(&m->message, max_bytes);
	m->message.wipe = true;
	return m;
}

void
mllp_free(struct mllp *m)
{
	if (!m)
		return;
	buf_release(&m->message);
	free(m);
}

static void
forget_message(struct mllp *m)
{
	if (m->message.cap > KEEP_BYTES) {
		buf_release(&m->message);
		return;
	}
	if (m->message.len)
		explicit_bzero(m->message.p, m->message.len);
	buf_clear(&m->message);
}

static int
refuse(struct mllp *m, enum error_kind kind, const char *why, struct error *err)
{
	m->state = REFUSED;
	return error_set(err, kind, "%s", why);
}

/* Skip to the next <VT>. Returns how many bytes, <VT> included; or -1. */
static ssize_t
feed_between(struct mllp *m, const char *p, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == MLLP_VT) {
			m->state = INSIDE;
			m->garbage = 0;
			return (ssize_t)i + 1;
		}
		if (p[i] == CR || p[i] == LF)
			continue;
		if (++m->garbage > MLLP_GARBAGE)
			return refuse(m, ERROR_INVALID,
			    "the peer sends bytes outside MLLP frames; a message starts with <VT>",
			    err);
	}
	return (ssize_t)len;
}

/* Index of the first <FS> or <VT>, or len. */
static size_t
find_end(const char *p, size_t len)
{
	const char *fs = memchr(p, MLLP_FS, len);
	const char *vt = memchr(p, MLLP_VT, fs ? (size_t)(fs - p) : len);

	return vt ? (size_t)(vt - p) : fs ? (size_t)(fs - p) : len;
}

static ssize_t
feed_inside(struct mllp *m, const char *p, size_t len, enum mllp_next *next, struct error *err)
{
	size_t n = find_end(p, len), room = m->max_bytes - m->message.len;

	if (n > room) {
		buf_put(&m->message, p, room);
		return refuse(
		    m, ERROR_LIMIT, "the message is longer than the limit of this listener", err);
	}
	if (n < len && p[n] == MLLP_VT) {
		m->dropped++;
		forget_message(m);
		return (ssize_t)n + 1;
	}
	if (len - n >= 2 && p[n + 1] == CR && m->message.len == 0) {
		m->state = BETWEEN; /* whole in one piece: not copied */
		*next = m->fn(m->ctx, str_of(p, n));
		return (ssize_t)n + 2;
	}
	buf_put(&m->message, p, n);
	if (n == len)
		return (ssize_t)n;
	m->state = ENDING;
	return (ssize_t)n + 1;
}

/* Behind <FS>. The next message may start at once; anything else shows that
 * the <FS> was part of a value, and that the message is not whole. */
static ssize_t
feed_ending(struct mllp *m, char c, enum mllp_next *next, struct error *err)
{
	if (c != CR && c != MLLP_VT)
		return refuse(m, ERROR_INVALID,
		    "the peer sends <FS> inside a message; a message cannot hold it", err);
	m->state = c == CR ? BETWEEN : INSIDE;
	*next = m->fn(m->ctx, buf_str(&m->message));
	forget_message(m);
	return 1;
}

ssize_t
mllp_feed(struct mllp *m, const void *bytes, size_t len, struct error *err)
{
	enum mllp_next next = MLLP_GO;
	const char *p = bytes;
	size_t used = 0;

	while (used < len && next == MLLP_GO) {
		ssize_t n;

		if (m->state == BETWEEN)
			n = feed_between(m, p + used, len - used, err);
		else if (m->state == INSIDE)
			n = feed_inside(m, p + used, len - used, &next, err);
		else if (m->state == ENDING)
			n = feed_ending(m, p[used], &next, err);
		else
			n = refuse(m, ERROR_INVALID, "the stream was refused before", err);
		if (n < 0)
			return -1;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

struct str
mllp_partial(const struct mllp *m)
{
	return m->state == BETWEEN ? STR("") : buf_str(&m->message);
}

bool
mllp_is_inside(const struct mllp *m)
{
	return m->state == INSIDE || m->state == ENDING;
}

uint64_t
mllp_dropped(const struct mllp *m)
{
	return m->dropped;
}

void
mllp_write(struct buf *out, struct str message)
{
	buf_put_byte(out, MLLP_VT);
	buf_put_str(out, message);
	buf_put_byte(out, MLLP_FS);
	buf_put_byte(out, CR);
}
