#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

static int
open_failed(const char *path, struct error *err)
{
	return error_set_errno(
	    err, errno == ENOENT ? ERROR_MISSING : ERROR_IO, "could not open %s", path);
}

int
file_read_fd(int fd, const char *name, struct buf *out, struct error *err)
{
	for (;;) {
		char piece[65536];
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set_errno(err, ERROR_IO, "could not read %s", name);
		buf_put(out, piece, (size_t)n);
		if (out->full)
			return error_set(err, ERROR_LIMIT,
			    "%s is larger than the limit of %zu bytes", name, out->limit);
	}
}

int
file_read(const char *path, struct buf *out, struct error *err)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return file_read_fd(STDIN_FILENO, "standard input", out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(path, err);
	rc = file_read_fd(fd, path, out, err);
	close(fd);
	return rc;
}

int
file_map(const char *path, struct str *out, struct error *err)
{
	struct stat st;
	void *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return open_failed(path, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		close(fd);
		return error_set(err, ERROR_INVALID, "%s is empty or not a file", path);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return error_set_errno(err, ERROR_IO, "could not map %s", path);
	*out = str_of(p, (size_t)st.st_size);
	return 0;
}

void
file_unmap(struct str map)
{
	if (map.p)
		munmap((void *)(uintptr_t)map.p, map.len);
}

int
write_all(int fd, struct str data, struct error *err)
{
	while (data.len) {
		ssize_t n = write(fd, data.p, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set_errno(err, ERROR_IO, "could not write");
		data = str_from_index(data, (size_t)n);
	}
	return 0;
}

int
file_sync_folder(const char *path, struct error *err)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = error_set_errno(err, ERROR_IO, "could not sync the folder of %s", path);
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

int
file_replace(const char *path, struct str data, int mode, struct error *err)
{
	size_t room = strlen(path) + sizeof(".XXXXXX");
	char *beside = xmalloc(room);
	int fd, rc = -1;

	snprintf(beside, room, "%s.XXXXXX", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		error_set_errno(err, ERROR_IO, "could not write %s", path);
		free(beside);
		return -1;
	}
	if (write_all(fd, data, err) == 0) {
		if (fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0 || rename(beside, path) < 0)
			error_set_errno(err, ERROR_IO, "could not write %s", path);
		else
			rc = file_sync_folder(path, err);
	}
	if (rc < 0)
		unlink(beside);
	close(fd);
	free(beside);
	return rc;
}
