/*
 * JSONTestSuite over the lexer that reads FHIR: it accepts every y_ file,
 * refuses every n_ file, and survives the i_ files. The FHIR reader refuses all
 * of them: none is a resource.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/json_lex.h"
#include "tests/tap.h"

static bool
reader_refuses_it(struct record_builder *b, struct str text)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	struct arena a;
	bool refused;

	arena_init(&a, 16 << 20, 0);
	findings_init(&findings, &a, 10);
	refused = !fhir_json_read(text, &options, b, &a, &findings) && findings.errors > 0;
	arena_release(&a);
	return refused;
}

static void
try_file(const char *folder, const char *name, struct record_builder *b)
{
	char path[4096];
	struct buf text;
	struct error err;
	bool accepted;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buf_init(&text, SIZE_MAX);
	/* An empty file is read as one without bytes. */
	ok(file_read(path, &text, &err) == 0, "%s is read", name);
	accepted = json_check(buf_str(&text), &err) == 0;
	if (name[0] == 'y')
		ok(accepted, "%s is accepted", name);
	else if (name[0] == 'n')
		ok(!accepted, "%s is refused", name);
	else
		ok(true, "%s is survived (%s)", name, accepted ? "accepted" : "refused");
	if (b)
		ok(reader_refuses_it(b, buf_str(&text)), "%s is no resource", name);
	buf_release(&text);
}

int
main(void)
{
	const char *suites = getenv("FIREDOOR_SUITES"), *pack = getenv("FIREDOOR_PACK");
	const struct pack *p = pack ? pack_open(pack, NULL) : NULL;
	struct record_builder b;
	struct dirent *entry;
	char folder[3072];
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/json", suites ? suites : "../shared/suites");
	dir = opendir(folder);
	if (!dir) {
		tap_skip("JSONTestSuite", "its folder is not there: set FIREDOOR_SUITES");
		pack_free(p);
		return tap_done();
	}
	if (p)
		record_builder_init(&b, p, &record_default_limits);
	while ((entry = readdir(dir)))
		if (str_ends(str_from(entry->d_name), STR(".json")))
			try_file(folder, entry->d_name, p ? &b : NULL);
	closedir(dir);
	if (p)
		record_builder_release(&b);
	pack_free(p);
	return tap_done();
}
