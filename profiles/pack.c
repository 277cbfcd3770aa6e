#include "profiles/pack.h"

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "profiles/pack_format.h"

const uint32_t pack_row_size[PACK_TABLES] = {
	[TABLE_TEXT] = 1,
	[TABLE_TEXTS] = sizeof(struct pack_text),
	[TABLE_NUMBERS] = sizeof(uint32_t),
	[TABLE_TYPES] = sizeof(struct pack_type),
	[TABLE_ELEMENTS] = sizeof(struct pack_element),
	[TABLE_NAMES] = sizeof(struct pack_slot),
	[TABLE_DETAILS] = sizeof(struct pack_detail),
	[TABLE_INVARIANTS] = sizeof(struct pack_invariant),
	[TABLE_PARAMS] = sizeof(struct pack_param),
	[TABLE_COMPONENTS] = sizeof(struct pack_component),
	[TABLE_TYPE_PARAMS] = sizeof(struct pack_run),
	[TABLE_CODE_SYSTEMS] = sizeof(struct pack_code_system),
	[TABLE_CONCEPTS] = sizeof(struct pack_concept),
	[TABLE_VALUE_SETS] = sizeof(struct pack_value_set),
	[TABLE_INCLUDES] = sizeof(struct pack_include),
	[TABLE_FILTERS] = sizeof(struct pack_filter),
	[TABLE_CONCEPT_MAPS] = sizeof(struct pack_concept_map),
	[TABLE_MAP_ROWS] = sizeof(struct pack_map_row),
	[TABLE_OPERATIONS] = sizeof(struct pack_operation),
	[TABLE_PARAMETERS] = sizeof(struct pack_parameter),
	[TABLE_COMPARTMENTS] = sizeof(struct pack_compartment),
	[TABLE_MEMBERS] = sizeof(struct pack_member),
	[TABLE_INDEX] = sizeof(struct pack_slot),
};

static int
refuse(struct error *err, const char *path, const char *why)
{
	return error_set(
	    err, ERROR_INVALID, "cannot use %s: %s; make it anew with `firedoor pack`", path, why);
}

static int
check_header(const char *path, struct str map, struct error *err)
{
	const struct pack_header *h = (const struct pack_header *)(const void *)map.p;

	if (map.len < offsetof(struct pack_header, section) ||
	    memcmp(h->magic, PACK_MAGIC, sizeof(h->magic)) != 0)
		return refuse(err, path, "it is no pack of FHIR definitions");
	if (h->version != PACK_VERSION)
		return error_set(err, ERROR_INVALID,
		    "cannot use %s: it is a pack of format %u and this firedoor reads format %d; "
		    "make it anew with `firedoor pack`",
		    path, (unsigned)h->version, PACK_VERSION);
	if (map.len < sizeof(*h))
		return refuse(err, path, "it is cut off in the header");
	if (h->checksum != hash64(str_of(map.p, offsetof(struct pack_header, checksum)), 0) ||
	    h->tables != PACK_TABLES)
		return refuse(err, path, "its header is damaged");
	if (h->size != map.len)
		return refuse(err, path, "it is cut off or has something behind its end");
	return 0;
}

static int
check_sections(const char *path, struct str map, struct error *err)
{
	const struct pack_header *h = (const struct pack_header *)(const void *)map.p;

	for (int i = 0; i < PACK_TABLES; i++) {
		const struct pack_section *s = &h->section[i];

		if (s->row != pack_row_size[i] || s->offset % PACK_ALIGN || s->offset > map.len ||
		    (uint64_t)s->count * s->row > map.len - s->offset)
			return refuse(err, path, "a table lies outside of it");
	}
	if (h->section[TABLE_TYPES].count > h->section[TABLE_ELEMENTS].count ||
	    h->section[TABLE_TYPES].count != h->section[TABLE_TYPE_PARAMS].count)
		return refuse(err, path, "its tables do not fit each other");
	if (h->section[TABLE_INDEX].count & (h->section[TABLE_INDEX].count - 1) ||
	    h->section[TABLE_INDEX].count == 0)
		return refuse(err, path, "its index is damaged");
	if (memchr(h->fhir_version, 0, sizeof(h->fhir_version)) == NULL)
		return refuse(err, path, "its header is damaged");
	return 0;
}

const struct pack *
pack_open(const char *path, struct error *err)
{
	const struct pack_header *h;
	struct pack *p;
	struct str map;

	if (file_map(path, &map, err))
		return NULL;
	if (check_header(path, map, err) || check_sections(path, map, err)) {
		file_unmap(map);
		return NULL;
	}
	h = (const struct pack_header *)(const void *)map.p;
	p = xcalloc(1, sizeof(*p));
	p->map = map;
	p->id = h->id;
	for (int i = 0; i < PACK_TABLES; i++) {
		p->table[i] = map.p + h->section[i].offset;
		p->count[i] = h->section[i].count;
	}
	p->text = p->table[TABLE_TEXT];
	p->types = p->table[TABLE_TYPES];
	p->elements = p->table[TABLE_ELEMENTS];
	p->names = p->table[TABLE_NAMES];
	return p;
}

void
pack_free(const struct pack *p)
{
	if (!p)
		return;
	file_unmap(p->map);
	free((void *)(uintptr_t)p);
}

struct str
pack_fhir_version(const struct pack *p)
{
	const struct pack_header *h = (const struct pack_header *)(const void *)p->map.p;

	return str_from(h->fhir_version);
}

struct pack_key
pack_index_key(enum pack_index kind, uint32_t scope, struct str key, bool fold)
{
	uint64_t seed = (uint64_t)scope << 8 | kind, h;
	char folded[256];

	if (fold && key.len <= sizeof(folded)) {
		for (size_t i = 0; i < key.len; i++)
			folded[i] = (char)(key.p[i] >= 'A' && key.p[i] <= 'Z' ? key.p[i] | 32
									      : key.p[i]);
		key.p = folded;
	}
	h = hash64(key, seed);
	return (struct pack_key){ h, ((uint32_t)(h >> 32) & ~(uint32_t)15) | kind };
}

/* The next row under the key, from *place on; PACK_NONE when there is no more. */
static uint32_t
probe(const struct pack *p, const struct pack_key *key, uint64_t *place)
{
	const struct pack_slot *slots = p->table[TABLE_INDEX];
	uint32_t mask = p->count[TABLE_INDEX] - 1;

	for (;; ++*place) {
		const struct pack_slot *s = &slots[(uint32_t)*place & mask];

		if (s->row == PACK_NONE)
			return PACK_NONE;
		if (s->hash == key->hash) {
			++*place;
			return s->row;
		}
	}
}

uint32_t
pack_find_type(const struct pack *p, struct str name)
{
	struct pack_key key = pack_index_key(INDEX_TYPE, 0, name, false);
	uint32_t row;

	while ((row = probe(p, &key, &key.place)) != PACK_NONE)
		if (str_eq(pack_text(p, p->types[row].name), name))
			return row;
	return PACK_NONE;
}

uint32_t
pack_find_resource(const struct pack *p, struct str name)
{
	uint32_t t = pack_find_type(p, name);

	if (t == PACK_NONE || p->types[t].kind != PACK_RESOURCE || p->types[t].abstract)
		return PACK_NONE;
	return t;
}

uint32_t
pack_find_stem(const struct pack *p, uint32_t type, struct str stem)
{
	struct pack_run run = p->types[type].elements;

	for (uint32_t e = run.first; e < run.first + run.count; e++)
		if (str_eq(pack_text(p, p->elements[e].stem), stem))
			return e;
	return PACK_NONE;
}

bool
pack_type_is(const struct pack *p, uint32_t type, uint32_t base)
{
	for (; type != PACK_NONE; type = p->types[type].base)
		if (type == base)
			return true;
	return false;
}

struct str
pack_suggest_element(const struct pack *p, uint32_t type, struct str name)
{
	struct pack_run run = p->types[type].elements;
	struct str nearest = STR("");
	unsigned limit = name.len < 4 ? 1 : 2, best = limit + 1;

	for (uint32_t e = run.first; e < run.first + run.count; e++) {
		struct str s = pack_text(p, p->elements[e].name);
		unsigned d = str_distance(s, name, limit);

		if (d < best) {
			best = d;
			nearest = s;
		}
	}
	return nearest;
}

const uint32_t *
pack_type_params(const struct pack *p, uint32_t type, uint32_t *count)
{
	struct pack_run run = ((const struct pack_run *)p->table[TABLE_TYPE_PARAMS])[type];

	*count = run.count;
	return pack_numbers(p, run);
}

const struct pack_param *
pack_find_param(const struct pack *p, uint32_t type, struct str code)
{
	struct pack_key key = pack_index_key(INDEX_PARAM, type, code, false);
	struct pack_run run = ((const struct pack_run *)p->table[TABLE_TYPE_PARAMS])[type];
	uint32_t place;

	while ((place = probe(p, &key, &key.place)) != PACK_NONE) {
		const struct pack_param *param;

		if (place < run.first || place - run.first >= run.count)
			continue;
		param = pack_param_at(p, ((const uint32_t *)p->table[TABLE_NUMBERS])[place]);
		if (str_eq(pack_text(p, param->code), code))
			return param;
	}
	return NULL;
}

/* Whether a canonical, with or without version, is that of url and version. */
static bool
is_canonical(const struct pack *p, struct str bare, struct str want, struct pack_text url,
    struct pack_text v)
{
	return str_eq(pack_text(p, url), bare) && (want.len == 0 || str_eq(pack_text(p, v), want));
}

/* Cut "url|version" into its two halves. */
static struct str
cut_canonical(struct str url, struct str *version)
{
	ptrdiff_t bar = str_find(url, '|');

	*version = STR("");
	if (bar < 0)
		return url;
	*version = str_from_index(url, (size_t)bar + 1);
	return str_of(url.p, (size_t)bar);
}

const struct pack_code_system *
pack_find_code_system(const struct pack *p, struct str url)
{
	const struct pack_code_system *all = p->table[TABLE_CODE_SYSTEMS];
	struct str version, bare = cut_canonical(url, &version);
	struct pack_key key = pack_index_key(INDEX_CODE_SYSTEM, 0, bare, false);
	uint32_t row;

	while ((row = probe(p, &key, &key.place)) != PACK_NONE)
		if (is_canonical(p, bare, version, all[row].url, all[row].version))
			return &all[row];
	return NULL;
}

const struct pack_value_set *
pack_find_value_set(const struct pack *p, struct str url)
{
	const struct pack_value_set *all = p->table[TABLE_VALUE_SETS];
	struct str version, bare = cut_canonical(url, &version);
	struct pack_key key = pack_index_key(INDEX_VALUE_SET, 0, bare, false);
	uint32_t row;

	while ((row = probe(p, &key, &key.place)) != PACK_NONE)
		if (is_canonical(p, bare, version, all[row].url, all[row].version))
			return &all[row];
	return NULL;
}

const struct pack_concept_map *
pack_find_concept_map(const struct pack *p, struct str url)
{
	const struct pack_concept_map *all = p->table[TABLE_CONCEPT_MAPS];
	struct str version, bare = cut_canonical(url, &version);
	struct pack_key key = pack_index_key(INDEX_CONCEPT_MAP, 0, bare, false);
	uint32_t row;

	while ((row = probe(p, &key, &key.place)) != PACK_NONE)
		if (is_canonical(p, bare, version, all[row].url, all[row].version))
			return &all[row];
	return NULL;
}

const struct pack_concept *
pack_find_concept(const struct pack *p, const struct pack_code_system *cs, struct str code)
{
	const struct pack_code_system *systems = p->table[TABLE_CODE_SYSTEMS];
	const struct pack_concept *all = p->table[TABLE_CONCEPTS];
	bool fold = !cs->case_sensitive;
	struct pack_key key = pack_index_key(INDEX_CONCEPT, (uint32_t)(cs - systems), code, fold);
	uint32_t row;

	while ((row = probe(p, &key, &key.place)) != PACK_NONE) {
		struct str have;

		if (row < cs->concepts.first || row - cs->concepts.first >= cs->concepts.count)
			continue;
		have = pack_text(p, all[row].code);
		if (fold ? str_eq_nocase(have, code) : str_eq(have, code))
			return &all[row];
	}
	return NULL;
}

const struct pack_compartment *
pack_find_compartment(const struct pack *p, struct str code)
{
	const struct pack_compartment *all = p->table[TABLE_COMPARTMENTS];

	for (uint32_t i = 0; i < p->count[TABLE_COMPARTMENTS]; i++)
		if (str_eq(pack_text(p, all[i].code), code))
			return &all[i];
	return NULL;
}
