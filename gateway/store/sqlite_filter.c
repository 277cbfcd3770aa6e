/*
 * Filters: what a resource must pass to be seen, besides its compartment. SQL
 * asks for each version that it would show, by a function, so that a statement
 * needs not know of which types its versions are.
 */
#include "gateway/store/sqlite_sql.h"

enum {
	FILTER_TEST_BINDS = 9,
	FILTER_BINDS = 32, /* besides those of tests */
};

static const char pointer_type[] = "firedoor filters";

void
sq_bind_filters(sqlite3_stmt *st, int at, const struct store_filter *filters)
{
	sqlite3_bind_pointer(st, at, (void *)(uintptr_t)filters, pointer_type, NULL);
}

static int
ask(struct sq_conn *c, const struct store_filter *f, uint32_t type, int64_t row, struct error *err)
{
	/* Searches within a filter see what is current now. */
	struct sql s = {
		.c = c, .names = c->names, .type = type, .scratch = &c->inner, .moment = INT64_MAX
	};
	uint64_t inners = 0, tests = sq_count_tests(f->clauses, f->count, 0, &inners);
	sqlite3_stmt *st;
	int rc;

	s.room = (uint32_t)(tests * FILTER_TEST_BINDS + (inners + 1) * FILTER_BINDS);
	s.binds = arena_calloc(&c->inner, s.room, sizeof(struct bind));
	if (!s.binds)
		return sq_no_memory(err);
	buf_init(&s.text, SQL_BYTES);
	buf_puts(&s.text, "SELECT 1 FROM version v0 WHERE v0.row = ?");
	sql_bind(&s, row);
	for (uint32_t i = 0; i < f->count; i++)
		sql_put_clause(&s, &f->clauses[i]);
	st = sql_prepare(&s, err);
	rc = st ? sq_step(c, st, "find what is visible", err) : -1;
	if (rc > 0)
		sqlite3_reset(st);
	buf_release(&s.text);
	return rc;
}

int
sq_sees(struct sq_conn *c, const struct store_filter *filters, uint32_t type, int64_t row,
    struct error *err)
{
	int rc;

	/* A type that the pack does not have has no filter to pass. */
	if (type == PACK_NONE || !c->names)
		return 0;
	if (!filters[type].count)
		return 1;
	rc = ask(c, &filters[type], type, row, err);
	arena_reset(&c->inner);
	return rc;
}

static void
sees(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct sq_conn *c = sqlite3_user_data(ctx);
	const struct store_filter *filters = sqlite3_value_pointer(argv[2], pointer_type);
	uint32_t type_no = (uint32_t)sqlite3_value_int64(argv[1]);
	struct error err = { 0 };
	int rc = 0;

	(void)argc;
	if (filters && c->names && type_no < c->names->type_nos)
		rc = sq_sees(
		    c, filters, c->names->pack_type[type_no], sqlite3_value_int64(argv[0]), &err);
	if (rc < 0)
		sqlite3_result_error_code(
		    ctx, err.kind == ERROR_LIMIT ? SQLITE_INTERRUPT : SQLITE_ERROR);
	else
		sqlite3_result_int(ctx, rc);
}

int
sq_filter_add_function(struct sq_conn *c)
{
	return sqlite3_create_function(
	    c->db, "sees", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY, c, sees, NULL, NULL);
}
