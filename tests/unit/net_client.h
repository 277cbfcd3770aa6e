/*
 * net_client.h - the other end for tests of servers: blocking, with a time
 * limit on everything.
 */
#ifndef TESTS_UNIT_NET_CLIENT_H
#define TESTS_UNIT_NET_CLIENT_H

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "gateway/net/address.h"

enum {
	CLIENT_WAIT_MS = 10000,
};

/* Connect; -1 when that is refused. */
__attribute__((unused)) static int
client_connect(const struct address *a)
{
	struct timeval wait = { .tv_sec = CLIENT_WAIT_MS / 1000 };
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, &a->u.sa, a->len) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* Send all; false when the peer has gone. */
__attribute__((unused)) static bool
client_send(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s = str_from_index(s, (size_t)n);
	}
	return true;
}

/* Append what comes; false at the end, at a reset and when time is up. */
__attribute__((unused)) static bool
client_receive(int fd, struct buf *b)
{
	char part[65536];
	ssize_t n = recv(fd, part, sizeof(part), 0);

	if (n <= 0)
		return false;
	buf_put(b, part, (size_t)n);
	return true;
}

/* Receive until the text has come; false when the stream ends before. */
__attribute__((unused)) static bool
client_await(int fd, struct buf *b, struct str text)
{
	while (str_find_str(buf_str(b), text) < 0)
		if (!client_receive(fd, b))
			return false;
	return true;
}

/* Receive to the end. Returns whether there was one: not a reset, not time. */
__attribute__((unused)) static bool
client_drain(int fd, struct buf *b)
{
	char part[65536];
	ssize_t n;

	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		buf_put(b, part, (size_t)n);
	return n == 0;
}

/* Does nothing come for ms milliseconds? */
__attribute__((unused)) static bool
client_is_silent(int fd, int ms)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ms) == 0;
}

__attribute__((unused)) static bool
has(const struct buf *b, const char *text)
{
	return str_find_str(buf_str(b), str_from(text)) >= 0;
}

__attribute__((unused)) static unsigned
times(const struct buf *b, const char *text)
{
	struct str rest = buf_str(b);
	unsigned count = 0;
	ptrdiff_t at;

	while ((at = str_find_str(rest, str_from(text))) >= 0) {
		count++;
		rest = str_from_index(rest, (size_t)at + 1);
	}
	return count;
}

#endif
