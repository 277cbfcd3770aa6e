/*
 * mllp_load.c - send admissions over MLLP as fast as they are acknowledged.
 *
 *	mllp_load PORT CONNECTIONS SECONDS [PREFIX]
 *	mllp_load --disk FOLDER SECONDS
 *
 * Each connection has one message under way. Prints one line of JSON: messages
 * a second, p50 and p99 in milliseconds, and how many were refused. --disk is
 * the reference: a message of the same size appended and synced, one after the
 * other, which is what one durable sender can get from this disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"

enum {
	SAMPLES_MOST = 4000000,
	MESSAGE_MOST = 1024,
	ANSWER_MOST = 4096,
};

struct sender {
	int fd;
	int64_t began;
	char answer[ANSWER_MOST];
	size_t len;
};

static uint32_t *samples; /* microseconds */
static size_t sample_count, refused;
static uint64_t next_number;
static const char *prefix = "L";

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t
make_message(char *out)
{
	unsigned long long n = next_number++;
	int len = snprintf(out, MESSAGE_MOST,
	    "\x0bMSH|^~\\&|ADT|NORTH|FIREDOOR|HUB|20260301120000||ADT^A01^ADT_A01|%s%llu|P|2.5.1\r"
	    "EVN|A01|20260301120000\r"
	    "PID|1||%s%llu^^^NORTH^MR||Testbed^Ada^Grace||19700101|F|||1 Long Road^^Ridgeport^^RP4 "
	    "2LX^GBR^H||^PRN^PH^^^^5550142|||M\r"
	    "PV1|1|I|W1^101^A^NORTH||||1044^Haldane^Priya^^^Dr|||||||||||IP|V%s%llu^^^NORTH^VN\r"
	    "\x1c\r",
	    prefix, n, prefix, n, prefix, n);

	return (size_t)len;
}

static void
send_next(struct sender *s)
{
	char message[MESSAGE_MOST];
	size_t len = make_message(message);

	s->len = 0;
	s->began = clock_monotonic();
	if (send(s->fd, message, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static void
receive(struct sender *s)
{
	ssize_t n = recv(s->fd, s->answer + s->len, sizeof(s->answer) - s->len, 0);
	struct str answer;

	if (n <= 0)
		die("the gateway closed the connection");
	s->len += (size_t)n;
	answer = str_of(s->answer, s->len);
	if (!str_ends(answer, STR("\x1c\r")))
		return;
	if (sample_count < SAMPLES_MOST)
		samples[sample_count++] = (uint32_t)(clock_monotonic() - s->began);
	if (str_find_str(answer, STR("MSA|AA|")) < 0)
		refused++;
	send_next(s);
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print_result(int64_t took)
{
	qsort(samples, sample_count, sizeof(*samples), by_size);
	printf("{\"messages\": %zu, \"per_second\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
	       "\"refused\": %zu}\n",
	    sample_count, (double)sample_count * 1e6 / (double)took,
	    sample_count ? samples[sample_count / 2] / 1e3 : 0,
	    sample_count ? samples[sample_count * 99 / 100] / 1e3 : 0, refused);
}

static void
load(uint16_t port, size_t connections, int64_t seconds)
{
	struct sender *senders = xcalloc(connections, sizeof(*senders));
	int64_t began = clock_monotonic(), end = began + seconds * 1000000;
	int poll = epoll_create1(EPOLL_CLOEXEC);

	for (size_t i = 0; i < connections; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &senders[i] };

		senders[i].fd = dial(port);
		epoll_ctl(poll, EPOLL_CTL_ADD, senders[i].fd, &e);
		send_next(&senders[i]);
	}
	while (clock_monotonic() < end) {
		struct epoll_event ready[64];
		int n = epoll_wait(poll, ready, 64, 1000);

		for (int i = 0; i < n; i++)
			receive(ready[i].data.ptr);
	}
	print_result(clock_monotonic() - began);
	free(senders);
	close(poll);
}

static void
sync_disk(const char *folder, int64_t seconds)
{
	char path[4096], message[MESSAGE_MOST];
	int64_t began = clock_monotonic(), end = began + seconds * 1000000;
	int fd;

	snprintf(path, sizeof(path), "%s/mllp_load.tmp", folder);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	while (clock_monotonic() < end) {
		int64_t start = clock_monotonic();
		size_t len = make_message(message);

		if (write(fd, message, len) != (ssize_t)len || fdatasync(fd) < 0)
			die(path);
		if (sample_count < SAMPLES_MOST)
			samples[sample_count++] = (uint32_t)(clock_monotonic() - start);
	}
	print_result(clock_monotonic() - began);
	close(fd);
	unlink(path);
}

int
main(int argc, char **argv)
{
	int64_t port, connections, seconds;

	samples = xmalloc(SAMPLES_MOST * sizeof(*samples));
	if (argc == 4 && strcmp(argv[1], "--disk") == 0 &&
	    str_to_int(str_from(argv[3]), &seconds)) {
		sync_disk(argv[2], seconds);
	} else if ((argc == 4 || argc == 5) && str_to_int(str_from(argv[1]), &port) &&
		   str_to_int(str_from(argv[2]), &connections) &&
		   str_to_int(str_from(argv[3]), &seconds) && connections > 0) {
		if (argc == 5)
			prefix = argv[4];
		load((uint16_t)port, (size_t)connections, seconds);
	} else {
		fprintf(stderr, "usage: mllp_load PORT CONNECTIONS SECONDS [PREFIX]\n"
				"       mllp_load --disk FOLDER SECONDS\n");
		return 2;
	}
	free(samples);
	return 0;
}
