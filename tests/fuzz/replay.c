/*
 * replay.c - main() of a fuzz target in builds without a fuzzer: feeds it
 * every file of its corpus, tests/fuzz/corpus/X for a program replay_X, and
 * every beginning of the small ones. Files given as arguments are fed instead.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "tests/tap.h"

enum {
	CUT_MOST = 2048, /* files up to this size are cut everywhere */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may have none. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* Feed the first n bytes, alone in their memory so that reading past them is
 * seen. */
static void
feed(struct str text, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (n)
		memcpy(copy, text.p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void
replay(const char *path)
{
	struct buf text;
	struct error err;

	buf_init(&text, SIZE_MAX);
	if (file_read(path, &text, &err)) {
		ok(false, "%s", err.text);
		return;
	}
	for (size_t n = 0; text.len <= CUT_MOST && n < text.len; n++)
		feed(buf_str(&text), n);
	feed(buf_str(&text), text.len);
	ok(true, "%s", path);
	buf_release(&text);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("FIREDOOR_SRCDIR"), *name = strstr(argv[0], "replay_");
	char folder[1024], path[2048];
	struct dirent *entry;
	DIR *dir;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc > 1)
		return tap_done();
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".",
	    name ? name + strlen("replay_") : "");
	dir = opendir(folder);
	if (!ok(dir != NULL, "the corpus %s is there", folder))
		return tap_done();
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		replay(path);
	}
	closedir(dir);
	ok(tap_cases > 1, "the corpus has files");
	return tap_done();
}
