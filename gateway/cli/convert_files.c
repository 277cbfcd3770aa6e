#include "gateway/cli/convert_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum {
	DEPTH_MOST = 64,
};

struct walk {
	struct convert_jobs *jobs;
	const char *const *endings;
	const char *into;
	size_t root; /* length of the folder's path, with its slash */
	unsigned depth;
};

static bool
has_ending(const char *name, const char *const *endings)
{
	for (; *endings; endings++)
		if (str_ends(str_from(name), str_from(*endings)))
			return true;
	return false;
}

static char *
join(const char *a, const char *b)
{
	size_t n = strlen(a), len = n + strlen(b) + 2;
	char *path = xmalloc(len);

	snprintf(path, len, "%s%s%s", a, n && a[n - 1] != '/' ? "/" : "", b);
	return path;
}

/* The path of the output: that of the input below `into`, its ending off. */
static char *
output_of(const char *into, const char *relative)
{
	char *path = join(into, relative);
	char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	if (dot && dot > slash + 1)
		*dot = '\0';
	return path;
}

static void
add_job(struct convert_jobs *jobs, const char *input, const char *into, const char *relative)
{
	if (jobs->count == jobs->room) {
		jobs->room = jobs->room ? jobs->room * 2 : 64;
		jobs->at = xrealloc(jobs->at, jobs->room * sizeof(*jobs->at));
	}
	jobs->at[jobs->count++] = (struct convert_job){
		.input = xstrdup(input),
		.output = into ? output_of(into, relative) : NULL,
	};
}

static int walk_folder(struct walk *w, const char *path, struct error *err);

static int
walk_entry(struct walk *w, const char *path, const char *name, struct error *err)
{
	struct stat st;

	if (name[0] == '.')
		return 0;
	if (lstat(path, &st) != 0)
		return error_set_errno(err, ERROR_MISSING, "could not look at %s", path);
	if (S_ISDIR(st.st_mode))
		return walk_folder(w, path, err);
	if (S_ISLNK(st.st_mode) && stat(path, &st) != 0)
		return 0; /* it leads nowhere */
	if (S_ISREG(st.st_mode) && has_ending(name, w->endings))
		add_job(w->jobs, path, w->into, path + w->root);
	return 0;
}

static int
walk_folder(struct walk *w, const char *path, struct error *err)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, NULL, alphasort), rc = 0;

	if (n < 0)
		return error_set_errno(err, ERROR_MISSING, "could not read the folder %s", path);
	if (++w->depth > DEPTH_MOST)
		rc = error_set(
		    err, ERROR_LIMIT, "folders are nested deeper than %d: %s", DEPTH_MOST, path);
	for (int i = 0; i < n; i++) {
		char *inner = join(path, list[i]->d_name);

		if (rc == 0)
			rc = walk_entry(w, inner, list[i]->d_name, err);
		free(inner);
		free(list[i]);
	}
	free(list);
	w->depth--;
	return rc;
}

int
convert_jobs_add(struct convert_jobs *jobs, const char *path, const char *const *endings,
    const char *into, struct error *err)
{
	struct walk w = { .jobs = jobs, .endings = endings, .into = into };
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (strcmp(path, "-") == 0) {
		add_job(jobs, path, into, "standard-input");
		return 0;
	}
	if (stat(path, &st) != 0)
		return error_set_errno(err, ERROR_MISSING, "could not open %s", path);
	if (!S_ISDIR(st.st_mode)) {
		add_job(jobs, path, into, slash ? slash + 1 : path);
		return 0;
	}
	w.root = strlen(path);
	w.root += path[w.root - 1] != '/';
	return walk_folder(&w, path, err);
}

static int
by_output(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int
check_outputs(const struct convert_jobs *jobs, struct error *err)
{
	const char **outputs = xcalloc(jobs->count, sizeof(*outputs));
	int rc = 0;

	for (size_t i = 0; i < jobs->count; i++)
		outputs[i] = jobs->at[i].output;
	qsort(outputs, jobs->count, sizeof(*outputs), by_output);
	for (size_t i = 1; i < jobs->count && rc == 0; i++)
		if (strcmp(outputs[i - 1], outputs[i]) == 0)
			rc = error_set(err, ERROR_INVALID,
			    "two inputs would be written to %s; convert them into folders of "
			    "their own",
			    outputs[i]);
	free(outputs);
	return rc;
}

static int
make_folders(const char *output, struct error *err)
{
	char *path = xstrdup(output);
	int rc = 0;

	for (char *p = path + 1; *p && rc == 0; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			rc = error_set_errno(err, ERROR_IO, "could not make the folder %s", path);
		*p = '/';
	}
	free(path);
	return rc;
}

int
convert_jobs_prepare(const struct convert_jobs *jobs, struct error *err)
{
	if (!jobs->count || !jobs->at[0].output)
		return 0;
	if (check_outputs(jobs, err) != 0)
		return -1;
	for (size_t i = 0; i < jobs->count; i++)
		if (make_folders(jobs->at[i].output, err) != 0)
			return -1;
	return 0;
}

void
convert_jobs_release(struct convert_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		free(jobs->at[i].input);
		free(jobs->at[i].output);
	}
	free(jobs->at);
	*jobs = (struct convert_jobs){ 0 };
}
