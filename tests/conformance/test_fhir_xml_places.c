/*
 * XML definitions of the FHIR package are spoiled in one known place, and the finding
 * must be there: line, column, and how deep the FHIRPath goes, which this test
 * counts for itself.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_xml.h"
#include "tests/conformance/spoil.h"
#include "tests/tap.h"

enum {
	FILES = 200,
	TRIES = 12, /* of each kind and file */
	SIZE_MOST = 64 * 1024,
	BEFORE_MOST = 1, /* a name or a tag ends before what cannot be in it */
};

/* A start tag in the text: where its '<' stands, in how many elements. */
struct name {
	size_t at;
	unsigned depth;
};

struct spoiled {
	struct record_builder builder;
	unsigned files, renamed, renamed_right, broken, broken_right;
	uint32_t random;
};

/* All elements that hold no others. Returns how many; 0 where there are
 * resources inside, whose roots FHIRPath does not show. */
static size_t
find_names(struct str text, struct name *names, size_t most)
{
	unsigned depth = 0;
	size_t n = 0;

	if (str_find_str(text, STR("<contained>")) >= 0 || str_find_str(text, STR("<!--")) >= 0)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		struct str rest = str_from_index(text, i);
		ptrdiff_t end;

		if (text.p[i] != '<' || rest.len < 2 || rest.p[1] == '?')
			continue;
		end = str_find(rest, '>');
		if (rest.p[1] == '/')
			depth--;
		else if (end > 0 && rest.p[end - 1] != '/')
			depth++;
		else if (n < most)
			names[n++] = (struct name){ i, depth };
	}
	return n;
}

/* A letter more in a name: unknown, at the tag's start, in its element. */
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
	fhir_xml_read(buf_str(out), &options, &s->builder, &a, &findings);
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
	right = !fhir_xml_read(buf_str(out), &options, &s->builder, &a, &findings);
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

/* Behind the root's start tag: what is wrong in front of that refuses the text
 * for what it then is not. */
static size_t
behind_root(struct str text)
{
	ptrdiff_t root = str_find_str(text, STR("xmlns="));
	ptrdiff_t end = root < 0 ? -1 : str_find(str_from_index(text, (size_t)root), '>');

	return end < 0 ? 0 : (size_t)(root + end) + 1;
}

static void
try_file(struct spoiled *s, const char *path)
{
	static struct name names[SIZE_MOST / 4];
	struct buf text, out;
	size_t n, from;

	buf_init(&text, SIZE_MOST);
	buf_init(&out, 2 * SIZE_MOST);
	if (file_read(path, &text, NULL) == 0) {
		s->files++;
		from = behind_root(buf_str(&text));
		n = find_names(buf_str(&text), names, sizeof(names) / sizeof(names[0]));
		for (unsigned i = 0; i < TRIES && n; i++) {
			rename_one(
			    s, buf_str(&text), &names[next_random(&s->random, (uint32_t)n)], &out);
			break_one(s, buf_str(&text),
			    from + next_random(&s->random, (uint32_t)(text.len - from)), &out);
		}
	}
	buf_release(&text);
	buf_release(&out);
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_XML_PACKAGE_DIR"), *pack = getenv("FIREDOOR_PACK");
	const struct pack *p = pack ? pack_open(pack, NULL) : NULL;
	struct spoiled s = { .random = 20261122 };
	struct dirent *entry;
	char path[4096];
	DIR *dir;

	if (!folder || !p || !(dir = opendir(folder))) {
		tap_skip(
		    "spoiled resources", "FIREDOOR_XML_PACKAGE_DIR or FIREDOOR_PACK is not set");
		pack_free(p);
		return tap_done();
	}
	record_builder_init(&s.builder, p, &record_default_limits);
	while (s.files < FILES && (entry = readdir(dir))) {
		struct str name = str_from(entry->d_name);

		if (!str_ends(name, STR(".xml")) || name.p[0] == '.')
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
