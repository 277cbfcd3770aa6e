#include "gateway/net/gzip.h"

#include <zlib.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	WITH_GZIP = 16, /* added to the window's bits: zlib's way to say gzip */
	PIECE = 16 * 1024,
	LEVEL = 1,
	AT_ONCE = 1 << 30, /* zlib counts in unsigned int */
};

struct gunzip {
	z_stream stream;
	uint64_t most, in, out;
	gunzip_out_fn *put;
	void *ctx;
	bool ended;  /* behind a member */
	bool failed; /* nothing more is taken */
	unsigned char piece[PIECE];
};

struct gunzip *
gunzip_new(uint64_t most, gunzip_out_fn *out, void *ctx)
{
	struct gunzip *z = xcalloc(1, sizeof(*z));

	z->most = most;
	z->put = out;
	z->ctx = ctx;
	/* It fails only where malloc does. */
	if (inflateInit2(&z->stream, MAX_WBITS + WITH_GZIP) != Z_OK)
		abort();
	return z;
}

void
gunzip_free(struct gunzip *z)
{
	if (!z)
		return;
	inflateEnd(&z->stream);
	explicit_bzero(z->piece, sizeof(z->piece));
	free(z);
}

static int
fail(struct gunzip *z, struct error *err, enum error_kind kind, const char *text)
{
	z->failed = true;
	return error_set(err, kind, "%s", text);
}

/* Hand on what came out. */
static int
put(struct gunzip *z, size_t len, struct error *err)
{
	uint64_t allowed = z->in > UINT64_MAX / GZIP_RATIO ? UINT64_MAX : z->in * GZIP_RATIO;

	if (len == 0)
		return 0;
	if (len > z->most - z->out)
		return fail(z, err, ERROR_LIMIT,
		    "the body is longer than the limit once it is "
		    "decompressed");
	z->out += len;
	if (z->out > GZIP_FREE && z->out > allowed)
		return fail(z, err, ERROR_LIMIT,
		    "the body grows more than a hundredfold when it "
		    "is decompressed; send it as it is");
	if (z->put(z->ctx, str_of((const char *)z->piece, len), err) == 0)
		return 0;
	z->failed = true;
	return -1;
}

/* One call of zlib. */
static int
step(struct gunzip *z, struct error *err)
{
	uInt before = z->stream.avail_in;
	int result;

	if (z->ended && inflateReset(&z->stream) != Z_OK)
		abort();
	z->ended = false;
	z->stream.next_out = z->piece;
	z->stream.avail_out = PIECE;
	result = inflate(&z->stream, Z_NO_FLUSH);
	z->in += before - z->stream.avail_in;
	/* What stands before the damage counts first, however it was cut. */
	if (put(z, PIECE - z->stream.avail_out, err) != 0)
		return -1;
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return fail(z, err, ERROR_INVALID, "the body is not gzip, or was damaged");
	z->ended = result == Z_STREAM_END;
	return 0;
}

int
gunzip_feed(struct gunzip *z, struct str in, struct error *err)
{
	if (z->failed)
		return fail(z, err, ERROR_INVALID, "the body is not gzip, or was damaged");
	while (in.len) {
		size_t n = in.len < AT_ONCE ? in.len : AT_ONCE;

		z->stream.next_in = (unsigned char *)in.p;
		z->stream.avail_in = (uInt)n;
		do {
			if (step(z, err) != 0)
				return -1;
		} while (z->stream.avail_in || z->stream.avail_out == 0);
		in = str_from_index(in, n);
	}
	return 0;
}

int
gunzip_end(struct gunzip *z, struct error *err)
{
	if (z->failed)
		return fail(z, err, ERROR_INVALID, "the body is not gzip, or was damaged");
	return z->ended ? 0 : fail(z, err, ERROR_INVALID, "the gzip body is cut short");
}

int
gzip_put(struct str in, struct buf *out)
{
	z_stream stream = { 0 };
	size_t most;
	int result;

	if (in.len > AT_ONCE)
		return -1;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, MAX_WBITS + WITH_GZIP, MAX_MEM_LEVEL,
		Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	most = deflateBound(&stream, (uLong)in.len);
	if (!buf_reserve(out, most)) {
		deflateEnd(&stream);
		return -1;
	}
	stream.next_in = (unsigned char *)in.p;
	stream.avail_in = (uInt)in.len;
	stream.next_out = (unsigned char *)out->p + out->len;
	stream.avail_out = (uInt)most;
	result = deflate(&stream, Z_FINISH);
	out->len += most - stream.avail_out;
	deflateEnd(&stream);
	return result == Z_STREAM_END ? 0 : -1;
}

struct gzip {
	z_stream stream;
};

struct gzip *
gzip_new(void)
{
	struct gzip *z = xcalloc(1, sizeof(*z));

	if (deflateInit2(&z->stream, LEVEL, Z_DEFLATED, MAX_WBITS + WITH_GZIP, MAX_MEM_LEVEL,
		Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return z;
}

void
gzip_free(struct gzip *z)
{
	if (!z)
		return;
	deflateEnd(&z->stream);
	free(z);
}

int
gzip_feed(struct gzip *z, struct str in, bool last, struct buf *out)
{
	z_stream *s = &z->stream;

	if (in.len > AT_ONCE)
		return -1;
	s->next_in = (unsigned char *)in.p;
	s->avail_in = (uInt)in.len;
	do {
		if (!buf_reserve(out, PIECE))
			return -1;
		s->next_out = (unsigned char *)out->p + out->len;
		s->avail_out = PIECE;
		deflate(s, last ? Z_FINISH : Z_NO_FLUSH);
		out->len += PIECE - s->avail_out;
	} while (s->avail_out == 0);
	return 0;
}
