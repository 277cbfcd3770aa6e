/*
 * buf.h - bytes that grow, up to a limit.
 *
 * The bytes come from malloc and belong to the buf. Passing the limit sets
 * `full` and drops what did not fit; writers put on and check once at the end.
 * One thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Takes bytes away from a buf that is a stream, good until it returns. Returns
 * 0, or -1 when it cannot: the buf is full from then on. */
typedef int buf_sink_fn(void *ctx, struct str bytes);

struct buf {
	char *p;
	size_t len, cap, limit;
	bool full;	   /* something did not fit: the text is not whole */
	bool wipe;	   /* zero the bytes when given back or moved */
	buf_sink_fn *sink; /* of a stream */
	void *sink_ctx;
};

/* An empty buf of at most limit bytes. Takes nothing until written to. */
void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b);

/*
 * An empty buf whose bytes go to sink whenever `piece` of them are there, so
 * that a text of any length passes through little memory. Writers only put on;
 * what they look back at may be gone. limit bounds what is held at one time.
 */
void buf_init_stream(struct buf *b, size_t piece, size_t limit, buf_sink_fn *sink, void *ctx);

/* Give the sink what is left. Returns 0, or -1 when it or one before failed. */
int buf_flush(struct buf *b);

/* Empty again, the memory kept. */
void buf_clear(struct buf *b);

/* Make room for more bytes behind len; false (and full) past the limit. */
bool buf_reserve(struct buf *b, size_t more);

/* Out-of-line part of buf_put_byte() and buf_put(). */
void buf_put_slow(struct buf *b, const void *p, size_t len);

static inline void
buf_put(struct buf *b, const void *p, size_t len)
{
	if (len <= b->cap - b->len) {
		if (len)
			memcpy(b->p + b->len, p, len);
		b->len += len;
	} else {
		buf_put_slow(b, p, len);
	}
}

static inline void
buf_put_byte(struct buf *b, char c)
{
	if (b->len < b->cap)
		b->p[b->len++] = c;
	else
		buf_put_slow(b, &c, 1);
}

static inline void
buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.len);
}

/*
 * For writers that make room once for several pieces: after buf_room() the
 * pieces it was for are added without a check, short ones without a call.
 */
static inline bool
buf_room(struct buf *b, size_t n)
{
	return n <= b->cap - b->len || buf_reserve(b, n);
}

static inline void
buf_add_byte(struct buf *b, char c)
{
	b->p[b->len++] = c;
}

/* Put s at o, without a call where it is short; returns what is behind it. */
static inline char *
buf_copy(char *o, struct str s)
{
	if (s.len > 16) {
		memcpy(o, s.p, s.len);
	} else if (s.len >= 8) {
		memcpy(o, s.p, 8);
		memcpy(o + s.len - 8, s.p + s.len - 8, 8);
	} else if (s.len >= 4) {
		memcpy(o, s.p, 4);
		memcpy(o + s.len - 4, s.p + s.len - 4, 4);
	} else {
		for (size_t i = 0; i < s.len; i++)
			o[i] = s.p[i];
	}
	return o + s.len;
}

static inline void
buf_add(struct buf *b, struct str s)
{
	buf_copy(b->p + b->len, s);
	b->len += s.len;
}

/*
 * Where the next byte goes, and where it goes from now on: for many small
 * pieces in one room, whose place then stays in a register.
 */
static inline char *
buf_cursor(const struct buf *b)
{
	return b->p + b->len;
}

static inline void
buf_move(struct buf *b, const char *o)
{
	b->len = (size_t)(o - b->p);
}

/* A NUL-ended text, without the NUL. */
static inline void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An unsigned or signed number in decimal. */
void buf_put_u64(struct buf *b, uint64_t n);
void buf_put_i64(struct buf *b, int64_t n);

/* s as a JSON string, quotes included (RFC 8259, section 7). */
void buf_put_json(struct buf *b, struct str s);

/* The bytes so far; good until the next write. */
static inline struct str
buf_str(const struct buf *b)
{
	return str_of(b->p, b->len);
}

/* Take the first n bytes (at most len) away. */
void buf_drop(struct buf *b, size_t n);

#endif
