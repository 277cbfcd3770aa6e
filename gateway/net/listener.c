#include "gateway/net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"

enum {
	BACKLOG = 1024,
	ACCEPTS_MOST = 64, /* in one go, so that others have their turn */
	PAUSE_MS = 200,
};

struct listener {
	struct loop *loop;
	int fd;
	struct event *event;
	struct loop_timer pause;
	bool complained; /* of the present shortage */
	listener_fn *fn;
	void *ctx;
};

static void
start_again(struct loop *loop, struct loop_timer *t)
{
	struct listener *l = (struct listener *)((char *)t - offsetof(struct listener, pause));

	(void)loop;
	event_add(l->event, NULL);
}

/* There is no descriptor, or no memory, for another connection. The ones that
 * wait stay in the backlog; asking again at once would only spin. */
static void
pause_accepting(struct listener *l)
{
	if (!l->complained)
		log_event(LOG_WARN, "accept-paused", "reason=%s", strerror(errno));
	l->complained = true;
	event_del(l->event);
	l->pause.fn = start_again;
	loop_timer_set(l->loop, &l->pause, PAUSE_MS);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *ctx)
{
	struct listener *l = ctx;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_MOST; i++) {
		struct address peer = { 0 };
		int got;

		peer.len = sizeof(peer.u);
		got = accept4(fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				pause_accepting(l);
			/* Others are the fate of one connection. */
			return;
		}
		l->complained = false;
		setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		setsockopt(got, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
		l->fn(l->ctx, got, &peer);
	}
}

static int
open_socket(struct address *a, bool shared)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
	    bind(fd, &a->u.sa, a->len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, &a->u.sa, &a->len) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int
cannot_listen(const struct address *a, struct error *err)
{
	char text[ADDRESS_TEXT];
	int saved = errno;

	address_format(a, text);
	errno = saved;
	return error_set_errno(err, ERROR_IO, "could not listen on %s", text);
}

int
listener_check(const struct address *address, struct error *err)
{
	struct address a = *address;
	int fd = open_socket(&a, false);

	if (fd < 0)
		return cannot_listen(address, err);
	close(fd);
	return 0;
}

struct listener *
listener_new(
    struct loop *loop, struct address *address, listener_fn *fn, void *ctx, struct error *err)
{
	struct listener *l;
	int fd = open_socket(address, true);

	if (fd < 0) {
		cannot_listen(address, err);
		return NULL;
	}
	l = xcalloc(1, sizeof(*l));
	l->loop = loop;
	l->fd = fd;
	l->fn = fn;
	l->ctx = ctx;
	l->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_acceptable, l);
	if (!l->event || event_add(l->event, NULL) < 0) {
		error_set(err, ERROR_IO, "could not add a listener to its loop");
		listener_free(l);
		return NULL;
	}
	return l;
}

void
listener_free(struct listener *l)
{
	if (!l)
		return;
	loop_timer_clear(l->loop, &l->pause);
	if (l->event)
		event_free(l->event);
	close(l->fd);
	free(l);
}
