/*
 * The text of a search's statement and what is bound in it.
 */
#include "gateway/store/sqlite_sql.h"

static struct bind *
add_bind(struct sql *s)
{
	static struct bind nowhere;

	if (s->count == s->room) {
		s->failed = true;
		return &nowhere;
	}
	s->binds[s->count] = (struct bind){ 0 };
	return &s->binds[s->count++];
}

void
sql_bind(struct sql *s, int64_t n)
{
	add_bind(s)->number = n;
}

void
sql_bind_text(struct sql *s, struct str text, bool blob)
{
	struct bind *b = add_bind(s);

	b->text = text;
	b->is_text = !blob;
	b->is_blob = blob;
}

void
sql_bind_filters(struct sql *s, const struct store_filter *filters)
{
	add_bind(s)->filters = filters;
}

void
sql_restart(struct sql *s)
{
	buf_clear(&s->text);
	s->count = 0;
	s->inners = 0;
}

sqlite3_stmt *
sql_prepare(struct sql *s, struct error *err)
{
	sqlite3_stmt *st;

	if (s->failed || s->text.full) {
		error_set(err, ERROR_LIMIT, "the search has too many values: ask for fewer");
		return NULL;
	}
	st = sq_search(s->c, buf_str(&s->text), err);
	for (uint32_t i = 0; st && i < s->count; i++) {
		const struct bind *b = &s->binds[i];

		if (b->filters)
			sq_bind_filters(st, (int)i + 1, b->filters);
		else if (b->is_text)
			sq_bind_str(st, (int)i + 1, b->text);
		else if (b->is_blob)
			sq_bind_blob(st, (int)i + 1, b->text);
		else
			sqlite3_bind_int64(st, (int)i + 1, b->number);
	}
	return st;
}
