#include "gateway/net/http_body.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

enum {
	KEEP_BYTES = 16 * 1024, /* of memory after a reset */
};

static void
init_memory(struct http_body *b)
{
	buf_init(&b->memory, b->spool_bytes);
	b->memory.wipe = true;
}

void
http_body_init(struct http_body *b, size_t spool_bytes, const char *folder)
{
	*b = (struct http_body){ .spool_bytes = spool_bytes, .folder = folder, .fd = -1 };
	init_memory(b);
}

void
http_body_reset(struct http_body *b)
{
	if (b->map.p)
		munmap((void *)b->map.p, b->map.len);
	b->map = (struct str){ 0 };
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->length = 0;
	if (b->memory.cap > KEEP_BYTES) {
		buf_release(&b->memory);
		init_memory(b);
	} else if (b->memory.len) {
		explicit_bzero(b->memory.p, b->memory.len);
		buf_clear(&b->memory);
	}
}

static int
open_spool(struct http_body *b, struct error *err)
{
	char name[PATH_MAX];
	int len;

	b->fd = open(b->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (b->fd >= 0)
		return 0;
	/* Not every file system knows files without a name. */
	len = snprintf(name, sizeof(name), "%s/firedoor-spool-XXXXXX", b->folder);
	if (len < 0 || (size_t)len >= sizeof(name))
		return error_set(err, ERROR_INVALID, "the spool folder's name is too long");
	b->fd = mkostemp(name, O_CLOEXEC);
	if (b->fd < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not make a spool file in %s", b->folder);
	unlink(name);
	return 0;
}

int
http_body_add(struct http_body *b, struct str piece, struct error *err)
{
	if (b->fd < 0 && piece.len <= b->spool_bytes - b->memory.len) {
		buf_put_str(&b->memory, piece);
		b->length += piece.len;
		return 0;
	}
	if (b->fd < 0) {
		if (open_spool(b, err) < 0 || write_all(b->fd, buf_str(&b->memory), err) < 0)
			return -1;
		buf_release(&b->memory);
		init_memory(b);
	}
	b->length += piece.len;
	return write_all(b->fd, piece, err);
}

int
http_body_whole(struct http_body *b, struct str *out, struct error *err)
{
	void *p;

	if (b->fd < 0) {
		*out = buf_str(&b->memory);
		return 0;
	}
	if (b->length > SIZE_MAX)
		return error_set(err, ERROR_LIMIT, "the body is too large for this machine");
	p = mmap(NULL, (size_t)b->length, PROT_READ, MAP_PRIVATE, b->fd, 0);
	if (p == MAP_FAILED)
		return error_set_errno(err, ERROR_IO, "could not map a spooled body");
	b->map = str_of(p, (size_t)b->length);
	*out = b->map;
	return 0;
}
