/* Map sets: loading, and which message they have a map for. */
#include "mappers/map/map.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "mappers/map/map_internal.h"

enum {
	SET_BYTES = 256 << 20,
	FILE_BYTES = 8 << 20,
	MOST_IDS = 2000,
};

int
map_error(struct error *err, struct place at, const char *fmt, ...)
{
	char text[ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(err, ERROR_INVALID, "%s:%u:%u: %s", at.file, at.line, at.column, text);
}

int
map_error_add(struct error *all, const struct error *one)
{
	size_t used = strlen(all->text), more = strlen(one->text);

	if (used == 0) {
		*all = *one;
		return -1;
	}
	if (more < sizeof(all->text) - used - 1) {
		all->text[used] = '\n';
		memcpy(all->text + used + 1, one->text, more + 1);
	}
	return -1;
}

void *
map_grow(struct arena *a, void *list, uint32_t count, size_t size)
{
	if (count == 0)
		return arena_alloc(a, size);
	if (count & (count - 1))
		return list;
	return arena_grow(a, list, count * size, count * 2 * size);
}

static uint32_t
id_hash(const char *id)
{
	return (((unsigned char)id[0] * 37u + (unsigned char)id[1]) * 41u + (unsigned char)id[2]) &
	       4095;
}

/* The slot of an id: its own, or the empty one where it would be. */
static uint32_t
id_slot(const struct map_set *set, const char *id)
{
	uint32_t at = id_hash(id);

	while (set->id_slots[at] && memcmp(set->ids[set->id_slots[at]].p, id, 3) != 0)
		at = (at + 1) & 4095;
	return at;
}

uint16_t
map_id(struct map_set *set, struct str id)
{
	uint32_t at = id_slot(set, id.p);
	struct str *grown;

	if (set->id_slots[at])
		return set->id_slots[at];
	if (set->id_count >= MOST_IDS)
		return 0;
	grown = map_grow(&set->arena, set->ids, set->id_count + 1u, sizeof(*grown));
	if (!grown)
		return 0;
	set->ids = grown;
	set->ids[++set->id_count] = str_of(id.p, 3);
	set->id_slots[at] = set->id_count;
	return set->id_count;
}

uint16_t
map_id_find(const struct map_set *set, const char *id)
{
	return set->id_slots[id_slot(set, id)];
}

static struct map_set *
set_new(const struct pack *pack)
{
	struct map_set *set = xcalloc(1, sizeof(*set));

	set->pack = pack;
	arena_init(&set->arena, SET_BYTES, 0);
	/* Number 0 means none, in both lists. */
	set->ids = arena_zalloc(&set->arena, sizeof(*set->ids));
	set->rules = arena_zalloc(&set->arena, sizeof(*set->rules));
	return set;
}

void
map_set_free(struct map_set *set)
{
	if (!set)
		return;
	arena_release(&set->arena);
	free(set);
}

/* Parse a text, of which the set keeps a copy. */
static int
add_source(struct map_set *set, const char *name, struct str text, struct error *err)
{
	struct map_source own = { str_cstr(&set->arena, str_from(name)),
		str_dup(&set->arena, text) };

	if (!own.name || (text.len && !own.text.p))
		return error_set(err, ERROR_LIMIT, "the maps are too large");
	if (str_starts(own.text, STR("\xef\xbb\xbf")))
		own.text = str_from_index(own.text, 3);
	return map_parse(set, &own, err);
}

struct map_set *
map_set_compile(
    const struct pack *pack, const struct map_source *sources, size_t count, struct error *err)
{
	struct map_set *set = set_new(pack);

	for (size_t i = 0; i < count; i++) {
		if (add_source(set, sources[i].name, sources[i].text, err) != 0) {
			map_set_free(set);
			return NULL;
		}
	}
	if (map_compile(set, err) != 0) {
		map_set_free(set);
		return NULL;
	}
	return set;
}

static int
is_map(const struct dirent *e)
{
	return e->d_name[0] != '.' && str_ends(str_from(e->d_name), STR(".map"));
}

static int
add_file(struct map_set *set, const char *folder, const char *name, struct error *err)
{
	char path[4096];
	struct buf text;
	int rc;

	if (snprintf(path, sizeof(path), "%s%s%s", folder,
		str_ends(str_from(folder), STR("/")) ? "" : "/", name) >= (int)sizeof(path))
		return error_set(err, ERROR_INVALID, "%s: the path is too long", folder);
	buf_init(&text, FILE_BYTES);
	rc = file_read(path, &text, err);
	if (rc == 0)
		rc = add_source(set, path, buf_str(&text), err);
	buf_release(&text);
	return rc;
}

static int
add_folder(struct map_set *set, const char *folder, struct error *err)
{
	struct dirent **names;
	int n = scandir(folder, &names, is_map, alphasort), rc = 0;

	if (n < 0)
		return error_set_errno(
		    err, ERROR_MISSING, "the maps in %s could not be read", folder);
	/* A file that does not parse does not hide what is wrong with others. */
	for (int i = 0; i < n; i++) {
		struct error one = { 0 };

		if (add_file(set, folder, names[i]->d_name, &one) != 0)
			rc = map_error_add(err, &one);
		free(names[i]);
	}
	free(names);
	return rc;
}

struct map_set *
map_set_load(const struct pack *pack, const char *const *folders, size_t count, struct error *err)
{
	struct map_set *set = set_new(pack);
	int rc = 0;

	err->text[0] = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = add_folder(set, folders[i], err);
	if (rc == 0)
		rc = map_compile(set, err);
	if (rc == 0 && !set->message_count)
		rc = error_set(err, ERROR_MISSING,
		    "there are no maps of messages in %s; name the folder that has them",
		    count ? folders[0] : "no folder at all");
	if (rc == 0)
		return set;
	map_set_free(set);
	return NULL;
}

bool
map_set_has(const struct map_set *set, struct str structure)
{
	for (uint32_t i = 0; i < set->message_count; i++)
		if (str_eq(set->messages[i].block->name, structure))
			return true;
	return false;
}

static struct str
find_event(const struct map_set *set, struct str type, struct str trigger)
{
	/* What a later folder says wins. */
	for (uint32_t i = set->event_count; i-- > 0;) {
		struct str key = set->events[i].key;

		if (str_starts(key, type) && key.len == type.len + 1 + trigger.len &&
		    key.p[type.len] == '^' && str_ends(key, trigger))
			return set->events[i].structure;
	}
	for (uint32_t i = set->event_count; i-- > 0;)
		if (str_eq(set->events[i].key, type))
			return set->events[i].structure;
	return STR("");
}

struct str
map_set_structure(const struct map_set *set, const struct er7_message *m)
{
	const struct er7_segment *msh = m->segments;
	struct str structure = er7_value(m, msh, 9, 1, 3, 1), found;

	if (structure.len && map_set_has(set, structure))
		return structure;
	found = find_event(set, er7_value(m, msh, 9, 1, 1, 1), er7_value(m, msh, 9, 1, 2, 1));
	return map_set_has(set, found) ? found : STR("");
}
