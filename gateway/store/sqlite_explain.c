/*
 * How a search was carried out, in lines for people: what was walked, how many
 * rows were looked at, what was tried on each. No value of a search is told.
 */
#include "base/clock.h"
#include "gateway/store/sqlite_sql.h"

static struct str
type_name(const struct sql *s, uint32_t type)
{
	return pack_text(s->names->pack, pack_type_at(s->names->pack, type)->name);
}

static void
put_test(struct sql *s, const struct store_test *t)
{
	struct buf *out = s->q->explain;

	switch (t->kind) {
	case TEST_ID:
		buf_puts(out, "_id");
		break;
	case TEST_UPDATED:
		buf_puts(out, "_lastUpdated");
		break;
	case TEST_IN_COMPARTMENT:
		buf_puts(out, "the compartment");
		break;
	case TEST_ALL:
		buf_puts(out, "several together");
		break;
	case TEST_CHAIN:
		buf_printf(out, "a %.*s by ", STR_ARG(type_name(s, t->inner->type)));
		buf_put_str(out, sq_param_name(s->names, t->param));
		break;
	case TEST_HAS:
		buf_printf(
		    out, "being referred to by %.*s.", STR_ARG(type_name(s, t->inner->type)));
		buf_put_str(out, sq_param_name(s->names, t->param));
		break;
	default:
		buf_put_str(out, sq_param_name(s->names, t->param));
		break;
	}
}

/* "code", "code or date", "not code". */
static void
put_clause(struct sql *s, const struct store_clause *c)
{
	struct buf *out = s->q->explain;

	for (uint32_t i = 0; i < c->count; i++) {
		if (i == 3) {
			buf_printf(out, " or %u more", c->count - i);
			break;
		}
		buf_puts(out, i ? " or " : "");
		buf_puts(out, c->tests[i].negate ? "not " : "");
		put_test(s, &c->tests[i]);
	}
}

static void
put_size(struct sql *s, int64_t size)
{
	buf_printf(
	    s->q->explain, "%lld rows%s", (long long)size, size < WALK_LARGE ? "" : " or more");
}

void
explain_considered(struct sql *s, const struct store_clause *c, int64_t size)
{
	if (!s->q->explain)
		return;
	buf_puts(s->q->explain, "considered: ");
	if (c)
		put_clause(s, c);
	else
		buf_puts(s->q->explain, "the sender's compartment");
	buf_puts(s->q->explain, ", ");
	put_size(s, size);
	buf_put_byte(s->q->explain, '\n');
}

static void
put_tried(struct sql *s, const struct walk *w)
{
	const struct store_inner *in = s->in;
	struct buf *out = s->q->explain;

	buf_puts(out, "tries on each: whether it is current");
	for (uint32_t i = 0; i < in->count; i++) {
		if (&in->clauses[i] == w->clause)
			continue;
		buf_puts(out, ", ");
		put_clause(s, &in->clauses[i]);
	}
	if (in->visibility.kind == SEES_COMPARTMENT)
		buf_puts(out, ", the sender's compartment");
	if (in->visibility.filters)
		buf_puts(out, ", the sender's filter");
	buf_put_byte(out, '\n');
}

void
explain_walk(struct sql *s, const struct walk *w)
{
	struct buf *out = s->q->explain;
	bool descending;

	buf_printf(out, "%.*s: walks ", STR_ARG(type_name(s, s->in->type)));
	if (w->kind == WALK_IDS) {
		buf_puts(out, "the index of ids");
	} else if (w->clause) {
		buf_puts(out, w->kind == WALK_KEY ? "the rows of one value of " : "the rows of ");
		put_clause(s, w->clause);
	} else if (s->in->visibility.kind == SEES_COMPARTMENT && w->size < WALK_LARGE) {
		buf_puts(out, "the sender's compartment");
	} else {
		buf_puts(out, "all versions of the type");
	}
	buf_puts(out, "; estimated: ");
	if (w->size)
		put_size(s, w->size);
	else
		buf_puts(out, "there is nothing to choose from");
	buf_put_byte(out, '\n');
	put_tried(s, w);
	buf_puts(out, sort_is_by_row(s->q, &descending) ? "stops when the page is full\n"
							: "sorts all that it finds\n");
	s->c->looked = 0;
}

void
explain_done(struct sql *s, uint32_t found, int64_t began)
{
	struct buf *out = s->q->explain;

	buf_printf(out, "looked at %llu rows for %u resources, in %lld us\n",
	    (unsigned long long)s->c->looked, found, (long long)(clock_monotonic() - began));
	buf_puts(out, "SQL: ");
	buf_put_str(out, buf_str(&s->text));
	buf_put_byte(out, '\n');
}
