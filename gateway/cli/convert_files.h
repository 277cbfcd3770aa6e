/*
 * convert_files.h - which files `firedoor convert` reads, and where what comes
 * of each goes. One thread.
 */
#ifndef GATEWAY_CLI_CONVERT_FILES_H
#define GATEWAY_CLI_CONVERT_FILES_H

#include <stddef.h>

struct error;

struct convert_job {
	char *input;
	char *output; /* path without an ending; NULL: standard output */
};

struct convert_jobs {
	struct convert_job *at;
	size_t count, room;
};

/*
 * Add a file, "-", or a folder: all files in it and below whose names have one
 * of the endings, in the order of their names; symbolic links to folders are
 * not followed. With `into`, outputs have the same places below that folder
 * that inputs have below theirs. Returns 0, or -1 with *err set.
 */
int convert_jobs_add(struct convert_jobs *jobs, const char *path, const char *const *endings,
    const char *into, struct error *err);

/* Make the folders for outputs; two inputs with the same output are an error.
 * Returns 0, or -1 with *err set. */
int convert_jobs_prepare(const struct convert_jobs *jobs, struct error *err);

void convert_jobs_release(struct convert_jobs *jobs);

#endif
