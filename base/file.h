/*
 * file.h - files: read whole, map, write whole and durably.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/str.h"

struct buf;
struct error;

/*
 * Append all of path ("-" is standard input) to out, up to out's limit.
 * Returns 0, or -1 with *err set (ERROR_LIMIT past the limit, ERROR_MISSING
 * when there is no such file).
 */
int file_read(const char *path, struct buf *out, struct error *err);

/* Append all that fd gives until its end. Errors as file_read(). */
int file_read_fd(int fd, const char *name, struct buf *out, struct error *err);

/*
 * Map path read-only and shared. An empty file is an error. Returns 0 and sets
 * *out, to be given back by file_unmap(); or -1 with *err set.
 */
int file_map(const char *path, struct str *out, struct error *err);
void file_unmap(struct str map);

/*
 * Put data into path so that at every moment, a crash included, path holds
 * either the old bytes or the new: written beside it, synced, renamed, and the
 * folder synced. mode as in open(2).
 */
int file_replace(const char *path, struct str data, int mode, struct error *err);

/* Write all of data to fd, going on after short writes. */
int write_all(int fd, struct str data, struct error *err);

/* fsync the folder that holds path, so that its entry is on disk. */
int file_sync_folder(const char *path, struct error *err);

#endif
