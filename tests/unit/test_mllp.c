/* gateway/net/mllp: frames at every split, and streams out of step. */
#include "base/buf.h"
#include "base/error.h"
#include "gateway/net/mllp.h"
#include "tests/tap.h"

struct seen {
	struct buf text;
	enum mllp_next next;
};

static enum mllp_next
see(void *ctx, struct str message)
{
	struct seen *s = ctx;

	buf_put_byte(&s->text, '[');
	buf_put_str(&s->text, message);
	buf_put_byte(&s->text, ']');
	return s->next;
}

static const char *
kind_name(enum error_kind kind)
{
	return kind == ERROR_LIMIT ? "limit" : kind == ERROR_INVALID ? "invalid" : "other";
}

static bool
feed_part(struct mllp *m, struct seen *s, struct str part)
{
	char *copy = malloc(part.len ? part.len : 1);
	struct error err;
	size_t at = 0;
	ssize_t used = 0;

	memcpy(copy, part.p, part.len);
	while (at < part.len && used >= 0) {
		used = mllp_feed(m, copy + at, part.len - at, &err);
		at += used > 0 ? (size_t)used : 0;
	}
	free(copy);
	if (used < 0)
		buf_printf(&s->text, "%s<%.*s>", kind_name(err.kind), STR_ARG(mllp_partial(m)));
	return used >= 0;
}

static void
read_stream(struct str in, size_t first, size_t step, struct seen *s)
{
	struct mllp *m = mllp_new(12, see, s);

	buf_clear(&s->text);
	while (in.len && feed_part(m, s, str_of(in.p, first < in.len ? first : in.len))) {
		in = str_from_index(in, first);
		first = step;
	}
	if (mllp_is_inside(m))
		buf_printf(&s->text, "inside<%.*s>", STR_ARG(mllp_partial(m)));
	if (mllp_dropped(m))
		buf_printf(&s->text, " dropped %u", (unsigned)mllp_dropped(m));
	mllp_free(m);
}

static void
check_with(struct str in, const char *want, const char *name, enum mllp_next next)
{
	struct seen s = { .next = next };
	bool same;

	buf_init(&s.text, 1 << 16);
	read_stream(in, 1, 1, &s);
	is_str(buf_str(&s.text), str_from(want), "%s", name);
	same = true;
	for (size_t at = 1; at <= in.len && same; at++) {
		read_stream(in, at, in.len, &s);
		same = str_is(buf_str(&s.text), want);
	}
	ok(same, "%s, at every split", name);
	buf_release(&s.text);
}

static void
check(struct str in, const char *want, const char *name)
{
	check_with(in, want, name, MLLP_GO);
	check_with(in, want, name, MLLP_PAUSE);
}

static void
test_garbage(void)
{
	struct buf b, want;

	buf_init(&b, 4096);
	buf_init(&want, 4096);
	for (int i = 0; i < MLLP_GARBAGE; i++)
		buf_put_byte(&b, 'x');
	buf_puts(&b, "\x0b"
		     "A\x1c\r");
	check(buf_str(&b), "[A]", "garbage up to its limit");
	buf_clear(&b);
	for (int i = 0; i <= MLLP_GARBAGE; i++)
		buf_put_byte(&b, 'x');
	buf_puts(&b, "\x0b"
		     "A\x1c\r");
	check(buf_str(&b), "invalid<>", "garbage past its limit");
	buf_release(&b);
	buf_release(&want);
}

int
main(void)
{
	struct buf b;

	check(STR("\x0bMSH|a\rPID\r\x1c\r"), "[MSH|a\rPID\r]", "a message");
	check(STR("\x0b"
		  "A\x1c\r\x0b"
		  "B\x1c\r\x0b"
		  "C\x1c\r"),
	    "[A][B][C]", "three in a row");
	check(STR("\x0b\x1c\r"), "[]", "an empty one");
	check(STR("\x0b"
		  "A\x1c\x0b"
		  "B\x1c\r"),
	    "[A][B]", "the CR missing before the next message");
	check(STR("\x0b"
		  "A\x1c"),
	    "inside<A>", "an end that is not whole");
	check(STR("\r\n \x0b"
		  "A\x1c\r\n\n\x1c\x0b"
		  "B\x1c\r"),
	    "[A][B]", "bytes between frames");
	check(STR("\x0b"
		  "A\x1c\r\x0bMSH|cut"),
	    "[A]inside<MSH|cut>", "cut off");
	check(STR("\x0bMSH|c\x0b"
		  "B\x1c\r\x0b\x0b"
		  "C\x1c\r"),
	    "[B][C] dropped 2", "a start inside a message");
	check(STR("\x0b"
		  "123456789012\x1c\r"),
	    "[123456789012]", "of the length allowed");
	check(STR("\x0b"
		  "1234567890123\x1c\r\x0b"
		  "A\x1c\r"),
	    "limit<123456789012>", "one byte too long");
	test_garbage();
	buf_init(&b, 100);
	mllp_write(&b, STR("MSA|AA|1\r"));
	is_str(buf_str(&b), STR("\x0bMSA|AA|1\r\x1c\r"), "a frame written");
	buf_release(&b);
	return tap_done();
}
