#include "gateway/net/http1.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	HEAD_BYTES = 32 * 1024,
	TARGET_BYTES = 8 * 1024,
	HEADERS_MOST = 100,
	CHUNK_LINE = 256,
	TRAILER_BYTES = 4 * 1024,
	EMPTY_LINES = 4,   /* allowed before a request (RFC 9112, 2.2) */
	START_LINE = 64,   /* what a request line has besides its target */
	KEEP_BYTES = 8192, /* of a buffer when it is reset */
	CHUNK_DIGITS = 15, /* 2^60 bytes are enough */
};

enum state {
	START,	    /* before and in the request line */
	HEADERS,    /* header lines */
	HEAD_DONE,  /* head() was called */
	BODY,	    /* Content-Length bytes */
	CHUNK_SIZE, /* the line before a chunk */
	CHUNK_DATA, /* its bytes */
	CHUNK_END,  /* CRLF behind them */
	TRAILERS,   /* lines behind the last chunk */
	BODY_DONE,  /* all bytes given */
	DONE,	    /* end() was called */
	REFUSED,
};

struct http1 {
	struct http1_limits limits;
	struct http1_callbacks callbacks;
	void *ctx;
	enum state state;
	int status;
	struct error *err;

	struct buf text;   /* request line and headers, as sent */
	struct buf line;   /* of a chunk or trailer */
	size_t line_start; /* in text */
	unsigned empty_lines;
	size_t trailer_bytes;
	uint64_t left; /* of the body or chunk */

	struct http_header *headers;
	/* Offsets in text, as long as it may move. */
	struct offsets {
		uint32_t name, name_len, value, value_len;
	} * offsets, method, target;
	struct http_head head;
	bool has_head; /* and head() was called */
};

/* What a byte may be part of. */
enum {
	TOKEN = 1,  /* RFC 9110, 5.6.2 */
	TARGET = 2, /* visible ASCII but '#': '|', '{' and the like are sent raw
		     * by many clients of search APIs */
	VALUE = 4,  /* field value, white space too; RFC 9110, 5.5 */
	HOST = 8,   /* unreserved, sub-delims and '%'; RFC 3986, 3.2.2 */
};

static uint8_t byte_classes[256];

__attribute__((constructor)) static void
make_byte_classes(void)
{
	static const char token[] = "!#$%&'*+-.^_`|~";
	static const char host[] = "-._~!$&'()*+,;=%";

	for (int c = 1; c < 256; c++) {
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z');
		int class = 0;

		if (alnum || strchr(token, c))
			class |= TOKEN;
		if (c > ' ' && c < 0x7f && c != '#')
			class |= TARGET;
		if ((c >= ' ' && c != 0x7f) || c == '\t')
			class |= VALUE;
		if (alnum || strchr(host, c))
			class |= HOST;
		byte_classes[c] = (uint8_t) class;
	}
}

static bool
is_made_of(struct str s, int class)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(byte_classes[(uint8_t)s.p[i]] & class))
			return false;
	return true;
}

static bool
is_token(struct str s)
{
	return s.len && is_made_of(s, TOKEN);
}

static bool
is_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len > 0;
}

static struct str
trim_blanks(struct str s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_from_index(s, 1);
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Refuse the request. Returns -1. */
static int
refuse(struct http1 *h, int status, const char *why)
{
	h->state = REFUSED;
	h->status = status;
	return error_set(
	    h->err, status == 400 || status == 501 ? ERROR_INVALID : ERROR_LIMIT, "%s", why);
}

/* Life. */

struct http1 *
http1_new(const struct http1_limits *limits, const struct http1_callbacks *callbacks, void *ctx)
{
	struct http1 *h = xcalloc(1, sizeof(*h));

	h->limits = *limits;
	if (!h->limits.head_bytes)
		h->limits.head_bytes = HEAD_BYTES;
	if (!h->limits.target)
		h->limits.target = TARGET_BYTES;
	if (!h->limits.headers)
		h->limits.headers = HEADERS_MOST;
	if (!h->limits.chunk_line)
		h->limits.chunk_line = CHUNK_LINE;
	if (!h->limits.trailers)
		h->limits.trailers = TRAILER_BYTES;
	if (h->limits.head_bytes > UINT32_MAX)
		h->limits.head_bytes = UINT32_MAX;
	h->callbacks = *callbacks;
	h->ctx = ctx;
	h->headers = xcalloc(h->limits.headers, sizeof(*h->headers));
	h->offsets = xcalloc(h->limits.headers, sizeof(*h->offsets));
	buf_init(&h->text, h->limits.head_bytes);
	buf_init(&h->line,
	    h->limits.trailers > h->limits.chunk_line ? h->limits.trailers : h->limits.chunk_line);
	h->text.wipe = h->line.wipe = true;
	return h;
}

void
http1_free(struct http1 *h)
{
	if (!h)
		return;
	buf_release(&h->text);
	buf_release(&h->line);
	free(h->headers);
	free(h->offsets);
	free(h);
}

static void
empty_buffer(struct buf *b, size_t limit)
{
	if (b->cap > KEEP_BYTES) {
		buf_release(b);
		buf_init(b, limit);
		b->wipe = true;
		return;
	}
	if (b->len)
		explicit_bzero(b->p, b->len);
	buf_clear(b);
}

void
http1_reset(struct http1 *h)
{
	empty_buffer(&h->text, h->text.limit);
	empty_buffer(&h->line, h->line.limit);
	h->state = START;
	h->status = 0;
	h->line_start = 0;
	h->empty_lines = 0;
	h->trailer_bytes = 0;
	h->left = 0;
	h->method = h->target = (struct offsets){ 0 };
	h->head = (struct http_head){ 0 };
	h->has_head = false;
}

bool
http1_is_idle(const struct http1 *h)
{
	return h->state == START && (h->text.len == 0 || h->text.p[0] == '\r');
}

bool
http1_is_done(const struct http1 *h)
{
	return h->state == DONE;
}

bool
http1_has_head(const struct http1 *h)
{
	return h->has_head;
}

/* The request line (RFC 9112, 3). */

static enum http_method
method_of(struct str name)
{
	static const struct {
		struct str name;
		enum http_method method;
	} methods[] = {
		{ { "GET", 3 }, HTTP_GET },
		{ { "HEAD", 4 }, HTTP_HEAD },
		{ { "POST", 4 }, HTTP_POST },
		{ { "PUT", 3 }, HTTP_PUT },
		{ { "PATCH", 5 }, HTTP_PATCH },
		{ { "DELETE", 6 }, HTTP_DELETE },
		{ { "OPTIONS", 7 }, HTTP_OPTIONS },
		{ { "TRACE", 5 }, HTTP_TRACE },
		{ { "CONNECT", 7 }, HTTP_CONNECT },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(name, methods[i].name))
			return methods[i].method;
	return HTTP_OTHER;
}

static int
read_version(struct http1 *h, struct str v)
{
	if (v.len != 8 || !str_starts(v, STR("HTTP/")) || v.p[6] != '.' ||
	    !is_digits(str_of(v.p + 5, 1)) || !is_digits(str_of(v.p + 7, 1)))
		return refuse(h, 400, "the request line does not end with an HTTP version");
	if (v.p[5] != '1')
		return refuse(h, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	h->head.minor = v.p[7] != '0';
	return 0;
}

static int
read_start_line(struct http1 *h, struct str line)
{
	struct str rest = line, method, target;

	if (!str_split(&rest, ' ', &method) || !str_split(&rest, ' ', &target))
		return refuse(h, 400, "the request line is not made of method, target and version");
	if (!is_token(method))
		return refuse(h, 400, "the request's method is not a token");
	if (target.len > h->limits.target)
		return refuse(h, 414,
		    "the request's target is too long; search with POST to "
		    "_search when there are many parameters");
	if (target.len == 0 || !is_made_of(target, TARGET))
		return refuse(h, 400,
		    "the request's target is empty or holds characters that must "
		    "be percent-encoded");
	if (read_version(h, rest) < 0)
		return -1;
	h->head.method = method_of(method);
	h->method = (struct offsets){ .name = (uint32_t)(method.p - h->text.p),
		.name_len = (uint32_t)method.len };
	h->target = (struct offsets){ .name = (uint32_t)(target.p - h->text.p),
		.name_len = (uint32_t)target.len };
	h->state = HEADERS;
	return 0;
}

static struct str
take_offset(const struct http1 *h, uint32_t from, uint32_t len)
{
	return str_of(h->text.p + from, len);
}

/* uri-host [ ":" port ] (RFC 9110, 7.2); may be empty. */
static bool
is_host(struct str s)
{
	struct str host, port = { 0 };
	ptrdiff_t at;

	if (s.len && s.p[0] == '[') {
		at = str_find(s, ']');
		if (at < 0 || at == 1)
			return false;
		host = str_of(s.p + 1, (size_t)at - 1);
		for (size_t i = 0; i < host.len; i++)
			if (host.p[i] != ':' && !is_made_of(str_of(host.p + i, 1), HOST))
				return false;
		port = str_from_index(s, (size_t)at + 1);
		return port.len == 0 ||
		       (port.p[0] == ':' && (port.len == 1 || is_digits(str_from_index(port, 1))));
	}
	at = str_find(s, ':');
	host = at < 0 ? s : str_of(s.p, (size_t)at);
	port = at < 0 ? port : str_from_index(s, (size_t)at + 1);
	return is_made_of(host, HOST) && (port.len == 0 || is_digits(port));
}

static void
split_query(struct http_head *h, struct str path)
{
	ptrdiff_t at = str_find(path, '?');

	h->path = at < 0 ? path : str_of(path.p, (size_t)at);
	if (at >= 0)
		h->query = str_from_index(path, (size_t)at + 1);
}

/* "http://host:port/path?query" (RFC 9112, 3.2.2). */
static int
read_absolute_form(struct http1 *h, struct str target)
{
	struct http_head *d = &h->head;
	ptrdiff_t at = str_find_str(target, STR("://"));
	struct str rest;
	size_t end = 0;

	if (at < 0)
		return refuse(h, 400, "the request's target is neither a path nor a URL");
	d->scheme = str_of(target.p, (size_t)at);
	if (!str_eq_nocase(d->scheme, STR("http")) && !str_eq_nocase(d->scheme, STR("https")))
		return refuse(
		    h, 400, "the request's target has a scheme other than http and https");
	rest = str_from_index(target, (size_t)at + 3);
	while (end < rest.len && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	d->authority = str_of(rest.p, end);
	if (end == 0 || !is_host(d->authority))
		return refuse(h, 400, "the request's target has no proper host");
	split_query(d, str_from_index(rest, end));
	if (d->path.len == 0)
		d->path = d->method == HTTP_OPTIONS && !d->query.p ? STR("*") : STR("/");
	return 0;
}

static int
read_target(struct http1 *h)
{
	struct http_head *d = &h->head;
	struct str t = d->target;

	if (d->method == HTTP_CONNECT) {
		ptrdiff_t at = str_find(t, ':');

		if (at <= 0 || !is_host(t))
			return refuse(h, 400, "the target of CONNECT is not host:port");
		d->authority = t;
		return 0;
	}
	if (t.p[0] == '/') {
		split_query(d, t);
		return 0;
	}
	if (str_is(t, "*")) {
		if (d->method != HTTP_OPTIONS)
			return refuse(h, 400, "the target * is for OPTIONS only");
		d->path = t;
		return 0;
	}
	return read_absolute_form(h, t);
}

/* Header lines (RFC 9112, 5). */

/* Cut a field line; refuses what is none. */
static int
read_field(struct http1 *h, struct str line, struct str *name, struct str *value)
{
	ptrdiff_t at;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return refuse(h, 400, "a header is folded over two lines");
	at = str_find(line, ':');
	if (at < 0)
		return refuse(h, 400, "a header has no colon");
	*name = str_of(line.p, (size_t)at);
	if (!is_token(*name))
		return refuse(h, 400,
		    "a header's name is not a token; there must be no space "
		    "before the colon");
	*value = trim_blanks(str_from_index(line, (size_t)at + 1));
	if (!is_made_of(*value, VALUE))
		return refuse(h, 400, "a header's value holds a control character");
	return 0;
}

static int
read_header_line(struct http1 *h, struct str line)
{
	struct str name, value;

	if (read_field(h, line, &name, &value) < 0)
		return -1;
	if (h->head.header_count == h->limits.headers)
		return refuse(h, 431, "the request has too many headers");
	h->offsets[h->head.header_count++] = (struct offsets){
		.name = (uint32_t)(name.p - h->text.p),
		.name_len = (uint32_t)name.len,
		.value = (uint32_t)(value.p - h->text.p),
		.value_len = (uint32_t)value.len,
	};
	return 0;
}

/* Now that text does not move any more. */
static void
fix_offsets(struct http1 *h)
{
	struct http_head *d = &h->head;

	for (size_t i = 0; i < d->header_count; i++) {
		const struct offsets *o = &h->offsets[i];

		h->headers[i].name = take_offset(h, o->name, o->name_len);
		h->headers[i].value = take_offset(h, o->value, o->value_len);
	}
	d->headers = h->headers;
	d->method_name = take_offset(h, h->method.name, h->method.name_len);
	d->target = take_offset(h, h->target.name, h->target.name_len);
}

const struct http_head *
http1_head(struct http1 *h)
{
	if (!h->has_head && h->method.name_len)
		fix_offsets(h);
	return &h->head;
}

/* What the head says about the framing and the connection. */
struct framing {
	unsigned hosts, lengths, codings;
	bool chunked, unknown_coding, faulty_coding;
	bool close, keep_alive;
};

static int
read_length(struct http1 *h, struct str value)
{
	uint64_t n = 0;

	if (!is_digits(value))
		return refuse(h, 400, "Content-Length is not a number");
	for (size_t i = 0; i < value.len; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(value.p[i] - '0'), &n) || n > INT64_MAX)
			return refuse(h, 413, "Content-Length is beyond all limits");
	h->head.content_length = n;
	return 0;
}

static void
read_codings(struct framing *f, struct str value)
{
	struct str item;
	unsigned items = 0;

	while (http_list_next(&value, &item)) {
		items++;
		if (f->chunked)
			f->faulty_coding = true; /* chunked must be the last, once */
		else if (str_eq_nocase(item, STR("chunked")))
			f->chunked = true;
		else
			f->unknown_coding = true;
	}
	f->codings++;
	if (items == 0)
		f->faulty_coding = true;
}

static void
read_connection(struct framing *f, struct str value)
{
	struct str item;

	while (http_list_next(&value, &item)) {
		if (str_eq_nocase(item, STR("close")))
			f->close = true;
		else if (str_eq_nocase(item, STR("keep-alive")))
			f->keep_alive = true;
	}
}

static int
read_known_header(struct http1 *h, const struct http_header *x, struct framing *f)
{
	switch (x->name.len) {
	case 4:
		if (!str_eq_nocase(x->name, STR("host")))
			break;
		if (f->hosts++)
			return refuse(h, 400, "there is more than one Host header");
		if (!is_host(x->value))
			return refuse(h, 400, "the Host header is not a host");
		if (!h->head.authority.len)
			h->head.authority = x->value;
		break;
	case 6:
		if (!str_eq_nocase(x->name, STR("expect")) || h->head.minor == 0)
			break;
		if (!str_eq_nocase(x->value, STR("100-continue")))
			return refuse(h, 417, "the only expectation known is 100-continue");
		h->head.expect_continue = true;
		break;
	case 10:
		if (str_eq_nocase(x->name, STR("connection")))
			read_connection(f, x->value);
		break;
	case 14:
		if (!str_eq_nocase(x->name, STR("content-length")))
			break;
		if (f->lengths++)
			return refuse(h, 400, "there is more than one Content-Length header");
		return read_length(h, x->value);
	case 17:
		if (str_eq_nocase(x->name, STR("transfer-encoding")))
			read_codings(f, x->value);
		break;
	default:
		break;
	}
	return 0;
}

/* RFC 9112, 6. */
static int
settle_framing(struct http1 *h, const struct framing *f)
{
	struct http_head *d = &h->head;

	if (f->codings && f->lengths)
		return refuse(h, 400, "there are both Content-Length and Transfer-Encoding");
	if (f->codings && d->minor == 0)
		return refuse(h, 400, "HTTP/1.0 knows no Transfer-Encoding");
	if (f->faulty_coding)
		return refuse(h, 400, "chunked is not the last transfer coding, once");
	if (f->unknown_coding)
		return refuse(h, 501, "the only transfer coding known is chunked");
	if (d->minor == 0 && !f->lengths &&
	    (d->method == HTTP_POST || d->method == HTTP_PUT || d->method == HTTP_PATCH))
		return refuse(h, 411, "a body sent by HTTP/1.0 needs a Content-Length");
	d->chunked = f->chunked;
	d->has_body = d->chunked || d->content_length > 0;
	d->expect_continue = d->expect_continue && d->has_body;
	d->keep_alive = !f->close && (d->minor > 0 || f->keep_alive);
	return 0;
}

/* The empty line has come: understand the head as a whole. */
static int
finish_head(struct http1 *h)
{
	struct http_head *d = &h->head;
	struct framing f = { 0 };

	fix_offsets(h);
	if (read_target(h) < 0)
		return -1;
	for (size_t i = 0; i < d->header_count; i++)
		if (read_known_header(h, &h->headers[i], &f) < 0)
			return -1;
	if (f.hosts == 0 && d->minor > 0)
		return refuse(h, 400, "there is no Host header");
	if (settle_framing(h, &f) < 0)
		return -1;
	h->state = HEAD_DONE;
	return 0;
}

/* One whole line of the head stands at line_start. */
static int
read_head_line(struct http1 *h)
{
	struct str line = str_of(h->text.p + h->line_start, h->text.len - h->line_start);

	if (line.len < 2 || line.p[line.len - 2] != '\r')
		return refuse(h, 400, "a line of the request's head does not end with CRLF");
	line.len -= 2;
	if (h->state == START) {
		if (line.len == 0) {
			buf_clear(&h->text);
			return ++h->empty_lines <= EMPTY_LINES
				   ? 0
				   : refuse(h, 400, "empty lines stand where a request should");
		}
		h->line_start = h->text.len;
		return read_start_line(h, line);
	}
	h->line_start = h->text.len;
	return line.len ? read_header_line(h, line) : finish_head(h);
}

/* Take bytes of the head up to the end of a line. Returns how many, or -1. */
static ssize_t
feed_head(struct http1 *h, const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t n = lf ? (size_t)(lf - p) + 1 : len;
	size_t most = h->limits.head_bytes;

	if (h->state == START && most > START_LINE && h->limits.target < most - START_LINE)
		most = h->limits.target + START_LINE;
	if (n > most - h->text.len)
		return h->state == START ? refuse(h, 414, "the request line is too long")
					 : refuse(h, 431, "the request's headers are too long");
	buf_put(&h->text, p, n);
	if (lf && read_head_line(h) < 0)
		return -1;
	return (ssize_t)n;
}

/* The body (RFC 9112, 6 and 7.1). */

static int
read_chunk_size(struct http1 *h, struct str line)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < line.len; i++) {
		char c = line.p[i] | 0x20;
		unsigned digit;

		if (line.p[i] >= '0' && line.p[i] <= '9')
			digit = (unsigned)(line.p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			break;
		if (i == CHUNK_DIGITS)
			return refuse(h, 400, "a chunk's size has too many digits");
		n = n << 4 | digit;
	}
	if (i == 0)
		return refuse(h, 400, "a chunk has no size");
	line = trim_blanks(str_from_index(line, i));
	if (line.len && (line.p[0] != ';' || !is_made_of(line, VALUE)))
		return refuse(
		    h, 400, "a chunk's size is followed by something that is no extension");
	h->left = n;
	h->state = n ? CHUNK_DATA : TRAILERS;
	return 0;
}

static int
read_trailer(struct http1 *h, struct str line)
{
	struct str name, value;

	if (line.len == 0) {
		h->state = BODY_DONE;
		return 0;
	}
	/* Checked and dropped: RFC 9110, 6.5.1 lets no one rely on them. */
	return read_field(h, line, &name, &value);
}

static ssize_t
feed_line(struct http1 *h, const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t n = lf ? (size_t)(lf - p) + 1 : len;
	struct str line;
	int result;

	if (h->state == TRAILERS) {
		if (n > h->limits.trailers - h->trailer_bytes)
			return refuse(h, 431, "the request's trailers are too long");
		h->trailer_bytes += n;
	} else if (n > h->limits.chunk_line - h->line.len) {
		return refuse(h, 400, "the line of a chunk's size is too long");
	}
	buf_put(&h->line, p, n);
	if (!lf)
		return (ssize_t)n;
	line = buf_str(&h->line);
	if (line.len < 2 || line.p[line.len - 2] != '\r')
		return refuse(h, 400, "a line of the chunked body does not end with CRLF");
	line.len -= 2;
	result = h->state == TRAILERS ? read_trailer(h, line) : read_chunk_size(h, line);
	buf_clear(&h->line);
	return result < 0 ? -1 : (ssize_t)n;
}

static ssize_t
feed_chunk_end(struct http1 *h, char c)
{
	if (c != (h->left == 0 ? '\r' : '\n'))
		return refuse(h, 400, "a chunk is longer than its size");
	if (h->left++ == 1) {
		h->left = 0;
		h->state = CHUNK_SIZE;
	}
	return 1;
}

static ssize_t
feed_data(struct http1 *h, const char *p, size_t len, enum http1_next *next)
{
	size_t n = len < h->left ? len : (size_t)h->left;

	h->left -= n;
	if (h->left == 0)
		h->state = h->state == BODY ? BODY_DONE : CHUNK_END;
	*next = h->callbacks.body(h->ctx, str_of(p, n));
	return (ssize_t)n;
}

/* The head is whole: tell, and get ready for the body. */
static enum http1_next
tell_head(struct http1 *h)
{
	h->left = h->head.content_length;
	h->has_head = true;
	h->state = h->head.chunked ? CHUNK_SIZE : h->left ? BODY : BODY_DONE;
	return h->callbacks.head(h->ctx, &h->head);
}

static ssize_t
feed_some(struct http1 *h, const char *p, size_t len, enum http1_next *next)
{
	switch (h->state) {
	case START:
	case HEADERS:
		return feed_head(h, p, len);
	case BODY:
	case CHUNK_DATA:
		return feed_data(h, p, len, next);
	case CHUNK_SIZE:
	case TRAILERS:
		return feed_line(h, p, len);
	case CHUNK_END:
		return feed_chunk_end(h, *p);
	default:
		return refuse(h, 400, "the request was refused before");
	}
}

ssize_t
http1_feed(struct http1 *h, const void *bytes, size_t len, int *status, struct error *err)
{
	enum http1_next next = HTTP1_GO;
	const char *p = bytes;
	size_t used = 0;

	h->err = err;
	while (next == HTTP1_GO && h->state != DONE) {
		ssize_t n = 0;

		if (h->state == HEAD_DONE) {
			next = tell_head(h);
		} else if (h->state == BODY_DONE) {
			h->state = DONE;
			h->callbacks.end(h->ctx);
		} else if (used < len) {
			n = feed_some(h, p + used, len - used, &next);
		} else {
			break;
		}
		if (n < 0) {
			*status = h->status;
			return -1;
		}
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* Looking into heads. */

struct str
http_header_get(const struct http_head *h, const char *name)
{
	struct str wanted = str_from(name);

	for (size_t i = 0; i < h->header_count; i++)
		if (str_eq_nocase(h->headers[i].name, wanted))
			return h->headers[i].value;
	return (struct str){ 0 };
}

size_t
http_header_count(const struct http_head *h, const char *name)
{
	struct str wanted = str_from(name);
	size_t count = 0;

	for (size_t i = 0; i < h->header_count; i++)
		count += str_eq_nocase(h->headers[i].name, wanted);
	return count;
}

/* Length of the list's first element: up to a comma outside quotes. */
static size_t
element_length(struct str s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.len && (quoted || s.p[i] != ','); i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (quoted && s.p[i] == '\\' && i + 1 < s.len)
			i++;
	}
	return i;
}

bool
http_list_next(struct str *rest, struct str *item)
{
	while (rest->len) {
		size_t n = element_length(*rest);

		*item = trim_blanks(str_of(rest->p, n));
		*rest = str_from_index(*rest, n < rest->len ? n + 1 : n);
		if (item->len)
			return true;
	}
	return false;
}

/* Writing. */

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

static bool
write_header(struct buf *out, struct str name, struct str value)
{
	if (!is_token(name) || !is_made_of(value, VALUE))
		return false;
	buf_put_str(out, name);
	buf_put(out, ": ", 2);
	buf_put_str(out, value);
	buf_put(out, "\r\n", 2);
	return true;
}

bool
http1_write_head(struct buf *out, const struct http_response *r, struct str date)
{
	bool framed = r->status >= 200 && r->status != 204 && r->status != 304;
	bool good = true;

	buf_put_str(out, STR("HTTP/1.1 "));
	buf_put_u64(out, (uint64_t)r->status);
	buf_put_byte(out, ' ');
	buf_puts(out, http_reason(r->status));
	buf_put(out, "\r\n", 2);
	if (date.len) {
		buf_put_str(out, STR("Date: "));
		buf_put_str(out, date);
		buf_put(out, "\r\n", 2);
	}
	if (r->close)
		buf_put_str(out, STR("Connection: close\r\n"));
	else if (r->keep_alive_1_0)
		buf_put_str(out, STR("Connection: keep-alive\r\n"));
	if (framed && r->chunked) {
		buf_put_str(out, STR("Transfer-Encoding: chunked\r\n"));
	} else if (framed && !r->no_length) {
		buf_put_str(out, STR("Content-Length: "));
		buf_put_u64(out, r->body_length);
		buf_put(out, "\r\n", 2);
	}
	for (size_t i = 0; i < r->header_count; i++)
		good = write_header(out, r->headers[i].name, r->headers[i].value) && good;
	buf_put(out, "\r\n", 2);
	return good;
}

void
http1_write_chunk_size(struct buf *out, size_t size)
{
	buf_printf(out, "%zx\r\n", size);
}
