/* gateway/net/http1: requests by RFC 9110 and 9112, at every split. */
#include "base/buf.h"
#include "base/error.h"
#include "gateway/net/http1.h"
#include "tests/tap.h"

/* What was found, as a text, so that two runs can be compared. */
struct seen {
	struct buf text;
	bool piece_open; /* pieces of a body run together */
	enum http1_next on_head;
};

static void
close_piece(struct seen *s)
{
	if (s->piece_open)
		buf_puts(&s->text, "]");
	s->piece_open = false;
}

static enum http1_next
see_head(void *ctx, const struct http_head *h)
{
	struct seen *s = ctx;

	buf_printf(&s->text, "%.*s %d <%.*s> scheme=%.*s authority=%.*s path=%.*s ",
	    STR_ARG(h->method_name), h->method, STR_ARG(h->target), STR_ARG(h->scheme),
	    STR_ARG(h->authority), STR_ARG(h->path));
	if (h->query.p)
		buf_printf(&s->text, "query=%.*s ", STR_ARG(h->query));
	buf_printf(&s->text, "1.%u %s%s%s%s%llu", h->minor, h->keep_alive ? "keep " : "close ",
	    h->expect_continue ? "expect " : "", h->has_body ? "body " : "",
	    h->chunked ? "chunked " : "", (unsigned long long)h->content_length);
	for (size_t i = 0; i < h->header_count; i++)
		buf_printf(&s->text, "|%.*s=%.*s", STR_ARG(h->headers[i].name),
		    STR_ARG(h->headers[i].value));
	buf_puts(&s->text, "\n");
	return s->on_head;
}

static enum http1_next
see_body(void *ctx, struct str piece)
{
	struct seen *s = ctx;

	if (!s->piece_open)
		buf_puts(&s->text, "[");
	s->piece_open = true;
	buf_put_str(&s->text, piece);
	return HTTP1_GO;
}

static void
see_end(void *ctx)
{
	struct seen *s = ctx;

	close_piece(s);
	buf_puts(&s->text, "end\n");
}

/* Feed one part of the stream; goes on over requests. false when refused. */
static bool
feed_part(struct http1 *h, struct seen *s, struct str part)
{
	struct error err;
	int status = 0;

	do {
		ssize_t used = http1_feed(h, part.p, part.len, &status, &err);

		if (used < 0) {
			close_piece(s);
			buf_printf(&s->text, "refused %d", status);
			return false;
		}
		part = str_from_index(part, (size_t)used);
		if (http1_is_done(h))
			http1_reset(h);
	} while (part.len);
	return true;
}

/* Read a stream cut into parts of `step` bytes, after a first one of `first`. */
static void
read_stream(
    struct str input, size_t first, size_t step, const struct http1_limits *limits, struct seen *s)
{
	static const struct http1_callbacks callbacks = { see_head, see_body, see_end };
	static const struct http1_limits defaults;
	struct http1 *h = http1_new(limits ? limits : &defaults, &callbacks, s);

	buf_clear(&s->text);
	s->piece_open = false;
	while (input.len) {
		size_t n = first < input.len ? first : input.len;
		/* A copy of its own, so that the sanitizer sees reads past it. */
		char *part = malloc(n ? n : 1);
		bool good;

		memcpy(part, input.p, n);
		good = feed_part(h, s, str_of(part, n));
		free(part);
		if (!good)
			break;
		input = str_from_index(input, n);
		first = step;
	}
	close_piece(s);
	http1_free(h);
}

/* The stream gives `want`, whole, byte by byte and cut in two anywhere. */
static void
check(struct str input, const char *want, const struct http1_limits *limits, const char *name)
{
	struct seen s = { 0 };
	bool same = true;

	buf_init(&s.text, 1 << 20);
	read_stream(input, input.len, input.len, limits, &s);
	is_str(buf_str(&s.text), str_from(want), "%s", name);
	read_stream(input, 1, 1, limits, &s);
	same = str_is(buf_str(&s.text), want);
	for (size_t at = 1; at < input.len && same; at++) {
		read_stream(input, at, input.len, limits, &s);
		same = str_is(buf_str(&s.text), want);
	}
	ok(same, "%s, at every split", name);
	buf_release(&s.text);
}

static void
refused(struct str input, int status, const char *name)
{
	char want[32];

	snprintf(want, sizeof(want), "refused %d", status);
	check(input, want, NULL, name);
}

#define GET_11 "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST_11 "POST /p HTTP/1.1\r\nHost: a\r\n"

static void
test_heads(void)
{
	/* RFC 9112, 3.2.1 and 2.2. */
	check(STR("\r\n\r\nGET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n"),
	    "GET 1 </where?q=now> scheme= authority=www.example.org path=/where query=q=now 1.1 "
	    "keep "
	    "0|Host=www.example.org\nend\n",
	    NULL, "origin-form, empty lines before it");
	/* 3.2.2: the target's authority counts. */
	check(STR("GET http://www.example.org:8001/pub/x.html HTTP/1.1\r\nHost: other\r\n\r\n"),
	    "GET 1 <http://www.example.org:8001/pub/x.html> scheme=http "
	    "authority=www.example.org:8001 path=/pub/x.html 1.1 keep 0|Host=other\nend\n",
	    NULL, "absolute-form");
	check(STR("OPTIONS http://www.example.org:8001 HTTP/1.1\r\nHost: x\r\n\r\n"),
	    "OPTIONS 7 <http://www.example.org:8001> scheme=http authority=www.example.org:8001 "
	    "path=* 1.1 keep 0|Host=x\nend\n",
	    NULL, "absolute-form of OPTIONS without a path is asterisk-form");
	check(STR("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n"),
	    "OPTIONS 7 <*> scheme= authority=x path=* 1.1 close 0|Host=x|Connection=Close\nend\n",
	    NULL, "asterisk-form");
	check(STR("CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n"),
	    "CONNECT 9 <example.com:80> scheme= authority=example.com:80 path= 1.1 keep "
	    "0|Host=example.com\nend\n",
	    NULL, "authority-form");
	check(STR("GET /a?identifier=http://x|y HTTP/1.1\r\nhOsT:[::1]:80\t \r\nX:\r\n\r\n"),
	    "GET 1 </a?identifier=http://x|y> scheme= authority=[::1]:80 path=/a "
	    "query=identifier=http://x|y 1.1 keep 0|hOsT=[::1]:80|X=\nend\n",
	    NULL, "white space around values, IPv6 host, empty value, raw |");
	check(STR("GET /? HTTP/1.0\r\n\r\n"),
	    "GET 1 </?> scheme= authority= path=/ query= 1.0 close 0\nend\n", NULL,
	    "HTTP/1.0 needs no Host and closes");
	check(STR("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"),
	    "GET 1 </> scheme= authority= path=/ 1.0 keep 0|Connection=x, Keep-Alive\nend\n", NULL,
	    "HTTP/1.0 keep-alive");
	check(STR("BREW /pot HTTP/1.7\r\nHost:\r\n\r\n"),
	    "BREW 0 </pot> scheme= authority= path=/pot 1.1 keep 0|Host=\nend\n", NULL,
	    "an unknown method, a higher minor version, an empty Host");
	check(STR(GET_11 "\r\n" GET_11 "Connection: close\r\n\r\n"),
	    "GET 1 </> scheme= authority=a path=/ 1.1 keep 0|Host=a\nend\n"
	    "GET 1 </> scheme= authority=a path=/ 1.1 close 0|Host=a|Connection=close\nend\n",
	    NULL, "two in a row");
}

static void
test_bodies(void)
{
	check(STR(POST_11 "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello" GET_11 "\r\n"),
	    "POST 3 </p> scheme= authority=a path=/p 1.1 keep expect body "
	    "5|Host=a|Content-Length=5|Expect=100-Continue\n[hello]end\n"
	    "GET 1 </> scheme= authority=a path=/ 1.1 keep 0|Host=a\nend\n",
	    NULL, "Content-Length, and the next request");
	check(STR(POST_11 "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"),
	    "POST 3 </p> scheme= authority=a path=/p 1.1 keep "
	    "0|Host=a|Content-Length=0|Expect=100-continue\nend\n",
	    NULL, "an empty body expects nothing");
	/* RFC 9112, 7.1. */
	check(STR(POST_11 "Transfer-Encoding: Chunked\r\n\r\n"
			  "5\r\nhello\r\n00a ; x=\"1;2\" ;y\r\n, world!\r\n\r\n0\r\n\r\n" GET_11
			  "\r\n"),
	    "POST 3 </p> scheme= authority=a path=/p 1.1 keep body chunked "
	    "0|Host=a|Transfer-Encoding=Chunked\n[hello, world!\r\n]end\n"
	    "GET 1 </> scheme= authority=a path=/ 1.1 keep 0|Host=a\nend\n",
	    NULL, "chunked with extensions");
	check(STR(POST_11 "Transfer-Encoding: ,chunked, \r\n\r\n"
			  "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n"),
	    "POST 3 </p> scheme= authority=a path=/p 1.1 keep body chunked "
	    "0|Host=a|Transfer-Encoding=,chunked,\n[abcdefghijklmnopqrstuvwxyz]end\n",
	    NULL, "trailers are read and dropped");
	check(STR(POST_11 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	    "POST 3 </p> scheme= authority=a path=/p 1.1 keep body chunked "
	    "0|Host=a|Transfer-Encoding=chunked\nend\n",
	    NULL, "an empty chunked body");
}

static void
test_refused_heads(void)
{
	refused(STR("GET / HTTP/1.1\nHost: a\n\n"), 400, "a bare LF");
	refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), 400, "a bare CR in a value");
	refused(STR("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "two spaces");
	refused(STR("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400, "a space behind the version");
	refused(STR(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a space before the method");
	refused(STR("GET /\r\n\r\n"), 400, "HTTP/0.9");
	refused(STR("G(T / HTTP/1.1\r\n\r\n"), 400, "a method that is no token");
	refused(STR("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a control character");
	refused(STR("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a raw non-ASCII target");
	refused(STR("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a fragment");
	refused(STR("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a relative target");
	refused(STR("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "* with GET");
	refused(STR("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "another scheme");
	refused(STR("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "a URL without host");
	refused(STR("GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "userinfo");
	refused(STR("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "CONNECT to a path");
	refused(STR("GET / HTTP/2.0\r\n\r\n"), 505, "HTTP/2.0");
	refused(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "the preface of HTTP/2");
	refused(STR("GET / http/1.1\r\nHost: a\r\n\r\n"), 400, "a lower-case version");
	refused(STR("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400, "a long version");
	refused(STR("GET / HTTP/1.1\r\n\r\n"), 400, "no Host");
	refused(STR(GET_11 "Host: a\r\n\r\n"), 400, "Host twice");
	refused(STR("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400, "two Hosts in 1.0");
	refused(STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, "a space in Host");
	refused(STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, "a path in Host");
	refused(STR("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), 400, "a port that is none");
	refused(STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400, "an open bracket");
	refused(STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400, "a space before the first header");
	refused(STR(GET_11 "X: 1\r\n 2\r\n\r\n"), 400, "a folded header");
	refused(STR(GET_11 "X : 1\r\n\r\n"), 400, "a space before the colon");
	refused(STR(GET_11 "X\r\n\r\n"), 400, "no colon");
	refused(STR(GET_11 ": 1\r\n\r\n"), 400, "no name");
	refused(STR(GET_11 "X: a\0b\r\n\r\n"), 400, "a NUL");
	refused(STR(GET_11 "X: a\x7f\r\n\r\n"), 400, "a DEL");
	refused(STR("\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), 400, "nothing but empty lines");
	refused(STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"), 400, "a TLS hello");
}

static void
test_refused_framing(void)
{
	refused(STR(POST_11 "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400,
	    "two lengths that differ");
	refused(STR(POST_11 "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400,
	    "two lengths that agree");
	refused(STR(POST_11 "Content-Length: 5, 5\r\n\r\n"), 400, "a list of lengths");
	refused(STR(POST_11 "Content-Length: +5\r\n\r\n"), 400, "a sign");
	refused(STR(POST_11 "Content-Length: 0x5\r\n\r\n"), 400, "hex");
	refused(STR(POST_11 "Content-Length: 5 5\r\n\r\n"), 400, "a space within");
	refused(STR(POST_11 "Content-Length:\r\n\r\n"), 400, "an empty length");
	refused(STR(POST_11 "Content-Length: 18446744073709551617\r\n\r\n"), 413,
	    "a length over 64 bits");
	refused(STR(POST_11 "Content-Length: 9223372036854775808\r\n\r\n"), 413,
	    "a length over 63 bits");
	refused(STR(POST_11 "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
	    "both length and chunked");
	refused(STR(POST_11 "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501, "gzip, chunked");
	refused(STR(POST_11 "Transfer-Encoding: identity\r\n\r\n"), 501, "an unknown coding");
	refused(STR(POST_11 "Transfer-Encoding: xchunked\r\n\r\n"), 501, "almost chunked");
	refused(STR(POST_11 "Transfer-Encoding: chunked, gzip\r\n\r\n"), 400, "chunked not last");
	refused(STR(POST_11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	    400, "chunked twice");
	refused(STR(POST_11 "Transfer-Encoding:\r\n\r\n"), 400, "an empty coding");
	refused(STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
	    "chunked in HTTP/1.0");
	refused(STR("POST / HTTP/1.0\r\n\r\nbody"), 411, "a 1.0 body without length");
	refused(
	    STR(POST_11 "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n"), 417, "another expectation");
}

#define CHUNKED POST_11 "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD                                                                               \
	"POST 3 </p> scheme= authority=a path=/p 1.1 keep body chunked "                           \
	"0|Host=a|Transfer-Encoding=chunked\n"

static void
test_refused_chunks(void)
{
	static const struct {
		struct str input;
		const char *want, *name;
	} cases[] = {
		{ { CHUNKED "x\r\n", sizeof(CHUNKED "x\r\n") - 1 }, "refused 400", "no size" },
		{ { CHUNKED "-1\r\n", sizeof(CHUNKED "-1\r\n") - 1 }, "refused 400", "a sign" },
		{ { CHUNKED "0x1\r\n", sizeof(CHUNKED "0x1\r\n") - 1 }, "refused 400", "0x" },
		{ { CHUNKED " 1\r\n", sizeof(CHUNKED " 1\r\n") - 1 }, "refused 400",
		    "a space before" },
		{ { CHUNKED "1\na\r\n", sizeof(CHUNKED "1\na\r\n") - 1 }, "refused 400",
		    "a bare LF behind the size" },
		{ { CHUNKED "1 x\r\n", sizeof(CHUNKED "1 x\r\n") - 1 }, "refused 400",
		    "no extension" },
		{ { CHUNKED "1;a\rb\r\n", sizeof(CHUNKED "1;a\rb\r\n") - 1 }, "refused 400",
		    "a CR in an extension" },
		{ { CHUNKED "fffffffffffffffff\r\n", sizeof(CHUNKED "fffffffffffffffff\r\n") - 1 },
		    "refused 400", "a huge size" },
		{ { CHUNKED "1\r\nab\r\n", sizeof(CHUNKED "1\r\nab\r\n") - 1 }, "[a]refused 400",
		    "a chunk longer than its size" },
		{ { CHUNKED "1\r\na\n", sizeof(CHUNKED "1\r\na\n") - 1 }, "[a]refused 400",
		    "a bare LF behind a chunk" },
		{ { CHUNKED "0\r\nX\r\n\r\n", sizeof(CHUNKED "0\r\nX\r\n\r\n") - 1 }, "refused 400",
		    "a trailer without colon" },
		{ { CHUNKED "0\r\nX: 1\n\r\n", sizeof(CHUNKED "0\r\nX: 1\n\r\n") - 1 },
		    "refused 400", "a bare LF behind a trailer" },
	};
	char want[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(want, sizeof(want), "%s%s", CHUNKED_HEAD, cases[i].want);
		check(cases[i].input, want, NULL, cases[i].name);
	}
}

static void
test_limits(void)
{
	const struct http1_limits l = {
		.head_bytes = 200, .target = 20, .headers = 3, .chunk_line = 16, .trailers = 12
	};
	struct buf b;

	check(STR("GET /90123456789012345678 HTTP/1.1\r\nHost: a\r\n\r\n"), "refused 414", &l,
	    "a long target");
	check(STR("GET /012345678901234567890123456789012345678901234567890123456789"
		  "01234567890123456789012345678901234567890123456789"),
	    "refused 414", &l, "a longer one, never ended");
	check(STR("GET /9012345678901234567 HTTP/1.0\r\nA:\r\nB:\r\nC:\r\n\r\n"),
	    "GET 1 </9012345678901234567> scheme= authority= path=/9012345678901234567 1.0 close "
	    "0|A=|B=|C=\nend\n",
	    &l, "all that is allowed");
	check(STR("GET / HTTP/1.0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n"), "refused 431", &l,
	    "too many headers");
	buf_init(&b, 1000);
	buf_puts(&b, "GET / HTTP/1.0\r\nA: ");
	while (b.len < 194)
		buf_puts(&b, "x");
	buf_puts(&b, "\r\n\r\n");
	ok(b.len == 198, "a head near its limit");
	buf_clear(&b);
	buf_puts(&b, "GET / HTTP/1.0\r\nA: ");
	while (b.len < 197)
		buf_puts(&b, "x");
	buf_puts(&b, "\r\n\r\n");
	check(buf_str(&b), "refused 431", &l, "a head one byte too long");
	buf_release(&b);
	check(STR(CHUNKED "1;456789012345\r\na\r\n1;45678901234567\r\n"),
	    CHUNKED_HEAD "[a]refused 400", &l, "a chunk's line");
	check(STR(CHUNKED "0\r\nA: 345678901\r\n\r\n"), CHUNKED_HEAD "refused 431", &l, "trailers");
	check(STR(CHUNKED "0\r\nA: 34567\r\n\r\n"), CHUNKED_HEAD "end\n", &l,
	    "trailers of the length allowed");
}

static void
test_pause(void)
{
	static const struct http1_callbacks callbacks = { see_head, see_body, see_end };
	static const struct http1_limits defaults;
	struct seen s = { .on_head = HTTP1_PAUSE };
	struct http1 *h;
	struct error err;
	int status = 0;
	struct str in = STR(POST_11 "Content-Length: 2\r\n\r\nhi");

	buf_init(&s.text, 1000);
	h = http1_new(&defaults, &callbacks, &s);
	ok(http1_is_idle(h) && !http1_has_head(h), "idle at first");
	is_int(http1_feed(h, in.p, in.len, &status, &err), in.len - 2, "pauses behind the head");
	ok(http1_has_head(h) && !http1_is_done(h) && !http1_is_idle(h), "the head is there");
	is_int(http1_feed(h, "hi", 2, &status, &err), 2, "goes on");
	ok(http1_is_done(h), "and is done");
	is_int(http1_feed(h, "x", 1, &status, &err), 0, "takes nothing more before the reset");
	http1_reset(h);
	in = STR(GET_11 "\r\n");
	is_int(http1_feed(h, in.p, in.len, &status, &err), in.len, "pauses without a body");
	ok(!http1_is_done(h), "not done while paused");
	is_int(http1_feed(h, "", 0, &status, &err), 0, "goes on with nothing");
	ok(http1_is_done(h), "and is done then");
	http1_reset(h);
	in = STR("PUT /x HTTP/1.1\r\nA: b\r\nBad");
	http1_feed(h, in.p, in.len, &status, &err);
	ok(str_is(http1_head(h)->target, "/x") && http1_head(h)->method == HTTP_PUT &&
		str_is(http_header_get(http1_head(h), "a"), "b"),
	    "a head not yet whole can be looked at");
	http1_free(h);
	buf_release(&s.text);
}

static void
test_lists(void)
{
	struct str item, rest = STR(" a, ,\"b,\\\"c\" ;q=1,,d ");

	ok(http_list_next(&rest, &item) && str_is(item, "a"), "the first of a list");
	ok(http_list_next(&rest, &item) && str_is(item, "\"b,\\\"c\" ;q=1"), "a quoted comma");
	ok(http_list_next(&rest, &item) && str_is(item, "d"), "empty ones are left out");
	ok(!http_list_next(&rest, &item), "the end");
}

static void
test_writer(void)
{
	struct http_header headers[] = {
		{ STR("ETag"), STR("W/\"1\"") },
		{ STR("Location"), STR("/x") },
	};
	struct http_response r = {
		.status = 201, .headers = headers, .header_count = 2, .body_length = 12
	};
	struct buf b;

	buf_init(&b, 4096);
	ok(http1_write_head(&b, &r, STR("Sun, 06 Nov 1994 08:49:37 GMT")), "writes a head");
	is_str(buf_str(&b),
	    STR("HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Content-Length: 12\r\nETag: W/\"1\"\r\nLocation: /x\r\n\r\n"),
	    "as the standard has it");
	buf_clear(&b);
	headers[1].value = STR("/x\r\nSet-Cookie: a=b");
	ok(!http1_write_head(&b, &r, STR("")), "a line break in a value is found");
	ok(str_find_str(buf_str(&b), STR("Set-Cookie")) < 0, "and not written");
	headers[1] = (struct http_header){ STR("X Y"), STR("") };
	ok(!http1_write_head(&b, &r, STR("")), "a name that is no token is found");
	buf_clear(&b);
	r = (struct http_response){ .status = 304, .close = true, .chunked = true };
	http1_write_head(&b, &r, STR(""));
	is_str(buf_str(&b), STR("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"),
	    "304 has no framing");
	buf_clear(&b);
	r = (struct http_response){ .status = 200, .chunked = true, .keep_alive_1_0 = true };
	http1_write_head(&b, &r, STR(""));
	http1_write_chunk_size(&b, 26);
	is_str(buf_str(&b),
	    STR("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
		"\r\n1a\r\n"),
	    "chunked");
	buf_release(&b);
}

int
main(void)
{
	test_heads();
	test_bodies();
	test_refused_heads();
	test_refused_framing();
	test_refused_chunks();
	test_limits();
	test_pause();
	test_lists();
	test_writer();
	return tap_done();
}
