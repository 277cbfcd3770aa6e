#include "gateway/audit/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"

static int
read_lines(FILE *in, segment_line_fn *fn, void *ctx)
{
	char *line = NULL;
	size_t room = 0;
	uint64_t offset = 0;
	ssize_t n;

	errno = 0;
	while ((n = getline(&line, &room, in)) > 0) {
		bool whole = line[n - 1] == '\n';

		if (!fn(ctx, str_of(line, (size_t)n - whole), offset, whole))
			break;
		offset += (uint64_t)n;
		errno = 0;
	}
	free(line);
	return ferror(in) ? -1 : 0;
}

int
segment_each_line(int folder, const char *name, segment_line_fn *fn, void *ctx, struct error *err)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;
	struct stat st;
	FILE *in;

	if (fd < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not open segment %s of the audit trail", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, ERROR_INVALID, "segment %s is not a file", name);
	}
	in = fdopen(fd, "r");
	if (!in) {
		close(fd);
		return error_set_errno(err, ERROR_IO, "could not read segment %s", name);
	}
	rc = read_lines(in, fn, ctx);
	if (rc < 0)
		error_set_errno(
		    err, ERROR_IO, "could not read segment %s of the audit trail", name);
	fclose(in);
	return rc;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int64_t
segment_list(int folder, uint64_t **numbers, struct error *err)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t count = 0, room = 64;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return error_set_errno(err, ERROR_IO, "could not list the audit trail's folder");
	}
	*numbers = xmalloc(room * sizeof(**numbers));
	while ((e = readdir(dir))) {
		uint64_t n = segment_number(e->d_name);

		if (!n)
			continue;
		if (count == room) {
			room *= 2;
			*numbers = xrealloc(*numbers, room * sizeof(**numbers));
		}
		(*numbers)[count++] = n;
	}
	closedir(dir);
	qsort(*numbers, count, sizeof(**numbers), by_number);
	return (int64_t)count;
}

int
checkpoint_read(int folder, struct checkpoint *out, struct error *err)
{
	int fd = openat(folder, CHECKPOINT_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char bytes[CHECKPOINT_BYTES + 1];
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not open the audit trail's checkpoint");
	n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (n < 0)
		return error_set_errno(
		    err, ERROR_IO, "could not read the audit trail's checkpoint");
	if (!line_get_checkpoint(str_of(bytes, (size_t)n), out))
		return error_set(
		    err, ERROR_INVALID, "the audit trail's checkpoint has been changed");
	return 1;
}
