#include "gateway/feed/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/finding.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/feed/dead.h"
#include "gateway/gateway.h"
#include "gateway/net/mllp.h"
#include "gateway/net/stream.h"
#include "gateway/net/tls.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/er7_batch.h"

enum {
	ACK_MOST = 1 << 20,
	LETTER_ARENA = 1 << 30,
	ACK_ARENA = 64 << 20,
	HANDSHAKE_MS = 10000,
};

enum state {
	IDLE,
	SENDING, /* connecting, or waiting for the acknowledgement */
	TAKING,	 /* the store takes the letter out */
	WAITING, /* to try again */
	STOPPED,
};

/* One connection; it may outlive its use for a moment. */
struct link {
	struct stream stream; /* first */
	struct queue *queue;  /* NULL: the queue has let go of it */
	struct mllp *codec;
};

struct queue {
	struct gateway *gateway;
	const struct config_destination *config;
	struct loop *loop;
	struct store_reader *reader; /* the loop's */
	struct tls *tls;
	struct str box;
	struct loop_service service;
	struct wake {
		struct loop_message message;
		struct queue *queue;
	} wake;
	atomic_bool woken;
	struct loop_timer timer;
	enum state state;
	struct link *link;

	struct arena arena; /* the letter's */
	struct store_letter letter;
	struct str control_id;
	bool has_letter, committed; /* CA has come; the application's is awaited */
	unsigned tries, pause_ms;

	struct task task;
	struct store_write write;
	struct store_take take;
	struct store_letter dead;
	bool refused;

	atomic_ullong waiting, sent, refusals, retries;
	pthread_mutex_t lock; /* of what follows */
	int64_t answered;
	const char *doing;
	char problem[256];
};

struct queues {
	unsigned count;
	struct queue at[];
};

static const char queue_kind;

static void next(struct queue *q);
static void retry(struct queue *q, const char *why);

static void
tell(struct queue *q, enum state state, const char *problem)
{
	static const char *const names[] = { "idle", "sending", "sending", "waiting", "stopped" };

	q->state = state;
	pthread_mutex_lock(&q->lock);
	q->doing = names[state];
	if (problem)
		snprintf(q->problem, sizeof(q->problem), "%s", problem);
	pthread_mutex_unlock(&q->lock);
}

/* ---- Taking a letter out -------------------------------------------------- */

static void
take_run(void *state, struct task *t)
{
	struct queue *q = (struct queue *)((char *)t - offsetof(struct queue, task));
	struct gateway *g = state;
	struct store_write *batch[] = { &q->write };
	struct error err;

	if (store_commit(g->store, batch, 1, &err) != 0) {
		q->write.result = -1;
		q->write.error = err;
	}
}

static void
take_done(struct loop *home, struct task *t)
{
	struct queue *q = (struct queue *)((char *)t - offsetof(struct queue, task));

	loop_unhold(home);
	if (q->state == STOPPED)
		return;
	if (q->write.result != 0 && q->write.error.kind != ERROR_MISSING) {
		retry(q, "the store could not take the letter out of the queue");
		return;
	}
	atomic_fetch_sub(&q->waiting, atomic_load(&q->waiting) > 0);
	atomic_fetch_add(q->refused ? &q->refusals : &q->sent, 1);
	q->has_letter = false;
	q->tries = 0;
	q->pause_ms = 0;
	next(q);
}

static void
take(struct queue *q)
{
	loop_timer_clear(q->loop, &q->timer);
	tell(q, TAKING, NULL);
	q->take = (struct store_take){ .box = q->box, .number = q->letter.number };
	q->write = (struct store_write){
		.arena = &q->arena,
		.takes = &q->take,
		.take_count = 1,
		.letters = q->refused ? &q->dead : NULL,
		.letter_count = q->refused,
	};
	q->task = (struct task){ .run = take_run, .done = take_done, .home = q->loop };
	loop_hold(q->loop);
	if (lane_submit(q->gateway->writer_lane, &q->task, NULL) == 0)
		return;
	loop_unhold(q->loop);
	retry(q, "the store has more work than it can take");
}

/* ---- Dead letters --------------------------------------------------------- */

static void
give_up(struct queue *q, const char *code, struct str why)
{
	json_t *head = json_loadb(q->letter.head.p, q->letter.head.len, 0, NULL), *problem;
	char *dump;

	if (!json_is_object(head)) {
		json_decref(head);
		head = json_object();
	}
	problem = json_stringn(why.p, why.len);
	problem = json_pack("[{s:s, s:s, s:s, s:o}]", "severity", "error", "code", code, "place",
	    "", "text", problem ? problem : json_string("?"));
	json_object_set_new(
	    head, "destination", json_stringn(q->config->name.p, q->config->name.len));
	json_object_set_new(head, "code", json_string(code));
	json_object_set_new(head, "problems", problem);
	dump = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	q->dead = (struct store_letter){
		.box = STR(DEAD_OUT),
		.head = str_dup(&q->arena, str_from(dump ? dump : "{}")),
		.body = q->letter.body,
	};
	free(dump);
	log_event(LOG_WARN, "queue-refused", "destination=%.*s\tletter=%llu\tcode=%s",
	    STR_ARG(q->config->name), (unsigned long long)q->letter.number, code);
	q->refused = true;
	take(q);
}

/* ---- The connection ------------------------------------------------------- */

static void
let_go(struct queue *q)
{
	struct link *l = q->link;

	if (!l)
		return;
	q->link = NULL;
	l->queue = NULL;
	stream_close(&l->stream);
}

static void
retry(struct queue *q, const char *why)
{
	let_go(q);
	q->tries++;
	atomic_fetch_add(&q->retries, 1);
	if (q->has_letter && q->config->attempts && q->tries >= q->config->attempts) {
		q->tries = 0;
		give_up(q, "timeout", str_from(why));
		return;
	}
	q->pause_ms = q->pause_ms ? q->pause_ms * 2 : (unsigned)q->config->retry_ms;
	if (q->pause_ms > q->config->retry_most_ms)
		q->pause_ms = (unsigned)q->config->retry_most_ms;
	log_event(q->tries > 1 ? LOG_DEBUG : LOG_WARN, "queue-waits",
	    "destination=%.*s\ttries=%u\tms=%u\treason=%s", STR_ARG(q->config->name), q->tries,
	    q->pause_ms, why);
	tell(q, WAITING, why);
	loop_timer_set(q->loop, &q->timer, q->pause_ms);
}

static void
send_letter(struct queue *q)
{
	static const char start[] = { MLLP_VT }, end[] = { MLLP_FS, '\r' };
	struct iovec pieces[] = {
		{ (void *)start, sizeof(start) },
		{ (void *)q->letter.body.p, q->letter.body.len },
		{ (void *)end, sizeof(end) },
	};

	q->committed = false;
	stream_send(&q->link->stream, pieces, 3);
	loop_timer_set(q->loop, &q->timer, (unsigned)q->config->timeout_ms);
}

static void
on_opened(struct stream *s)
{
	struct link *l = (struct link *)s;

	/* A plain one tells so from within stream_start(). */
	if (l->queue && l->queue->link == l && l->queue->state == SENDING)
		send_letter(l->queue);
}

/* What the destination says of its refusal, for the dead letter. */
static struct str
reason_of(const struct er7_message *m, const struct er7_segment *msa, struct arena *a)
{
	const struct er7_segment *err = er7_find(m, "ERR");
	struct str text = er7_value(m, msa, 3, 0, 0, 0);

	if (err && er7_value(m, err, 8, 0, 0, 0).len)
		text = er7_value(m, err, 8, 0, 0, 0);
	else if (err && er7_value(m, err, 3, 0, 2, 0).len)
		text = er7_value(m, err, 3, 0, 2, 0);
	return text.len ? str_dup(a, text) : STR("the destination did not say why");
}

/* Does the letter ask for the application's acknowledgement, too? */
static bool
wants_application_ack(const struct queue *q)
{
	struct str condition = er7_envelope_field(q->letter.body, 16);

	return condition.len && !str_is(condition, "NE");
}

static void
take_ack(struct queue *q, const struct er7_message *m)
{
	const struct er7_segment *msa = er7_find(m, "MSA");
	struct str code = msa ? er7_value(m, msa, 1, 0, 0, 0) : STR("");

	if (!msa || !str_eq(er7_value(m, msa, 2, 0, 0, 0), q->control_id)) {
		log_event(LOG_WARN, "queue-stray-ack",
		    "destination=%.*s\treason=it answers no "
		    "message that was sent",
		    STR_ARG(q->config->name));
		return;
	}
	pthread_mutex_lock(&q->lock);
	q->answered = clock_wall();
	q->problem[0] = '\0';
	pthread_mutex_unlock(&q->lock);
	q->refused = false;
	if (str_is(code, "CA") && wants_application_ack(q) && !q->committed) {
		q->committed = true;
		loop_timer_set(q->loop, &q->timer, (unsigned)q->config->timeout_ms);
	} else if (str_is(code, "AA") || str_is(code, "CA")) {
		take(q);
	} else {
		char name[8];

		snprintf(name, sizeof(name), "%.*s", code.len < 7 ? (int)code.len : 7, code.p);
		give_up(q, name, reason_of(m, msa, &q->arena));
	}
}

static enum mllp_next
on_ack(void *ctx, struct str message)
{
	struct link *l = ctx;
	struct queue *q = l->queue;
	struct er7_options o = { .default_charset = STR("8859/1"),
		.unknown_charset = ER7_CHARSET_READ };
	struct er7_message m;
	struct findings f;
	struct arena a;

	if (!q || q->state != SENDING)
		return MLLP_GO;
	arena_init(&a, ACK_ARENA, ARENA_WIPE);
	findings_init(&f, &a, 4);
	if (er7_read(message, &o, &a, &m, &f) == 0)
		take_ack(q, &m);
	arena_release(&a);
	return MLLP_GO;
}

static size_t
on_bytes(struct stream *s, const char *p, size_t len)
{
	struct link *l = (struct link *)s;
	struct error err;
	ssize_t used;

	if (!l->queue)
		return len;
	used = mllp_feed(l->codec, p, len, &err);
	if (used < 0 && l->queue)
		retry(l->queue, "the destination does not speak MLLP");
	return used < 0 ? len : (size_t)used;
}

static void
on_lost(struct stream *s)
{
	struct link *l = (struct link *)s;
	struct queue *q = l->queue;

	if (!q)
		return;
	if (q->state == SENDING) {
		retry(q, "the connection could not be made, or was lost");
		return;
	}
	/* Between letters; one that is being taken out is acknowledged. */
	let_go(q);
}

static void
on_closed(struct stream *s)
{
	struct link *l = (struct link *)s;

	if (l->queue && l->queue->link == l)
		l->queue->link = NULL;
	mllp_free(l->codec);
	free(l);
}

static void
on_sent(struct stream *s)
{
	(void)s;
}

static const struct stream_callbacks callbacks = {
	.opened = on_opened,
	.bytes = on_bytes,
	.ended = on_lost,
	.timeout = on_lost,
	.sent = on_sent,
	.broken = on_lost,
	.closed = on_closed,
};

static int
open_socket(const struct config_address *a)
{
	const struct sockaddr *to = (const struct sockaddr *)&a->sockaddr;
	int one = 1, fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (connect(fd, to, a->len) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void
connect_and_send(struct queue *q)
{
	struct address to = { .len = q->config->address.len };
	int fd = open_socket(&q->config->address);
	struct link *l;

	memcpy(&to.u, &q->config->address.sockaddr, to.len < sizeof(to.u) ? to.len : sizeof(to.u));
	if (fd < 0) {
		retry(q, "the connection could not be made");
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->queue = q;
	l->codec = mllp_new(ACK_MOST, on_ack, l);
	q->link = l;
	loop_timer_set(q->loop, &q->timer, (unsigned)q->config->timeout_ms);
	stream_start(&l->stream, q->loop, fd, &to, q->tls, &queue_kind, &callbacks, HANDSHAKE_MS,
	    (unsigned)q->config->timeout_ms);
}

/* ---- Letter by letter ----------------------------------------------------- */

/* Read the oldest letter. */
static int
load(struct queue *q)
{
	struct store_letters query = { .box = q->box, .most = 1, .bodies = true };
	struct store_letter *list;
	struct error err;
	uint32_t count;

	arena_release(&q->arena);
	if (store_read_letters(q->reader, &query, &q->arena, &list, &count, &err) != 0)
		return -1;
	if (count == 0)
		return 0;
	q->letter = list[0];
	q->control_id = er7_envelope_field(q->letter.body, 10);
	q->has_letter = true;
	return 1;
}

/* Send what is oldest, or wait to be woken. */
static void
next(struct queue *q)
{
	int rc = load(q);

	if (rc < 0) {
		retry(q, "the store could not be read");
		return;
	}
	if (rc == 0) {
		atomic_store(&q->waiting, 0);
		tell(q, IDLE, "");
		/* One that was put while this was read has woken in vain. */
		if (atomic_load(&q->woken))
			loop_timer_set(q->loop, &q->timer, 1);
		return;
	}
	tell(q, SENDING, NULL);
	if (q->link)
		send_letter(q);
	else
		connect_and_send(q);
}

static void
on_timer(struct loop *loop, struct loop_timer *t)
{
	struct queue *q = (struct queue *)((char *)t - offsetof(struct queue, timer));

	(void)loop;
	if (q->state == SENDING)
		retry(q, "no acknowledgement came in time");
	else if (q->state == WAITING || q->state == IDLE)
		next(q);
}

static void
on_wake(struct loop *loop, struct loop_message *m)
{
	struct queue *q = ((struct wake *)m)->queue;

	(void)loop;
	atomic_store(&q->woken, false);
	if (q->state == IDLE)
		next(q);
}

static void
on_stop(struct loop_service *s)
{
	struct queue *q = (struct queue *)((char *)s - offsetof(struct queue, service));

	let_go(q);
	loop_timer_clear(q->loop, &q->timer);
	tell(q, STOPPED, NULL);
}

/* ---- All of them ---------------------------------------------------------- */

static int
open_tls(struct queue *q, struct error *err)
{
	if (!q->config->tls)
		return 0;
	q->tls = tls_new(
	    &(struct tls_config){
		.client = true,
		.client_ca = q->config->ca,
		.certificate = q->config->certificate,
		.key = q->config->key,
		.server_name = q->config->server_name.len ? q->config->server_name.p : NULL,
	    },
	    err);
	return q->tls ? 0 : -1;
}

static int
open_queue(struct queue *q, struct gateway *g, unsigned number, struct error *err)
{
	struct gateway_loop *home = &g->loops[number % g->loop_count];
	uint64_t count;
	int64_t oldest;

	q->gateway = g;
	q->config = &g->config->destinations[number];
	q->loop = home->loop;
	q->reader = home->worker.reader;
	q->wake.queue = q;
	q->wake.message.run = on_wake;
	q->timer.fn = on_timer;
	q->service = (struct loop_service){ .drain = on_stop, .kill = on_stop };
	q->doing = "idle";
	pthread_mutex_init(&q->lock, NULL);
	arena_init(&q->arena, LETTER_ARENA, ARENA_WIPE);
	q->box.p = xmalloc(q->config->name.len + 5);
	q->box.len = (size_t)snprintf(
	    (char *)q->box.p, q->config->name.len + 5, "out/%.*s", STR_ARG(q->config->name));
	loop_add_service(q->loop, &q->service);
	if (open_tls(q, err) != 0 || store_count_letters(q->reader, q->box, &count, &oldest, err))
		return -1;
	atomic_store(&q->waiting, count);
	queues_wake(g->queues, number, 0);
	return 0;
}

struct queues *
queues_open(struct gateway *g, struct error *err)
{
	unsigned count = g->config->destination_count;
	struct queues *all = xcalloc(1, sizeof(*all) + count * sizeof(all->at[0]));

	g->queues = all;
	for (unsigned i = 0; i < count; i++) {
		all->count++;
		if (open_queue(&all->at[i], g, i, err) == 0)
			continue;
		queues_close(all);
		g->queues = NULL;
		return NULL;
	}
	return all;
}

void
queues_close(struct queues *all)
{
	if (!all)
		return;
	for (unsigned i = 0; i < all->count; i++) {
		struct queue *q = &all->at[i];

		if (q->service.drain)
			loop_remove_service(q->loop, &q->service);
		arena_release(&q->arena);
		tls_free(q->tls);
		free((char *)q->box.p);
		pthread_mutex_destroy(&q->lock);
	}
	free(all);
}

int
queues_find(const struct queues *all, struct str name)
{
	for (unsigned i = 0; all && i < all->count; i++)
		if (str_eq(all->at[i].config->name, name))
			return (int)i;
	return -1;
}

struct str
queues_box(const struct queues *all, unsigned number)
{
	return all->at[number].box;
}

bool
queues_has_room(struct queues *all, unsigned number)
{
	struct queue *q = &all->at[number];

	return atomic_load(&q->waiting) < q->config->queue;
}

void
queues_wake(struct queues *all, unsigned number, unsigned added)
{
	struct queue *q = &all->at[number];

	atomic_fetch_add(&q->waiting, added);
	if (!atomic_exchange(&q->woken, true))
		loop_post(q->loop, &q->wake.message);
}

unsigned
queues_count(const struct queues *all)
{
	return all ? all->count : 0;
}

void
queues_state(struct queues *all, unsigned number, struct queue_state *out)
{
	struct queue *q = &all->at[number];

	*out = (struct queue_state){
		.name = q->config->name,
		.address = q->config->address.text,
		.waiting = atomic_load(&q->waiting),
		.sent = atomic_load(&q->sent),
		.refused = atomic_load(&q->refusals),
		.retries = atomic_load(&q->retries),
	};
	pthread_mutex_lock(&q->lock);
	out->answered = q->answered;
	out->doing = q->doing;
	memcpy(out->problem, q->problem, sizeof(out->problem));
	pthread_mutex_unlock(&q->lock);
}

unsigned
queues_reload(struct queues *all)
{
	unsigned failed = 0;
	struct error err;

	for (unsigned i = 0; all && i < all->count; i++) {
		if (!all->at[i].tls || tls_reload(all->at[i].tls, &err) == 0)
			continue;
		failed++;
		log_event(LOG_ERROR, "not-reloaded", "destination=%.*s\terror=%s",
		    STR_ARG(all->at[i].config->name), err.text);
	}
	return failed;
}
