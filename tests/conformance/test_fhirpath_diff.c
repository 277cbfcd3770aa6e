/*
 * mappers/fhir: the patch from one resource to another, applied to the one,
 * makes the other. Between any two examples of a type that follow each other in
 * the specification's package, there and back; and between an example and the
 * same with lists turned around.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhirpath_diff.h"
#include "mappers/fhir/fhirpath_patch.h"
#include "tests/tap.h"

enum {
	FILE_MOST = 24 << 10, /* larger examples are left out: differing tables */
	FILES_MOST = 8000,
};

struct totals {
	unsigned pairs, same, large;
};

static struct record_builder builder;

static const struct record *
read_example(const char *folder, const char *name, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *r = NULL;
	struct findings findings;
	char path[4096];
	struct buf in;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buf_init(&in, FILE_MOST);
	findings_init(&findings, a, 1);
	if (file_read(path, &in, NULL) == 0 && !in.full)
		r = fhir_json_read(buf_str(&in), &options, &builder, a, &findings);
	buf_release(&in);
	return findings.errors ? NULL : r;
}

/* The resource with the members of each list, of it and in it, turned around. */
static void
copy_turned(const struct record *r, uint32_t node)
{
	const struct pack *p = builder.pack;
	uint32_t nodes[4096], count = 0;

	if (node && pack_element_at(p, r->nodes[node].element)->flags & ELEMENT_RESOURCE) {
		record_copy(&builder, r, node);
		return;
	}
	if (node)
		record_open_element(&builder, r->nodes[node].element);
	else
		record_open_root(&builder, record_type(r, p, 0));
	if (r->nodes[node].len)
		record_set_text(&builder, record_text(r, node));
	RECORD_EACH_CHILD(r, node, i)
		if (count < 4096)
			nodes[count++] = i;
	while (count-- > 0)
		copy_turned(r, nodes[count]);
	record_close(&builder);
}

static void
try_pair(const struct record *from, const struct record *to, const char *name, struct totals *t)
{
	const struct record *patch, *made;
	struct error err = { .kind = ERROR_OTHER };
	struct arena a;

	arena_init(&a, SIZE_MAX, 0);
	patch = fhirpath_diff(from, to, true, &builder, &a, &err);
	made = patch ? fhirpath_patch_apply(patch, 0, from, &builder, &a, &err) : NULL;
	if (!made && err.kind == ERROR_LIMIT) {
		t->large++;
		arena_release(&a);
		return;
	}
	t->pairs++;
	if (made && record_equal(made, 0, to, 0))
		t->same++;
	else
		printf("# %s: %s\n", name, made ? "comes out as something else" : err.text);
	arena_release(&a);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
list_files(DIR *dir, char **names)
{
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(dir)) && count < FILES_MOST)
		if (str_ends(str_from(entry->d_name), STR(".json")) && entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	qsort(names, count, sizeof(*names), by_name);
	return count;
}

static void
try_example(const char *folder, const char *last, const char *name, struct totals *t)
{
	const struct record *from, *to, *turned;
	struct arena a;

	arena_init(&a, SIZE_MAX, 0);
	from = last ? read_example(folder, last, &a) : NULL;
	to = read_example(folder, name, &a);
	if (to) {
		record_builder_reset(&builder);
		copy_turned(to, 0);
		turned = record_builder_finish(&builder, &a, NULL);
		try_pair(to, turned, name, t);
		try_pair(turned, to, name, t);
	}
	if (from && to && record_type(from, builder.pack, 0) == record_type(to, builder.pack, 0)) {
		try_pair(from, to, name, t);
		try_pair(to, from, name, t);
	}
	arena_release(&a);
}

static void
test_nothing(const struct pack *p)
{
	struct error err;
	struct arena a;
	const struct record *r, *patch;

	arena_init(&a, SIZE_MAX, 0);
	record_open_root(&builder, pack_find_resource(p, STR("Patient")));
	record_put(&builder, STR("active"), STR("true"));
	record_close(&builder);
	r = record_builder_finish(&builder, &a, &err);
	patch = fhirpath_diff(r, r, true, &builder, &a, &err);
	ok(patch && patch->node_count == 1, "nothing changed: a Parameters with nothing in it");
	record_open_root(&builder, pack_find_resource(p, STR("Group")));
	record_put(&builder, STR("active"), STR("true"));
	record_close(&builder);
	patch = record_builder_finish(&builder, &a, &err);
	ok(!fhirpath_diff(r, patch, true, &builder, &a, &err) && err.kind == ERROR_INVALID,
	    "two types have no patch between them");
	arena_release(&a);
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_PACKAGE_DIR"), *path = getenv("FIREDOOR_PACK");
	static char *names[FILES_MOST];
	struct totals t = { 0 };
	const struct pack *p;
	struct error err;
	size_t count;
	DIR *dir;

	if (!folder || !path || !(dir = opendir(folder))) {
		tap_skip("the FHIR package", "FIREDOOR_PACKAGE_DIR or FIREDOOR_PACK is not set");
		return tap_done();
	}
	p = pack_open(path, &err);
	if (!ok(p != NULL, "the pack opens"))
		return tap_done();
	record_builder_init(&builder, p, &record_default_limits);
	test_nothing(p);
	count = list_files(dir, names);
	closedir(dir);
	for (size_t i = 0; i < count; i++)
		try_example(folder, i ? names[i - 1] : NULL, names[i], &t);
	printf("# %u pairs, %u differ in more than one patch may tell\n", t.pairs, t.large);
	ok(t.pairs > 5000, "there are many");
	is_int(t.same, t.pairs, "the patch from one to the other makes the other");
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	record_builder_release(&builder);
	pack_free(p);
	return tap_done();
}
