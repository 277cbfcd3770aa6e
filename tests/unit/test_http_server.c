/* gateway/net/http_server: conversations over loopback. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/net/http_server.h"
#include "gateway/net/lane.h"
#include "tests/tap.h"
#include "tests/unit/net_client.h"

static struct loop *loops[2];
static struct http_server *server;
static struct lane *lane;

/* What the application saw. */
static atomic_uint heads, requests, aborts, releases, late_answers, rooms, pauses;

enum {
	BIG = 8 << 20,
};
static char big[BIG];

/* The application: the path says what to do. */

static void
answer(struct http_request *r, int status, struct str body)
{
	struct http_header type = { STR("Content-Type"), STR("text/plain") };
	struct http_answer a = {
		.status = status, .headers = &type, .header_count = 1, .body = body
	};

	if (http_answer(r, &a) < 0)
		atomic_fetch_add(&late_answers, 1);
}

static bool
path_is(const struct http_request *r, const char *path)
{
	return str_is(r->head->path, path);
}

struct later {
	struct task task;
	struct http_request *request;
	unsigned ms;
};

static void
sleep_in_lane(void *state, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)state;
	/* What the request points to is good here, whatever happened. */
	if (later->request->head->path.len && later->request->body.len < BIG)
		usleep(later->ms * 1000);
}

static void
answer_late(struct loop *home, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)home;
	answer(later->request, 200, later->request->head->query);
	free(later);
}

static void
take_late(struct loop *home, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)home;
	http_take_body(later->request, HTTP_COLLECT);
	free(later);
}

static void
resume_late(struct loop *home, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)home;
	http_resume(later->request);
	free(later);
}

static void
go_to_lane(struct http_request *r, unsigned ms, void (*done)(struct loop *, struct task *))
{
	struct later *later = xcalloc(1, sizeof(*later));

	later->request = r;
	later->ms = ms;
	later->task.run = sleep_in_lane;
	later->task.done = done;
	later->task.home = r->loop;
	if (lane_submit(lane, &later->task, NULL) < 0)
		abort();
}

static enum http_take
on_head(void *ctx, struct http_request *r)
{
	(void)ctx;
	atomic_fetch_add(&heads, 1);
	if (path_is(r, "/early")) {
		answer(r, 401, STR("who are you"));
		return HTTP_ANSWERED;
	}
	if (path_is(r, "/wait")) {
		go_to_lane(r, 50, take_late);
		return HTTP_WAIT;
	}
	if (path_is(r, "/small"))
		r->body_most = 10;
	return path_is(r, "/stream") ? HTTP_STREAM : HTTP_COLLECT;
}

static enum http1_next
on_body(void *ctx, struct http_request *r, struct str piece)
{
	size_t *sum = r->user ? r->user : ARENA_NEW(r->arena, size_t);

	(void)ctx;
	r->user = sum;
	*sum += piece.len;
	if (str_is(r->head->query, "pause") && atomic_fetch_add(&pauses, 1) % 2 == 0) {
		go_to_lane(r, 5, resume_late);
		return HTTP1_PAUSE;
	}
	return HTTP1_GO;
}

/* Ten million bytes in pieces, waiting for room. */
static void
write_pieces(struct http_request *r)
{
	size_t *done = r->user;

	while (*done < 10000000) {
		int full = http_write(r, str_of(big, 10000));

		if (full < 0)
			break;
		*done += 10000;
		if (full)
			return;
	}
	http_finish(r);
}

static void
on_room(void *ctx, struct http_request *r)
{
	(void)ctx;
	atomic_fetch_add(&rooms, 1);
	write_pieces(r);
}

static void
count_release(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&releases, 1);
}

static void
answer_peer(struct http_request *r)
{
	char host[ADDRESS_TEXT];

	address_format_host(&r->peer->address, host);
	answer(r, 200,
	    str_printf(r->arena, "%s %s %s %s", host, r->peer->tls ? "tls" : "plain",
		r->peer->certificate ? r->peer->certificate->subject : "-",
		r->peer->certificate ? r->peer->certificate->fingerprint : "-"));
}

static void
on_request(void *ctx, struct http_request *r)
{
	(void)ctx;
	atomic_fetch_add(&requests, 1);
	if (path_is(r, "/later")) {
		go_to_lane(r, 80, answer_late);
	} else if (path_is(r, "/stream")) {
		answer(r, 200, str_printf(r->arena, "%zu bytes", *(size_t *)r->user));
	} else if (path_is(r, "/big")) {
		http_answer(
		    r, &(struct http_answer){
			   .status = 200, .body = str_of(big, BIG), .release = count_release });
	} else if (path_is(r, "/pieces")) {
		r->user = ARENA_NEW(r->arena, size_t);
		http_begin(r, &(struct http_answer){ .status = 200 });
		write_pieces(r);
	} else if (path_is(r, "/drop")) {
		http_drop(r);
	} else if (path_is(r, "/half")) {
		http_begin(r, &(struct http_answer){ .status = 200 });
		http_write(r, STR("half"));
		http_drop(r);
	} else if (path_is(r, "/peer")) {
		answer_peer(r);
	} else if (path_is(r, "/inject")) {
		struct http_header bad = { STR("X"), STR("a\r\nSet-Cookie: b") };

		http_answer(
		    r, &(struct http_answer){ .status = 200, .headers = &bad, .header_count = 1 });
	} else {
		answer(r, 200, r->body.len ? r->body : r->head->target);
	}
}

static void
on_refused(void *ctx, struct http_request *r, int status, const char *reason)
{
	(void)ctx;
	http_answer_text(r, status, reason);
}

static void
on_abort(void *ctx, struct http_request *r)
{
	(void)ctx;
	atomic_fetch_add(&aborts, 1);
	if (path_is(r, "/"))
		http_drop(r); /* nobody else will end it */
}

static struct http_config
make_config(void)
{
	struct http_config c = {
		.limits = {
			.body_bytes = 4 << 20,
			.spool_bytes = 100000,
			.head_timeout = 300,
			.body_timeout = 300,
			.idle_timeout = 700,
			.write_timeout = 300,
			.connections = 40,
			.pipelined = 4,
			.output_bytes = 50000,
		},
		.handler = {
			.on_head = on_head,
			.on_body = on_body,
			.on_request = on_request,
			.on_refused = on_refused,
			.on_abort = on_abort,
			.on_room = on_room,
		},
		.busy_type = STR("text/x-busy"),
		.busy_body = STR("too many"),
	};

	address_parse(STR("127.0.0.1:0"), &c.address, NULL);
	return c;
}

static void
start(void)
{
	struct lane_options o = { .name = "test", .threads = 2, .queue_most = 100, .ctx = &lane };
	struct http_config c = make_config();
	struct error err;

	lane = lane_new(&o, &err);
	for (unsigned i = 0; i < 2; i++)
		loops[i] = loop_new(i, &err);
	server = http_server_new(loops, 2, &c, &err);
	if (!server) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	for (unsigned i = 0; i < 2; i++)
		loop_start(loops[i], &err);
}

static int
dial(void)
{
	return client_connect(http_server_address(server));
}

/* Send a stream, in parts of step bytes, and read to the end of the answers. */
static bool
converse(struct str in, size_t step, struct buf *out)
{
	int fd = dial();
	bool ended;

	buf_clear(out);
	while (in.len) {
		size_t n = step < in.len ? step : in.len;

		if (!client_send(fd, str_of(in.p, n)))
			break;
		in = str_from_index(in, n);
		if (step < 100)
			usleep(200);
	}
	ended = client_drain(fd, out);
	close(fd);
	return ended;
}

#define HOST "Host: a\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

static void
test_plain(struct buf *b)
{
	int fd = dial();

	buf_clear(b);
	client_send(fd, STR("GET /one HTTP/1.1\r\n" HOST "\r\n"));
	ok(client_await(fd, b, STR("\r\n\r\n/one")), "a GET is answered");
	ok(str_starts(buf_str(b), STR("HTTP/1.1 200 OK\r\nDate: ")) &&
		has(b, "\r\nContent-Length: 4\r\n") && has(b, "\r\nContent-Type: text/plain\r\n") &&
		!has(b, "Connection:"),
	    "with date, length and type");
	buf_clear(b);
	client_send(fd, STR("\r\nPOST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"));
	ok(client_await(fd, b, STR("\r\n\r\nhello")), "the connection is kept");
	buf_clear(b);
	client_send(fd, STR("HEAD /one HTTP/1.1\r\n" CLOSE));
	ok(client_drain(fd, b) && str_ends(buf_str(b), STR("\r\n\r\n")) &&
		has(b, "Content-Length: 4\r\n") && has(b, "Connection: close\r\n"),
	    "HEAD gives the length and no body; close is kept to");
	close(fd);
	ok(converse(STR("GET /x HTTP/1.0\r\n\r\n"), 1000, b) && str_ends(buf_str(b), STR("/x")),
	    "HTTP/1.0 closes");
	ok(converse(STR("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /y HTTP/1.0\r\n\r\n"),
	       1000, b) &&
		has(b, "Connection: keep-alive\r\n") && str_ends(buf_str(b), STR("/y")),
	    "HTTP/1.0 keep-alive");
	ok(converse(STR("GET /peer HTTP/1.1\r\n" CLOSE), 1000, b) && has(b, "127.0.0.1 plain - -"),
	    "the peer is known");
	ok(converse(STR("GET /inject HTTP/1.1\r\n" HOST "\r\n"), 1000, b) &&
		str_starts(buf_str(b), STR("HTTP/1.1 500 ")) && !has(b, "Set-Cookie"),
	    "a header cannot be smuggled into an answer");
	ok(converse(STR("GET /drop HTTP/1.1\r\n" HOST "\r\n"), 1000, b) && b->len == 0,
	    "a dropped request closes");
}

static void
test_bodies(struct buf *b)
{
	static const char chunked[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE
				      "5;x\r\nhello\r\n"
				      "7\r\n, world\r\n0\r\nT: 1\r\n\r\n";
	struct buf long_one;
	int fd;

	ok(converse(str_from(chunked), 1000, b) && str_ends(buf_str(b), STR("\r\nhello, world")),
	    "a chunked body");
	ok(converse(str_from(chunked), 1, b) && str_ends(buf_str(b), STR("\r\nhello, world")),
	    "a chunked body, byte by byte");
	ok(converse(STR("POST /wait HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc"), 1000, b) &&
		str_ends(buf_str(b), STR("\r\nabc")),
	    "a body taken later");
	ok(converse(STR("GET /wait HTTP/1.1\r\n" CLOSE), 1000, b) &&
		str_ends(buf_str(b), STR("\r\n/wait")),
	    "no body, taken later");
	buf_init(&long_one, 8 << 20);
	buf_printf(&long_one, "POST / HTTP/1.1\r\nContent-Length: 3000000\r\n%s", CLOSE);
	buf_put(&long_one, big, 3000000);
	ok(converse(buf_str(&long_one), 50000, b) && b->len > 3000000 &&
		memcmp(b->p + b->len - 3000000, big, 3000000) == 0,
	    "a long body goes by way of a file");
	buf_clear(&long_one);
	buf_printf(
	    &long_one, "POST /stream?pause HTTP/1.1\r\nContent-Length: 3000000\r\n%s", CLOSE);
	buf_put(&long_one, big, 3000000);
	ok(converse(buf_str(&long_one), 100000, b) && has(b, "3000000 bytes") && pauses > 2,
	    "a body streamed with pauses");
	buf_release(&long_one);
	fd = dial();
	buf_clear(b);
	client_send(fd,
	    STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	ok(client_await(fd, b, STR("HTTP/1.1 100 Continue\r\n\r\n")), "100 Continue");
	client_send(fd, STR("ok"));
	ok(client_await(fd, b, STR("\r\n\r\nok")), "and then the answer");
	close(fd);
	ok(converse(STR("POST /early HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
	       1000, b) &&
		str_starts(buf_str(b), STR("HTTP/1.1 401 ")) && has(b, "Connection: close\r\n"),
	    "refused by its head: no 100, and closed");
	ok(converse(STR("POST /early HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbodyGET /n "
			"HTTP/1.1\r\n" CLOSE),
	       3, b) &&
		has(b, "401") && str_ends(buf_str(b), STR("/n")),
	    "a short body nobody wants is dropped, and the next request answered");
	ok(converse(STR("POST /early HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\nbody"),
	       1000, b) &&
		has(b, "401") && has(b, "Connection: close\r\n"),
	    "a long one closes");
}

static void
test_pipelining(struct buf *b)
{
	struct buf in;
	struct str rest;
	bool ordered = true;
	char want[40];

	buf_init(&in, 1 << 20);
	for (int i = 0; i < 60; i++)
		buf_printf(
		    &in, "GET %s?%d HTTP/1.1\r\n" HOST "\r\n", i % 20 == 7 ? "/later" : "/now", i);
	buf_puts(&in, "GET /last HTTP/1.1\r\n" CLOSE);
	ok(converse(buf_str(&in), 100000, b), "61 requests sent at once");
	is_int(times(b, "HTTP/1.1 200 OK"), 61, "have 61 answers");
	rest = buf_str(b);
	for (int i = 0; i < 60 && ordered; i++) {
		ptrdiff_t at;

		snprintf(want, sizeof(want), i % 20 == 7 ? "\r\n\r\n%d" : "\r\n\r\n/now?%d", i);
		at = str_find_str(rest, str_from(want));
		ordered = at >= 0 && (at < 200);
		if (ordered)
			rest = str_from_index(rest, (size_t)at + strlen(want));
	}
	ok(ordered, "in order");
	/* More than is kept unread while one is in work. */
	buf_clear(&in);
	buf_puts(&in, "GET /later?first HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 2000; i++)
		buf_puts(&in, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	buf_puts(&in, "GET /last HTTP/1.1\r\n" CLOSE);
	ok(converse(buf_str(&in), 100000, b) && times(b, "200 OK") == 2002 &&
		str_ends(buf_str(b), STR("/last")),
	    "reading stops and goes on");
	buf_release(&in);
}

static void
test_refusals(struct buf *b)
{
	static const struct {
		const char *in, *want, *name;
	} cases[] = {
		{ "GET / HTTP/1.1\n", "HTTP/1.1 400 ", "malformed" },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "HTTP/1.1 400 ", "two hosts" },
		{ "GET / HTTP/3.0\r\n", "HTTP/1.1 505 ", "another version" },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: br\r\n\r\n", "HTTP/1.1 501 ",
		    "an unknown coding" },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 4194305\r\n\r\n", "HTTP/1.1 413 ",
		    "a body too long by its length" },
		{ "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", "HTTP/1.1 413 ",
		    "a body too long for this path" },
		{ "POST /small HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n",
		    "HTTP/1.1 413 ", "a chunked body too long" },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
		    "HTTP/1.1 400 ", "a malformed chunk" },
	};
	int64_t from;
	int fd;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(converse(str_from(cases[i].in), 1000, b) &&
			str_starts(buf_str(b), str_from(cases[i].want)) &&
			has(b, "Connection: close\r\n") && times(b, "\r\nDate: ") == 1,
		    "refused: %s", cases[i].name);
	from = clock_monotonic();
	ok(converse(STR("GET / HTTP/1.1\r\nHo"), 1000, b) &&
		str_starts(buf_str(b), STR("HTTP/1.1 408 ")),
	    "a head that does not go on: 408");
	ok(clock_monotonic() - from >= 300000 && clock_monotonic() - from < 3000000, "in its time");
	ok(converse(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nab"), 1000, b) &&
		str_starts(buf_str(b), STR("HTTP/1.1 408 ")),
	    "a body that does not go on: 408");
	/* One byte each 50 ms is less than 500 bytes a second. */
	fd = dial();
	buf_clear(b);
	client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n"));
	from = clock_monotonic();
	while (client_is_silent(fd, 50) && clock_monotonic() - from < 5000000)
		client_send(fd, STR("x"));
	client_receive(fd, b);
	ok(has(b, "HTTP/1.1 408 ") && clock_monotonic() - from < 2000000,
	    "a body that trickles in: 408");
	close(fd);
	from = clock_monotonic();
	fd = dial();
	buf_clear(b);
	ok(client_drain(fd, b) && b->len == 0 && clock_monotonic() - from >= 700000,
	    "an idle connection is closed");
	close(fd);
}

/* Wait until the counter is n. */
static bool
await_count(atomic_uint *count, unsigned n)
{
	for (int i = 0; i < 500 && *count != n; i++)
		usleep(10000);
	return *count == n;
}

static void
reset_connection(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
test_clients_that_go(struct buf *b)
{
	unsigned before = late_answers, aborted = aborts;
	int fd = dial();

	client_send(fd, STR("GET /later?x HTTP/1.1\r\n" HOST "\r\n"));
	usleep(20000);
	reset_connection(fd);
	ok(await_count(&aborts, aborted + 1), "a client gone before the answer is told of");
	ok(await_count(&late_answers, before + 1), "its answer is dropped");
	fd = dial();
	client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc"));
	usleep(20000);
	close(fd);
	ok(await_count(&aborts, aborted + 2), "a client gone in mid-body, too");
	fd = dial();
	buf_clear(b);
	client_send(fd, STR("GET /later?half HTTP/1.1\r\n" HOST "\r\n"));
	shutdown(fd, SHUT_WR);
	ok(client_drain(fd, b) && has(b, "\r\n\r\nhalf"),
	    "a client that closed only its sending side has its answer");
	close(fd);
}

static void
test_large_answers(struct buf *b)
{
	unsigned before = releases;
	size_t length = 0;
	int fd = dial(), small = 4096;

	client_send(fd, STR("GET /big HTTP/1.1\r\n" CLOSE));
	buf_clear(b);
	client_drain(fd, b);
	ok(b->len > BIG && memcmp(b->p + b->len - BIG, big, BIG) == 0, "a large answer is whole");
	ok(await_count(&releases, before + 1), "and is released once");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	(void)!connect(fd, &http_server_address(server)->u.sa, http_server_address(server)->len);
	client_send(fd, STR("GET /big HTTP/1.1\r\n" CLOSE));
	ok(await_count(&releases, before + 2), "a client that takes nothing is closed");
	usleep(50000);
	buf_clear(b);
	client_drain(fd, b);
	ok(b->len < BIG, "in the midst of it");
	close(fd);
	fd = dial();
	client_send(fd, STR("GET /pieces HTTP/1.1\r\n" CLOSE));
	usleep(100000); /* until there is no room */
	buf_clear(b);
	ok(client_drain(fd, b), "an answer in pieces");
	close(fd);
	ok(has(b, "Transfer-Encoding: chunked\r\n") && times(b, "\r\n2710\r\n") == 1000 &&
		str_ends(buf_str(b), STR("\r\n0\r\n\r\n")),
	    "is chunked");
	converse(STR("GET /pieces HTTP/1.0\r\n\r\n"), 1000, b);
	length = b->len - (size_t)str_find_str(buf_str(b), STR("\r\n\r\n")) - 4;
	ok(!has(b, "chunked") && length == 10000000, "and ends with the connection for 1.0");
	converse(STR("HEAD /pieces HTTP/1.1\r\n" CLOSE), 1000, b);
	ok(str_ends(buf_str(b), STR("\r\n\r\n")) && times(b, "\r\n\r\n") == 1,
	    "HEAD has no pieces");
	ok(rooms > 0, "room was awaited");
	converse(STR("GET /half HTTP/1.1\r\n" HOST "\r\n"), 1000, b);
	ok(!has(b, "\r\n0\r\n\r\n"), "an answer given up does not look whole");
}

static void
test_too_many(struct buf *b)
{
	int fds[40], fd;

	for (int i = 0; i < 100 && http_server_connections(server); i++)
		usleep(20000);
	is_int(http_server_connections(server), 0, "nothing is left of what came before");
	for (int i = 0; i < 40; i++) {
		fds[i] = dial();
		buf_clear(b);
		client_send(fds[i], STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
		client_await(fds[i], b, STR("\r\n\r\n/"));
	}
	is_int(http_server_connections(server), 40, "as many connections as are allowed");
	fd = dial();
	buf_clear(b);
	client_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
	ok(client_drain(fd, b) && str_starts(buf_str(b), STR("HTTP/1.1 503 ")) &&
		has(b, "\r\nRetry-After: ") && has(b, "text/x-busy") &&
		str_ends(buf_str(b), STR("too many")),
	    "one more is told so");
	close(fd);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
}

static void
test_no_descriptors(struct buf *b)
{
	struct rlimit old, low;
	int fds[256], count = 0, fd;
	struct rusage before, after;
	long spent;

	for (int i = 0; i < 100 && http_server_connections(server); i++)
		usleep(20000);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	fd = dial();
	buf_clear(b);
	client_send(fd, STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
	client_await(fd, b, STR("/a"));
	close(fd);
	for (int i = 0; i < 100 && http_server_connections(server); i++)
		usleep(20000);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	while (count < 256 && (fds[count] = open("/dev/null", O_RDONLY)) >= 0 && fds[count] < 250)
		count++;
	low.rlim_cur = (rlim_t)fds[count];
	close(fds[count]);
	setrlimit(RLIMIT_NOFILE, &low);
	buf_clear(b);
	ok(connect(fd, &http_server_address(server)->u.sa, http_server_address(server)->len) == 0,
	    "a connection waits when there is no descriptor for it");
	getrusage(RUSAGE_SELF, &before);
	client_send(fd, STR("GET /waited HTTP/1.1\r\n" HOST "\r\n"));
	ok(client_is_silent(fd, 600), "it is not accepted");
	getrusage(RUSAGE_SELF, &after);
	spent = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
		after.ru_utime.tv_usec - before.ru_utime.tv_usec +
		(after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
		after.ru_stime.tv_usec - before.ru_stime.tv_usec;
	ok(spent < 200000, "nobody spins meanwhile (%ld us)", spent);
	setrlimit(RLIMIT_NOFILE, &old);
	ok(client_await(fd, b, STR("/waited")), "and is served when there is one again");
	close(fd);
	while (count)
		close(fds[--count]);
}

static void
test_address_taken(void)
{
	struct http_config c = make_config();
	struct error err;
	struct loop *l = loop_new(5, &err);

	c.address = *http_server_address(server);
	ok(!http_server_new(&l, 1, &c, &err) && err.kind == ERROR_IO,
	    "an address in use is refused, though ports can be shared");
	loop_free(l);
}

static void
test_drain(struct buf *b)
{
	int fd = dial(), idle = dial();
	int64_t from;

	for (int i = 0; i < 100 && http_server_connections(server) < 2; i++)
		usleep(20000);
	client_send(fd, STR("GET /later?drained HTTP/1.1\r\n" HOST "\r\n"));
	usleep(20000);
	from = clock_monotonic();
	for (unsigned i = 0; i < 2; i++)
		loop_stop(loops[i], 5000);
	buf_clear(b);
	ok(client_drain(fd, b) && has(b, "\r\n\r\ndrained") && has(b, "Connection: close\r\n"),
	    "a request in work is answered while draining");
	buf_clear(b);
	ok(client_drain(idle, b) && b->len == 0, "an idle connection is closed");
	close(fd);
	close(idle);
	for (unsigned i = 0; i < 2; i++)
		loop_join(loops[i]);
	ok(clock_monotonic() - from < 3000000, "and the loops end before the time is up");
	ok(dial() < 0, "nobody listens any more");
	lane_free(lane);
	for (unsigned i = 0; i < 2; i++)
		loop_flush(loops[i]);
	http_server_free(server);
	for (unsigned i = 0; i < 2; i++)
		loop_free(loops[i]);
}

int
main(void)
{
	struct buf b;

	log_setup(LOG_ERROR, LOG_TEXT);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)('a' + i % 23);
	buf_init(&b, 64 << 20);
	start();
	test_plain(&b);
	test_bodies(&b);
	test_pipelining(&b);
	test_refusals(&b);
	test_clients_that_go(&b);
	test_large_answers(&b);
	test_too_many(&b);
	test_no_descriptors(&b);
	test_address_taken();
	test_drain(&b);
	buf_release(&b);
	return tap_done();
}
