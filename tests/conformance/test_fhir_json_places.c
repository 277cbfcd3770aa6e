/*
 * Resources of the FHIR package are spoiled in one known place, and the finding
 * must be there: line, column, and how deep the FHIRPath goes, which this test
 * counts for itself.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "tests/conformance/spoil.h"
#include "tests/tap.h"

enum {
	FILES = 200,
	TRIES = 12, /* of each kind and file */
	SIZE_MOST = 64 * 1024,
	BEFORE_MOST = 12, /* an escape, or a word, is faulted at its start */
};

/* A member's name in the text: where its quote stands, in how many objects. */
struct name {
	size_t at;
	unsigned depth;
};

struct spoiled {
	struct record_builder builder;
	unsigned files, renamed, renamed_right, broken, broken_right;
	uint32_t random;
};

/* All names of the text but resourceType. Returns how many. */
static size_t
find_names(struct str text, struct name *names, size_t most)
{
	unsigned depth = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		size_t from = i;

		depth += text.p[i] == '{';
		depth -= text.p[i] == '}';
		if (text.p[i] != '"')
			continue;
		for (i++; text.p[i] != '"'; i++)
			i += text.p[i] == '\\';
		for (i++; i < text.len && memchr(" \t\r\n", text.p[i], 4);)
			i++;
		if (i < text.len && text.p[i] == ':' && n < most &&
		    !str_starts(str_from_index(text, from), STR("\"resourceType\"")))
			names[n++] = (struct name){ from, depth };
		i--;
	}
	return n;
}

/* A letter more in a name: unknown, at the name's quote, in its object. */
static void
rename_one(struct spoiled *s, struct str text, const struct name *name, struct buf *out)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	uint32_t line, column;
	bool found = false;
	struct arena a;

	insert(out, text, name->at + 1, 'Q');
	place_of(text, name->at, &line, &column);
	arena_init(&a, 16 << 20, 0);
	findings_init(&findings, &a, 100);
	fhir_json_read(buf_str(out), &options, &s->builder, &a, &findings);
	for (const struct finding *f = findings.first; f; f = f->next)
		found |= f->line == line && f->column == column &&
			 str_starts(f->text, STR("unknown element \"Q")) &&
			 steps(f->path) == name->depth;
	s->renamed++;
	s->renamed_right += found;
	if (!found)
		printf("# not found: %u:%u depth %u\n", line, column, name->depth);
	arena_release(&a);
}

/* A control character anywhere ends the reading there. */
static void
break_one(struct spoiled *s, struct str text, size_t at, struct buf *out)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	const struct finding *f;
	uint32_t line, column;
	bool right;
	struct arena a;

	insert(out, text, at, 1);
	place_of(text, at, &line, &column);
	arena_init(&a, 16 << 20, 0);
	findings_init(&findings, &a, 100);
	right = !fhir_json_read(buf_str(out), &options, &s->builder, &a, &findings);
	for (f = findings.first; f && f->severity != SEVERITY_FATAL;)
		f = f->next;
	right = right && f && f->line == line && f->column <= column &&
		column - f->column <= BEFORE_MOST;
	s->broken++;
	s->broken_right += right;
	if (!right)
		printf("# wrong: %u:%u\n", line, column);
	arena_release(&a);
}

static void
try_file(struct spoiled *s, const char *path)
{
	static struct name names[SIZE_MOST / 4];
	struct buf text, out;
	size_t n;

	buf_init(&text, SIZE_MOST);
	buf_init(&out, 2 * SIZE_MOST);
	if (file_read(path, &text, NULL) == 0) {
		s->files++;
		n = find_names(buf_str(&text), names, sizeof(names) / sizeof(names[0]));
		for (unsigned i = 0; i < TRIES && n; i++) {
			rename_one(
			    s, buf_str(&text), &names[next_random(&s->random, (uint32_t)n)], &out);
			break_one(
			    s, buf_str(&text), next_random(&s->random, (uint32_t)text.len), &out);
		}
	}
	buf_release(&text);
	buf_release(&out);
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_PACKAGE_DIR"), *pack = getenv("FIREDOOR_PACK");
	const struct pack *p = pack ? pack_open(pack, NULL) : NULL;
	struct spoiled s = { .random = 20261122 };
	struct dirent *entry;
	char path[4096];
	DIR *dir;

	if (!folder || !p || !(dir = opendir(folder))) {
		tap_skip("spoiled resources", "FIREDOOR_PACKAGE_DIR or FIREDOOR_PACK is not set");
		pack_free(p);
		return tap_done();
	}
	record_builder_init(&s.builder, p, &record_default_limits);
	while (s.files < FILES && (entry = readdir(dir))) {
		struct str name = str_from(entry->d_name);

		if (!str_ends(name, STR(".json")) || str_eq(name, STR("package.json")) ||
		    name.p[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		try_file(&s, path);
	}
	closedir(dir);
	is_int(s.files, FILES, "files");
	ok(s.renamed > FILES, "%u names were spoiled", s.renamed);
	is_int(s.renamed_right, s.renamed, "unknown elements were told in their place");
	is_int(s.broken_right, s.broken, "control characters were told in their place");
	record_builder_release(&s.builder);
	pack_free(p);
	return tap_done();
}
