/* base/: arena, str, buf, clock, hash, utf8, findings. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/finding.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "tests/tap.h"

static void
test_drop(void)
{
	const size_t large = (1 << 20) + 1;
	struct arena a;
	char *small, *one, *two, *next;
	size_t before;

	arena_init(&a, 16 << 20, ARENA_WIPE);
	small = memset(arena_alloc_bytes(&a, 100), 's', 100);
	before = a.used;
	one = memset(arena_alloc_bytes(&a, large), '1', large);
	two = memset(arena_alloc_bytes(&a, large), '2', large);
	arena_drop(&a, one);
	ok(a.used < before + 2 * large && two[large - 1] == '2',
	    "an older large piece is given back");
	next = memset(arena_alloc_bytes(&a, 100), 'n', 100);
	arena_drop(&a, two);
	ok(small[99] == 's' && next[0] == 'n' && next[99] == 'n', "others stay as they were");
	one = memset(arena_alloc_bytes(&a, large), '1', large);
	before = a.used;
	arena_drop(&a, one);
	ok(a.used < before, "so is the newest");
	next = arena_alloc_bytes(&a, 100);
	ok(next && memset(next, 'm', 100) && small[0] == 's', "and what is behind it can be had");
	before = a.used;
	arena_drop(&a, small);
	arena_drop(&a, "elsewhere");
	is_int(a.used, before, "a small piece stays, and what is none of it is none");
	arena_release(&a);
	is_int(a.used, 0, "release gives the rest back");
}

static void
test_arena(void)
{
	struct arena a;
	char *p, *q;

	arena_init(&a, 64 * 1024, ARENA_WIPE);
	p = arena_zalloc(&a, 100);
	ok(p && (uintptr_t)p % alignof(max_align_t) == 0, "pieces are aligned");
	ok(p && p[0] == 0 && p[99] == 0, "zalloc zeroes");
	q = arena_grow(&a, p, 100, 200);
	ok(q == p, "the newest piece grows in place");
	ok(arena_alloc(&a, 64 * 1024) == NULL, "the limit holds");
	ok(arena_alloc(&a, SIZE_MAX) == NULL, "a huge request is refused");
	ok(arena_calloc(&a, SIZE_MAX / 2, 4) == NULL, "a product that overflows is refused");
	ok(arena_alloc(&a, 40 * 1024) != NULL, "what is left can still be had");
	arena_release(&a);
	is_int(a.used, 0, "release gives everything back");
	test_drop();
}

static void
test_str(void)
{
	struct str part, rest = STR("a,,b");
	int64_t n;
	unsigned parts = 0;

	while (str_split(&rest, ',', &part))
		parts++;
	is_int(parts, 3, "split gives empty parts too");
	is_str(str_trim(STR(" \tx y\r\n")), STR("x y"), "trim");
	ok(str_to_int(STR("-9223372036854775808"), &n) && n == INT64_MIN, "the least int");
	ok(!str_to_int(STR("9223372036854775808"), &n), "one too large");
	ok(!str_to_int(STR(""), &n) && !str_to_int(STR("-"), &n) && !str_to_int(STR("1x"), &n),
	    "no number");
	is_int(str_distance(STR("Pateint"), STR("patient"), 5), 2, "distance folds case");
	is_int(str_distance(STR("abc"), STR("xyz"), 2), 3, "distance past the limit");
	is_int(str_find_str(STR("hello"), STR("llo")), 2, "find a text");
	is_int(str_find_str(STR("hello"), STR("lloo")), -1, "find none");
}

static void
test_buf(void)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_put_json(&b, STR("a\"\\\n\x01\xc3\xa9"));
	is_str(buf_str(&b), STR("\"a\\\"\\\\\\n\\u0001\xc3\xa9\""), "JSON string");
	buf_clear(&b);
	buf_put_i64(&b, INT64_MIN);
	is_str(buf_str(&b), STR("-9223372036854775808"), "the least int");
	buf_clear(&b);
	for (int i = 0; i < 2000; i++)
		buf_put_byte(&b, 'x');
	ok(b.full && b.len == 1000, "the limit holds");
	buf_release(&b);
	buf_init(&b, 50);
	buf_puts(&b, "a text of more than fifty bytes, which is the limit");
	ok(b.full && b.len == 0, "a small limit holds too");
	buf_release(&b);
}

static void
test_clock(void)
{
	char text[INSTANT_TEXT];
	int64_t start, end, wall;

	instant_format(INT64_C(951782400123456), text);
	is_str(str_from(text), STR("2000-02-29T00:00:00.123Z"), "an instant");
	instant_format(-1, text);
	is_str(str_from(text), STR("1969-12-31T23:59:59.999Z"), "before the epoch");
	/* The example date of RFC 9110, 5.6.7. */
	ok(http_date_parse(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &wall) &&
		wall == INT64_C(784111777000000),
	    "an HTTP date");
	http_date_format(wall, text);
	is_str(str_from(text), STR("Sun, 06 Nov 1994 08:49:37 GMT"), "and back");
	ok(instant_parse(STR("2012-02"), &start, &end) &&
		end - start + 1 == 29 * INT64_C(86400000000),
	    "a leap February");
	ok(instant_parse(STR("1994-11-06T09:49:37+01:00"), &start, &end) && start == wall &&
		end == wall + 999999,
	    "an instant with a zone");
	ok(!instant_parse(STR("2013-02-29"), &start, &end) &&
		!instant_parse(STR("2013-2-1"), &start, &end) &&
		!instant_parse(STR("2013-02-01T25:00:00Z"), &start, &end) &&
		!instant_parse(STR("2013-02-01T10:00:00.Z"), &start, &end),
	    "what is no date");
}

static void
test_hash(void)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], uuid[37], again[37];
	struct str parts[] = { STR("a"), STR("bc") };

	/* FIPS 180-4's example "abc". */
	sha256(STR("abc"), digest);
	hex_encode(digest, sizeof(digest), hex);
	is_str(str_from(hex),
	    STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
		"b410ff61f20015ad"),
	    "SHA-256 of abc");
	sha256_parts(parts, 2, digest);
	hex_encode(digest, 4, hex);
	is_str(str_from(hex), STR("ba7816bf"), "the same in parts");
	uuid_of(STR("x"), uuid);
	uuid_of(STR("x"), again);
	ok(strcmp(uuid, again) == 0 && uuid[14] == '8', "a UUID of a text");
	ok(!hex_decode(STR("0g"), digest, 1) && !hex_decode(STR("0"), digest, 1), "what is no hex");
}

static void
test_utf8(void)
{
	ok(utf8_is_valid(STR("aé€\xf0\x9f\x8f\xa5 plain text behind it")), "well-formed");
	ok(!utf8_is_valid(STR("\xc0\x80")), "overlong");
	ok(!utf8_is_valid(STR("\xed\xa0\x80")), "a surrogate");
	ok(!utf8_is_valid(STR("\xf4\x90\x80\x80")), "over U+10FFFF");
	is_int(utf8_valid_prefix(STR("12345678\xe2\x82")), 8, "cut short");
}

static void
test_findings(void)
{
	struct arena a;
	struct findings f;

	arena_init(&a, 1 << 16, 0);
	findings_init(&f, &a, 2);
	for (int i = 0; i < 3; i++)
		findings_add(&f, SEVERITY_ERROR, "value", STR("Patient.x"), 1, 2, "number %d", i);
	ok(f.count == 2 && f.errors == 3 && f.more, "counts what it does not keep");
	is_str(f.first->next->text, STR("number 1"), "in order");
	findings_init(&f, &a, 2);
	findings_add(&f, SEVERITY_WARNING, "value", STR("a"), 0, 0, "first");
	findings_add(&f, SEVERITY_WARNING, "value", STR("b"), 0, 0, "second");
	findings_add(&f, SEVERITY_ERROR, "value", STR("c"), 0, 0, "third");
	ok(f.count == 2 && f.errors == 1 && f.more, "a full list counts");
	ok(str_is(f.first->path, "a") && str_is(f.first->next->path, "c"),
	    "an error takes the place of a warning");
	findings_add(&f, SEVERITY_FATAL, "value", STR("d"), 0, 0, "fourth");
	findings_add(&f, SEVERITY_ERROR, "value", STR("e"), 0, 0, "fifth");
	ok(str_is(f.first->path, "d") && str_is(f.first->next->path, "c") && f.errors == 3,
	    "but never that of another error");
	arena_release(&a);
}

int
main(void)
{
	test_arena();
	test_str();
	test_buf();
	test_clock();
	test_hash();
	test_utf8();
	test_findings();
	return tap_done();
}
