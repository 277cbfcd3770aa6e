#include "profiles/pack_build.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "profiles/package.h"
#include "profiles/pack_table.h"

enum {
	PACK_BYTES = 1 << 30, /* of a whole pack; its numbers are 32 bits wide */
};

typedef int compile_fn(struct pack_builder *, struct definition *, uint32_t, struct error *);

static const struct {
	const char *type;
	compile_fn *compile;
} kinds[DEFINITION_KINDS] = {
	[DEFINES_STRUCTURE] = { "StructureDefinition", compile_types },
	[DEFINES_PARAM] = { "SearchParameter", compile_params },
	[DEFINES_COMPARTMENT] = { "CompartmentDefinition", compile_compartments },
	[DEFINES_OPERATION] = { "OperationDefinition", compile_operations },
	[DEFINES_CODE_SYSTEM] = { "CodeSystem", compile_code_systems },
	[DEFINES_VALUE_SET] = { "ValueSet", compile_value_sets },
	[DEFINES_CONCEPT_MAP] = { "ConceptMap", compile_concept_maps },
};

struct pack_builder *
pack_builder_new(void)
{
	return xcalloc(1, sizeof(struct pack_builder));
}

void
pack_builder_free(struct pack_builder *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->def_count; i++) {
		json_decref(b->defs[i].root);
		free(b->defs[i].file);
	}
	for (int t = 0; t < PACK_TABLES; t++) {
		free(b->tables[t].p);
		free(b->tables[t].seen);
	}
	free(b->defs);
	free(b->index);
	free(b->types.at);
	free(b->sources);
	free(b);
}

/* What no table needs, and takes most of the memory. */
static void
prune(json_t *root)
{
	static const char *const dead[] = { "text", "differential", "mapping", "contact",
		"description", "expansion", "definition" };

	for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++)
		json_object_del(root, dead[i]);
}

/* A StructureDefinition makes a type unless it only constrains one. The roots
 * of the type system have no derivation. */
static bool
makes_type(const json_t *root)
{
	struct str derivation = js_text(root, "derivation");

	if (derivation.len)
		return str_is(derivation, "specialization");
	return !json_object_get(root, "baseDefinition") &&
	       !str_is(js_text(root, "kind"), "logical");
}

static int
keep_definition(struct pack_builder *b, enum definition_kind kind, const char *file, json_t *root)
{
	struct definition *d;

	if (b->def_count == b->def_room) {
		b->def_room = b->def_room ? b->def_room * 2 : 1024;
		b->defs = xrealloc(b->defs, b->def_room * sizeof(*b->defs));
	}
	prune(root);
	d = &b->defs[b->def_count++];
	*d = (struct definition){ root, xstrdup(file), js_text(root, "url"),
		js_text(root, "version"), b->packages, kind };
	return 0;
}

struct adding {
	struct pack_builder *b;
	pack_progress_fn *progress;
	void *ctx;
};

static int
take_file(void *ctx, const char *file, json_t *root, struct error *err)
{
	struct adding *a = ctx;
	struct str type = js_text(root, "resourceType");

	for (int k = 0; k < DEFINITION_KINDS; k++) {
		if (!str_is(type, kinds[k].type))
			continue;
		if (k == DEFINES_STRUCTURE && !makes_type(root))
			break;
		if (js_text(root, "url").len)
			return keep_definition(a->b, (enum definition_kind)k, file, root);
		if (k >= DEFINES_CODE_SYSTEM)
			break; /* an example; nobody can refer to it */
		error_set(
		    err, ERROR_INVALID, "cannot use %s: this %s has no url", file, kinds[k].type);
		json_decref(root);
		return -1;
	}
	json_decref(root);
	return 0;
}

static void
tell_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct adding *a = ctx;

	if (a->progress)
		a->progress(a->ctx, done, total);
}

/* Releases differ in the first two numbers of their version. */
static bool
same_release(const char *a, const char *b)
{
	unsigned major[2] = { 0 }, minor[2] = { 0 };

	sscanf(a, "%u.%u", &major[0], &minor[0]);
	sscanf(b, "%u.%u", &major[1], &minor[1]);
	return major[0] == major[1] && minor[0] == minor[1];
}

int
pack_builder_add(struct pack_builder *b, const char *path, pack_progress_fn *progress, void *ctx,
    struct error *err)
{
	struct adding a = { b, progress, ctx };
	struct package_reader reader = { take_file, tell_progress, &a };
	struct package_info info;

	if (package_read(path, &reader, &info, err))
		return -1;
	b->packages++;
	if (!info.fhir_version[0])
		return error_set(err, ERROR_INVALID,
		    "cannot use %s: its package.json does not say which FHIR version it is for",
		    path);
	if (!b->fhir_version[0])
		snprintf(b->fhir_version, sizeof(b->fhir_version), "%s", info.fhir_version);
	if (!same_release(b->fhir_version, info.fhir_version))
		return error_set(err, ERROR_INVALID,
		    "cannot use %s: it is for FHIR %s and the packages before it for FHIR %s; make "
		    "a pack for each",
		    path, info.fhir_version, b->fhir_version);
	return 0;
}

/* Order of one part of a version: numbers as numbers, before words. */
static int
compare_part(struct str a, struct str b)
{
	int64_t m, n;
	bool is_m = str_to_int(a, &m), is_n = str_to_int(b, &n);

	if (is_m && is_n)
		return m < n ? -1 : m > n;
	if (is_m != is_n)
		return is_m ? -1 : 1;
	return str_cmp(a, b);
}

static int
compare_parts(struct str a, struct str b)
{
	struct str p, q;

	for (;;) {
		bool more_a = str_split(&a, '.', &p), more_b = str_split(&b, '.', &q);
		int c;

		if (!more_a || !more_b)
			return (int)more_a - (int)more_b;
		c = compare_part(p, q);
		if (c)
			return c;
	}
}

/* "4.0.1" < "4.0.10"; "5.0.0-ballot" < "5.0.0"; none is the lowest. */
static int
compare_versions(struct str a, struct str b)
{
	ptrdiff_t i = str_find(a, '-'), j = str_find(b, '-');
	int c = compare_parts(
	    i < 0 ? a : str_of(a.p, (size_t)i), j < 0 ? b : str_of(b.p, (size_t)j));

	if (c)
		return c;
	if (i < 0 || j < 0)
		return (i < 0) - (j < 0);
	return compare_parts(str_from_index(a, (size_t)i + 1), str_from_index(b, (size_t)j + 1));
}

static int
compare_definitions(const void *x, const void *y)
{
	const struct definition *a = x, *b = y;
	int c = (int)a->kind - (int)b->kind;

	if (!c)
		c = str_cmp(a->url, b->url);
	if (!c)
		c = compare_versions(a->version, b->version);
	if (!c)
		c = a->package < b->package ? -1 : a->package > b->package;
	return c ? c : strcmp(a->file, b->file);
}

/* Of each canonical keep the last in order, which is the one that wins. */
static void
settle_canonicals(struct pack_builder *b)
{
	uint32_t kept = 0;

	if (b->def_count)
		qsort(b->defs, b->def_count, sizeof(*b->defs), compare_definitions);
	for (uint32_t i = 0; i < b->def_count; i++) {
		struct definition *d = &b->defs[i];

		if (i + 1 < b->def_count && d->kind == d[1].kind && str_eq(d->url, d[1].url)) {
			json_decref(d->root);
			free(d->file);
		} else {
			b->defs[kept++] = *d;
		}
	}
	b->def_count = kept;
}

static void
lay_out_index(struct pack_builder *b)
{
	uint32_t slots = 64;
	struct pack_slot *at;

	while (slots < b->index_count * 2)
		slots *= 2;
	at = xcalloc(slots, sizeof(*at));
	for (uint32_t i = 0; i < slots; i++)
		at[i].row = PACK_NONE;
	for (uint32_t i = 0; i < b->index_count; i++) {
		const struct index_entry *e = &b->index[i];
		uint32_t s = (uint32_t)e->key.place & (slots - 1);

		while (at[s].row != PACK_NONE)
			s = (s + 1) & (slots - 1);
		at[s] = (struct pack_slot){ e->key.hash, e->row };
	}
	table_add(b, TABLE_INDEX, at, slots);
	free(at);
}

static void
put_padding(struct buf *out)
{
	static const char zeros[PACK_ALIGN];

	buf_put(out, zeros, (PACK_ALIGN - out->len % PACK_ALIGN) % PACK_ALIGN);
}

static void
lay_out(struct pack_builder *b, struct buf *out)
{
	struct pack_header h = { .magic = PACK_MAGIC, .version = PACK_VERSION };

	_Static_assert(sizeof(h) % 8 == 0, "the header has no padding");
	snprintf(h.fhir_version, sizeof(h.fhir_version), "%s", b->fhir_version);
	h.tables = PACK_TABLES;
	buf_put(out, &h, sizeof(h));
	for (int t = 0; t < PACK_TABLES; t++) {
		put_padding(out);
		h.section[t] = (struct pack_section){ out->len, table_count(b, (enum pack_table)t),
			pack_row_size[t] };
		buf_put(out, b->tables[t].p, b->tables[t].len);
	}
	put_padding(out);
	if (out->full)
		return;
	h.size = out->len;
	h.id = hash64(str_from_index(buf_str(out), sizeof(h)), 0);
	h.checksum = hash64(str_of((const char *)&h, offsetof(struct pack_header, checksum)), 0);
	memcpy(out->p, &h, sizeof(h));
}

static int
compile(struct pack_builder *b, struct error *err)
{
	uint32_t i = 0;

	settle_canonicals(b);
	for (int k = 0; k < DEFINITION_KINDS; k++) {
		uint32_t first = i;

		while (i < b->def_count && b->defs[i].kind == (enum definition_kind)k)
			i++;
		if (kinds[k].compile(b, b->defs + first, i - first, err))
			return -1;
	}
	lay_out_index(b);
	return 0;
}

int
pack_builder_write(
    struct pack_builder *b, const char *path, struct pack_counts *counts, struct error *err)
{
	struct buf out;
	int rc;

	if (compile(b, err))
		return -1;
	buf_init(&out, PACK_BYTES);
	lay_out(b, &out);
	*counts = (struct pack_counts){ b->type_count, table_count(b, TABLE_ELEMENTS),
		table_count(b, TABLE_PARAMS), table_count(b, TABLE_VALUE_SETS),
		table_count(b, TABLE_CODE_SYSTEMS), table_count(b, TABLE_CONCEPTS), out.len };
	if (out.full)
		rc = error_set(err, ERROR_LIMIT, "cannot write %s: the pack would be over %d MiB",
		    path, PACK_BYTES >> 20);
	else
		rc = file_replace(path, buf_str(&out), 0644, err);
	buf_release(&out);
	return rc;
}
