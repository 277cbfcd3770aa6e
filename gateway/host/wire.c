#include "gateway/host/wire.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

enum {
	PAD = 8,
};

static size_t
padding(size_t len)
{
	return -len & (PAD - 1);
}

static void
put_padded(struct buf *b, struct str s)
{
	static const char zeros[PAD];

	buf_put_str(b, s);
	buf_put(b, zeros, padding(s.len));
}

void
wire_put(struct buf *payload, struct str record, struct str text)
{
	struct wire_head head = { record.len, text.len };

	buf_put(payload, &head, sizeof(head));
	put_padded(payload, record);
	put_padded(payload, text);
}

static bool
take_padded(struct str *payload, uint64_t len, struct str *out)
{
	if (len > payload->len || padding((size_t)len) > payload->len - (size_t)len)
		return false;
	*out = str_of(payload->p, (size_t)len);
	*payload = str_from_index(*payload, (size_t)len + padding((size_t)len));
	return true;
}

bool
wire_take(struct str *payload, struct str *record, struct str *text)
{
	struct wire_head head;

	if (payload->len < sizeof(head))
		return false;
	memcpy(&head, payload->p, sizeof(head));
	*payload = str_from_index(*payload, sizeof(head));
	return take_padded(payload, head.record_len, record) &&
	       take_padded(payload, head.text_len, text);
}

/* A memory file that holds the payload; -1 with *err set. */
static int
make_payload_file(struct str payload, struct error *err)
{
	int fd = memfd_create("payload", MFD_CLOEXEC);

	if (fd < 0)
		return error_set_errno(err, ERROR_IO, "could not make a memory file");
	if (write_all(fd, payload, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int
wire_send(int fd, struct wire_message *m, struct str payload, struct error *err)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int payload_fd = -1;
	ssize_t n;

	m->size = payload.len;
	if (payload.len) {
		struct cmsghdr *c;

		payload_fd = make_payload_file(payload, err);
		if (payload_fd < 0)
			return -1;
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &payload_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (payload_fd >= 0)
		close(payload_fd);
	if (n != (ssize_t)sizeof(*m))
		return error_set_errno(err, ERROR_IO, "could not send to the other side");
	return 0;
}

/* Keep the first descriptor that came along, close the others. */
static int
take_descriptor(struct msghdr *msg)
{
	int kept = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (kept < 0)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

int
wire_receive(int fd, struct wire_message *m, int *payload_fd, bool *again, struct error *err)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n;

	*payload_fd = -1;
	*again = false;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n < 0) {
		*again = errno == EAGAIN || errno == EWOULDBLOCK;
		return error_set_errno(err, ERROR_IO, "could not receive from the other side");
	}
	*payload_fd = take_descriptor(&msg);
	m->text[WIRE_TEXT - 1] = '\0';
	if (n != (ssize_t)sizeof(*m) || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    m->size > WIRE_PAYLOAD_MOST || m->count > WIRE_RECORDS_MOST ||
	    (m->size > 0) != (*payload_fd >= 0)) {
		if (*payload_fd >= 0)
			close(*payload_fd);
		*payload_fd = -1;
		return error_set(err, ERROR_INVALID, "the other side sent a message that is none");
	}
	return 1;
}
