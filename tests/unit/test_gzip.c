/*
 * gateway/net: gzip. The members are made by zlib itself, and one is the empty
 * file of RFC 1952's layout, byte by byte.
 */
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/net/gzip.h"
#include "tests/tap.h"

static int
collect(void *ctx, struct str piece, struct error *err)
{
	(void)err;
	buf_put_str(ctx, piece);
	return 0;
}

static int
refuse(void *ctx, struct str piece, struct error *err)
{
	(void)ctx;
	(void)piece;
	return error_set(err, ERROR_IO, "no");
}

/* Decode in two calls, cut at `cut`. */
static int
decode(struct str in, size_t cut, uint64_t most, struct buf *out, struct error *err)
{
	struct gunzip *z = gunzip_new(most, collect, out);
	int rc = gunzip_feed(z, str_of(in.p, cut), err);

	if (rc == 0)
		rc = gunzip_feed(z, str_from_index(in, cut), err);
	if (rc == 0)
		rc = gunzip_end(z, err);
	gunzip_free(z);
	return rc;
}

/* What zlib makes of it, by its own shorter way. */
static void
pack_by_zlib(struct str in, int level, struct buf *out)
{
	z_stream s = { 0 };

	deflateInit2(&s, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	buf_reserve(out, deflateBound(&s, (uLong)in.len));
	s.next_in = (unsigned char *)in.p;
	s.avail_in = (uInt)in.len;
	s.next_out = (unsigned char *)out->p + out->len;
	s.avail_out = (uInt)(out->cap - out->len);
	deflate(&s, Z_FINISH);
	out->len += s.total_out;
	deflateEnd(&s);
}

static const struct str text = {
	"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xc3\x84gren\"}]}", 54
};

static void
test_splits(void)
{
	struct buf packed, out;
	struct error err;
	unsigned wrong = 0;

	buf_init(&packed, 1 << 16);
	buf_init(&out, 1 << 16);
	pack_by_zlib(text, 9, &packed);
	pack_by_zlib(STR(" and more"), 0, &packed);
	for (size_t cut = 0; cut <= packed.len; cut++) {
		buf_clear(&out);
		wrong += decode(buf_str(&packed), cut, 1000, &out, &err) != 0 ||
			 out.len != text.len + 9 || memcmp(out.p, text.p, text.len) != 0 ||
			 memcmp(out.p + text.len, " and more", 9) != 0;
	}
	is_int(wrong, 0, "two members, cut at each byte");
	wrong = 0;
	for (size_t len = 0; len < packed.len; len++) {
		struct str cut = str_of(packed.p, len);
		struct buf first;
		bool whole;

		/* Behind the first member there is nothing missing. */
		buf_init(&first, 1 << 16);
		pack_by_zlib(text, 9, &first);
		whole = len == first.len;
		buf_release(&first);
		buf_clear(&out);
		wrong += (decode(cut, 0, 1000, &out, &err) == 0) != whole;
	}
	is_int(wrong, 0, "a stream that ends too early is refused wherever it does");
	buf_release(&packed);
	buf_release(&out);
}

static void
test_damage(void)
{
	/* RFC 1952, 2.3: magic, deflate, no flags, no time, unknown system; an
	 * empty final block of fixed codes; CRC-32 and length of nothing. */
	static const char empty[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0";
	struct buf packed, out;
	struct error err;
	unsigned taken = 0;

	buf_init(&packed, 1 << 16);
	buf_init(&out, 1 << 16);
	ok(decode(str_of(empty, 20), 3, 10, &out, &err) == 0 && out.len == 0, "an empty member");
	ok(decode(STR("{\"resourceType\":\"Patient\"}"), 3, 100, &out, &err) != 0 &&
		err.kind == ERROR_INVALID,
	    "what is not gzip is refused");
	pack_by_zlib(text, 6, &packed);
	/* The last eight bytes are the checksum and the length. */
	for (size_t i = packed.len - 8; i < packed.len; i++) {
		packed.p[i] ^= 1;
		buf_clear(&out);
		taken += decode(buf_str(&packed), 0, 1000, &out, &err) == 0;
		packed.p[i] ^= 1;
	}
	is_int(taken, 0, "a wrong checksum or length is refused");
	buf_put_byte(&packed, 'x');
	buf_clear(&out);
	ok(decode(buf_str(&packed), 0, 1000, &out, &err) != 0, "rubbish behind a member too");
	buf_release(&packed);
	buf_release(&out);
}

static void
test_limits(void)
{
	enum { LONG = 8 << 20 };
	char *zeros = xcalloc(1, LONG);
	struct buf packed, out;
	struct gunzip *z;
	struct error err;

	buf_init(&packed, 16 << 20);
	buf_init(&out, 16 << 20);
	pack_by_zlib(text, 6, &packed);
	ok(decode(buf_str(&packed), 5, text.len, &out, &err) == 0, "as long as the limit");
	ok(decode(buf_str(&packed), 5, text.len - 1, &out, &err) != 0 && err.kind == ERROR_LIMIT,
	    "a byte longer is too long");
	z = gunzip_new(1000, refuse, NULL);
	ok(gunzip_feed(z, buf_str(&packed), &err) != 0 && err.kind == ERROR_IO,
	    "what the receiver says is handed on");
	gunzip_free(z);
	buf_clear(&packed);
	pack_by_zlib(str_of(zeros, LONG), 9, &packed);
	buf_clear(&out);
	ok(decode(buf_str(&packed), 0, UINT64_MAX, &out, &err) != 0 && err.kind == ERROR_LIMIT,
	    "a bomb of %zu bytes is refused", packed.len);
	ok(out.len <= GZIP_FREE + (1 << 15), "when it has given %zu bytes", out.len);
	buf_release(&packed);
	buf_release(&out);
	free(zeros);
}

static void
test_put(void)
{
	struct buf packed, out;
	struct error err;
	char *noise = xmalloc(300000);
	uint32_t x = 1;

	for (size_t i = 0; i < 300000; i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (char)(x >> 24);
	}
	buf_init(&packed, 1 << 20);
	buf_init(&out, 1 << 20);
	ok(gzip_put(str_of(noise, 300000), &packed) == 0 &&
		decode(buf_str(&packed), 77, 300000, &out, &err) == 0 && out.len == 300000 &&
		memcmp(out.p, noise, 300000) == 0,
	    "what is packed comes back");
	buf_release(&packed);
	buf_init(&packed, 100);
	ok(gzip_put(str_of(noise, 300000), &packed) != 0, "where it does not fit, it says so");
	buf_release(&packed);
	buf_release(&out);
	free(noise);
}

/* In pieces of 1, 2, 3, … bytes, none and the rest: one member of the whole. */
static void
test_pieces(void)
{
	static char plain[200000];
	struct gzip *z = gzip_new();
	struct str rest = str_of(plain, sizeof(plain));
	struct buf packed, out;
	struct error err;
	bool fine = true;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)('a' + i * i / 7 % 26);
	buf_init(&packed, 1 << 20);
	buf_init(&out, 1 << 20);
	for (size_t n = 1; n < 300; n++) {
		fine &= gzip_feed(z, str_of(rest.p, n), false, &packed) == 0;
		rest = str_from_index(rest, n);
	}
	fine &= gzip_feed(z, STR(""), false, &packed) == 0;
	fine &= gzip_feed(z, rest, true, &packed) == 0;
	gzip_free(z);
	ok(fine, "pieces are compressed");
	ok(decode(buf_str(&packed), packed.len / 2, 1 << 20, &out, &err) == 0 &&
		str_eq(buf_str(&out), str_of(plain, sizeof(plain))),
	    "and are one plain again");
	buf_release(&packed);
	buf_release(&out);
	buf_init(&packed, 100);
	z = gzip_new();
	ok(gzip_feed(z, str_of(plain, sizeof(plain)), true, &packed) == -1,
	    "what does not fit is told");
	gzip_free(z);
	buf_release(&packed);
}

int
main(void)
{
	test_splits();
	test_damage();
	test_limits();
	test_put();
	test_pieces();
	return tap_done();
}
