#include "profiles/pack_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"

static void
table_grow(struct growing *g, size_t bytes)
{
	if (bytes <= g->room - g->len)
		return;
	g->room = g->room * 2 > g->len + bytes ? g->room * 2 : g->len + bytes + 4096;
	g->p = xrealloc(g->p, g->room);
}

uint32_t
table_add(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count)
{
	struct growing *g = &b->tables[t];
	size_t bytes = (size_t)count * pack_row_size[t];
	uint32_t first = (uint32_t)(g->len / pack_row_size[t]);

	table_grow(g, bytes);
	if (bytes)
		memcpy(g->p + g->len, rows, bytes);
	g->len += bytes;
	return first;
}

static void
seen_grow(struct growing *g)
{
	uint32_t room = g->seen_room ? g->seen_room * 2 : 1024;
	struct interned *bigger = xcalloc(room, sizeof(*bigger));

	for (uint32_t i = 0; i < g->seen_room; i++) {
		if (!g->seen[i].bytes)
			continue;
		uint32_t at = (uint32_t)g->seen[i].hash & (room - 1);

		while (bigger[at].bytes)
			at = (at + 1) & (room - 1);
		bigger[at] = g->seen[i];
	}
	free(g->seen);
	g->seen = bigger;
	g->seen_room = room;
}

uint32_t
table_intern(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count)
{
	struct growing *g = &b->tables[t];
	uint32_t bytes = count * pack_row_size[t], at;
	uint64_t hash;

	if (count == 0)
		return 0;
	if (g->seen_count * 2 >= g->seen_room)
		seen_grow(g);
	hash = hash64(str_of(rows, bytes), 0);
	for (at = (uint32_t)hash & (g->seen_room - 1); g->seen[at].bytes;
	     at = (at + 1) & (g->seen_room - 1)) {
		const struct interned *s = &g->seen[at];

		if (s->hash == hash && s->bytes == bytes &&
		    memcmp(g->p + (size_t)s->first * pack_row_size[t], rows, bytes) == 0)
			return s->first;
	}
	g->seen_count++;
	g->seen[at] = (struct interned){ hash, table_add(b, t, rows, count), bytes };
	return g->seen[at].first;
}

uint32_t
table_count(const struct pack_builder *b, enum pack_table t)
{
	return (uint32_t)(b->tables[t].len / pack_row_size[t]);
}

void *
table_row(struct pack_builder *b, enum pack_table t, uint32_t i)
{
	return b->tables[t].p + (size_t)i * pack_row_size[t];
}

struct pack_run
run_intern(struct pack_builder *b, enum pack_table t, const void *rows, uint32_t count)
{
	return (struct pack_run){ table_intern(b, t, rows, count), count };
}

struct pack_text
text_add(struct pack_builder *b, struct str s)
{
	return (
	    struct pack_text){ table_intern(b, TABLE_TEXT, s.p, (uint32_t)s.len), (uint32_t)s.len };
}

void
index_add(struct pack_builder *b, enum pack_index kind, uint32_t scope, struct str key, bool fold,
    uint32_t row)
{
	if (b->index_count == b->index_room) {
		b->index_room = b->index_room ? b->index_room * 2 : 4096;
		b->index = xrealloc(b->index, b->index_room * sizeof(*b->index));
	}
	b->index[b->index_count++] = (struct index_entry){ pack_index_key(kind, scope, key, fold),
		row };
}

static struct name_number *
name_slot(const struct name_map *m, struct str name)
{
	uint32_t at = (uint32_t)hash64(name, 0) & (m->room - 1);

	while (m->at[at].number != PACK_NONE && !str_eq(m->at[at].name, name))
		at = (at + 1) & (m->room - 1);
	return &m->at[at];
}

void
name_map_put(struct name_map *m, struct str name, uint32_t number)
{
	struct name_map old = *m;

	if (m->count * 2 >= m->room) {
		m->room = old.room ? old.room * 2 : 1024;
		m->at = xcalloc(m->room, sizeof(*m->at));
		for (uint32_t i = 0; i < m->room; i++)
			m->at[i].number = PACK_NONE;
		for (uint32_t i = 0; i < old.room; i++)
			if (old.at[i].number != PACK_NONE)
				*name_slot(m, old.at[i].name) = old.at[i];
		free(old.at);
	}
	m->count++;
	*name_slot(m, name) = (struct name_number){ name, number };
}

uint32_t
name_map_get(const struct name_map *m, struct str name)
{
	return m->room ? name_slot(m, name)->number : PACK_NONE;
}

struct str
js_text(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	if (!json_is_string(v))
		return STR("");
	return str_of(json_string_value(v), json_string_length(v));
}

struct pack_text
js_text_add(struct pack_builder *b, const json_t *object, const char *name)
{
	return text_add(b, js_text(object, name));
}

bool
js_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

uint32_t
find_source_type(const struct pack_builder *b, struct str name)
{
	return name_map_get(&b->types, name);
}

int
refuse_definition(struct error *err, const struct definition *d, const char *fmt, ...)
{
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return error_set(err, ERROR_INVALID, "cannot use %s: %s", d->file, why);
}
