/* gateway/net/mllp_server: conversations over loopback. */
#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/net/lane.h"
#include "gateway/net/mllp_server.h"
#include "tests/tap.h"
#include "tests/unit/net_client.h"

static struct loop *loops[2];
static struct mllp_server *server;
static struct lane *lane;
static atomic_uint messages, aborts, late_answers, in_work, in_work_most;

struct later {
	struct task task;
	struct mllp_message *message;
};

static void
sleep_in_lane(void *state, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)state;
	usleep(later->message->bytes.len ? 60000 : 0);
}

static void
send_answer(struct mllp_message *m)
{
	struct str answer = str_printf(m->arena, "ACK %.*s", STR_ARG(m->bytes));

	if (mllp_answer(m, answer) < 0)
		atomic_fetch_add(&late_answers, 1);
}

static void
answer_late(struct loop *home, struct task *t)
{
	struct later *later = (struct later *)t;

	(void)home;
	atomic_fetch_sub(&in_work, 1);
	send_answer(later->message);
	free(later);
}

static void
on_message(void *ctx, struct mllp_message *m)
{
	struct later *later;
	unsigned n;

	(void)ctx;
	atomic_fetch_add(&messages, 1);
	if (str_is(m->bytes, "drop")) {
		mllp_drop(m);
		return;
	}
	if (!str_starts(m->bytes, STR("later"))) {
		send_answer(m);
		return;
	}
	n = atomic_fetch_add(&in_work, 1) + 1;
	if (n > in_work_most)
		in_work_most = n;
	later = xcalloc(1, sizeof(*later));
	later->message = m;
	later->task = (struct task){ .run = sleep_in_lane, .done = answer_late, .home = m->loop };
	if (lane_submit(lane, &later->task, NULL) < 0)
		abort();
}

static void
on_refused(void *ctx, struct mllp_message *m, const struct error *why)
{
	const char *kind = why->kind == ERROR_LIMIT	? "limit"
			   : why->kind == ERROR_INVALID ? "invalid"
							: "cut";

	(void)ctx;
	mllp_answer(m, str_printf(m->arena, "AR %s <%.*s>", kind, STR_ARG(m->bytes)));
}

static void
on_abort(void *ctx, struct mllp_message *m)
{
	(void)ctx;
	(void)m;
	atomic_fetch_add(&aborts, 1);
}

static void
start(void)
{
	struct lane_options o = { .name = "test", .threads = 4, .queue_most = 100, .ctx = &lane };
	struct mllp_config c = {
		.limits = {
			.message_bytes = 1000,
			.message_timeout = 300,
			.idle_timeout = 600,
			.connections = 20,
		},
		.handler = {
			.on_message = on_message,
			.on_refused = on_refused,
			.on_abort = on_abort,
		},
	};
	struct error err;

	address_parse(STR("[::1]:0"), &c.address, NULL);
	lane = lane_new(&o, &err);
	for (unsigned i = 0; i < 2; i++)
		loops[i] = loop_new(i, &err);
	server = mllp_server_new(loops, 2, &c, &err);
	if (!server) {
		address_parse(STR("127.0.0.1:0"), &c.address, NULL);
		server = mllp_server_new(loops, 2, &c, &err);
	}
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
	return client_connect(mllp_server_address(server));
}

#define FRAME(text) "\x0b" text "\x1c\r"

/* Send, in parts of step bytes; expect exactly want, and perhaps the end. */
static void
check(struct str in, size_t step, struct str want, bool ends, const char *name)
{
	struct buf b;
	int fd = dial();
	bool good;

	buf_init(&b, 1 << 20);
	for (size_t at = 0; at < in.len; at += step) {
		client_send(fd, str_of(in.p + at, step < in.len - at ? step : in.len - at));
		if (step < 10)
			usleep(500);
	}
	while (b.len < want.len && client_receive(fd, &b))
		;
	good = ends ? client_drain(fd, &b) : client_is_silent(fd, 100);
	is_str(buf_str(&b), want, "%s", name);
	ok(good, "%s: %s", name, ends ? "closed" : "kept open");
	close(fd);
	buf_release(&b);
}

static void
test_messages(void)
{
	struct buf long_one;

	check(STR(FRAME("MSH|1")), 1000, STR(FRAME("ACK MSH|1")), false, "a message");
	check(STR(FRAME("MSH|1") FRAME("MSH|2")), 1, STR(FRAME("ACK MSH|1") FRAME("ACK MSH|2")),
	    false, "two, byte by byte");
	check(STR(FRAME("later 1") FRAME("2") FRAME("later 3") FRAME("4")), 1000,
	    STR(FRAME("ACK later 1") FRAME("ACK 2") FRAME("ACK later 3") FRAME("ACK 4")), false,
	    "four at once are answered in order");
	is_int(in_work_most, 1, "one at a time is in work");
	check(STR("\x0b"
		  "A\x1c\x0b"
		  "B\x1c\r"),
	    1000, STR(FRAME("ACK A") FRAME("ACK B")), false,
	    "the CR missing before the next message");
	check(STR("\x0b"
		  "A\x1c"
		  "rest\x1c\r"),
	    1000, STR(FRAME("AR invalid <A>")), true, "an FS inside a value");
	check(STR("\x0b"
		  "cut\x0b"
		  "B\x1c\r"),
	    1000, STR(FRAME("ACK B")), false, "a start inside a message");
	check(STR(FRAME("drop") FRAME("B")), 1000, STR(""), true, "a dropped message");
	check(STR("\x0bMSH|cut"), 1000, STR(FRAME("AR cut <MSH|cut>")), true,
	    "a message that does not go on");
	check(STR(""), 1, STR(""), true, "a peer that says nothing");
	buf_init(&long_one, 100000);
	buf_puts(&long_one, "GET / HTTP/1.1\r\n");
	while (long_one.len < 2000)
		buf_puts(&long_one, "no frame ");
	check(buf_str(&long_one), 5000, STR(FRAME("AR invalid <>")), true, "bytes without a frame");
	buf_release(&long_one);
}

static void
test_too_long(void)
{
	struct buf in, want;

	buf_init(&in, 10000);
	buf_init(&want, 10000);
	buf_puts(&in, FRAME("first") "\x0b"
				     "MSH|");
	for (int i = 0; i < 2000; i++)
		buf_puts(&in, "x");
	buf_puts(&in, "\x1c\r" FRAME("never"));
	buf_puts(&want, FRAME("ACK first") "\x0b"
					   "AR limit <MSH|");
	for (int i = 0; i < 996; i++)
		buf_puts(&want, "x");
	buf_puts(&want, ">\x1c\r");
	check(buf_str(&in), 5000, buf_str(&want), true, "a message too long");
	check(buf_str(&in), 100, buf_str(&want), true, "in parts");
	buf_release(&in);
	buf_release(&want);
}

/* More frames than fit into what is kept while one is in work. */
static void
test_pushed_back(void)
{
	struct buf in, out;
	int fd = dial();
	unsigned count = 3000;

	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_puts(&in, FRAME("later 0"));
	for (unsigned i = 1; i < count; i++)
		buf_printf(&in, FRAME("message %u"), i);
	buf_puts(&in, FRAME("last"));
	client_send(fd, buf_str(&in));
	ok(client_await(fd, &out, STR(FRAME("ACK last"))), "reading stops and goes on");
	is_int(times(&out, "ACK "), count + 1, "each message has one answer");
	close(fd);
	buf_release(&in);
	buf_release(&out);
}

static void
test_peer_that_goes(void)
{
	unsigned before = late_answers;
	struct linger l = { .l_onoff = 1 };
	struct buf b;
	int fd = dial();

	client_send(fd, STR(FRAME("later x")));
	usleep(20000);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	for (int i = 0; i < 200 && late_answers == before; i++)
		usleep(10000);
	is_int(late_answers, before + 1, "the answer for a peer that has gone is dropped");
	is_int(aborts, 1, "the application was told");
	buf_init(&b, 1000);
	fd = dial();
	client_send(fd, STR(FRAME("later y") "\x0bMSH|c"));
	shutdown(fd, SHUT_WR);
	client_drain(fd, &b);
	is_str(buf_str(&b), STR(FRAME("ACK later y") FRAME("AR cut <MSH|c>")),
	    "a peer that only sends no more has its answers");
	close(fd);
	buf_release(&b);
}

static void
test_too_many(void)
{
	int fds[20], fd;
	struct buf b;

	for (int i = 0; i < 200 && mllp_server_connections(server); i++)
		usleep(20000);
	buf_init(&b, 1000);
	for (int i = 0; i < 20; i++) {
		fds[i] = dial();
		buf_clear(&b);
		client_send(fds[i], STR(FRAME("A")));
		client_await(fds[i], &b, STR(FRAME("ACK A")));
	}
	fd = dial();
	buf_clear(&b);
	client_receive(fd, &b);
	ok(b.len == 0, "one connection too many is closed");
	close(fd);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	buf_release(&b);
}

static void
test_drain(void)
{
	struct buf b;
	int fd;

	for (int i = 0; i < 200 && mllp_server_connections(server); i++)
		usleep(20000);
	buf_init(&b, 1000);
	fd = dial();
	client_send(fd, STR(FRAME("later z") FRAME("not any more")));
	for (int i = 0; i < 200 && !in_work; i++)
		usleep(5000);
	for (unsigned i = 0; i < 2; i++)
		loop_stop(loops[i], 5000);
	ok(client_drain(fd, &b), "a drain closes");
	is_str(buf_str(&b), STR(FRAME("ACK later z")), "behind the answer to what was in work");
	close(fd);
	for (unsigned i = 0; i < 2; i++)
		loop_join(loops[i]);
	lane_free(lane);
	for (unsigned i = 0; i < 2; i++)
		loop_flush(loops[i]);
	mllp_server_free(server);
	for (unsigned i = 0; i < 2; i++)
		loop_free(loops[i]);
	buf_release(&b);
}

int
main(void)
{
	log_setup(LOG_ERROR, LOG_TEXT);
	start();
	test_messages();
	test_too_long();
	test_pushed_back();
	test_peer_that_goes();
	test_too_many();
	test_drain();
	return tap_done();
}
