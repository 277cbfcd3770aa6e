/*
 * One comparison of a search as SQL.
 */
#include "gateway/store/fold.h"
#include "gateway/store/geo.h"
#include "gateway/store/sqlite_sql.h"

enum {
	SET_BYTES = 8 << 20, /* of the places of a list of tokens */
};

bool
sql_test_key(const struct sql *s, const struct store_test *t, struct sq_key *out)
{
	return sq_test_key(s->names, s->type, t, out);
}

bool
test_is_keyed(const struct store_test *t)
{
	return t->kind == TEST_TOKEN || t->kind == TEST_REFERENCE || t->kind == TEST_URI ||
	       t->kind == TEST_OF_TYPE || t->kind == TEST_WORD || t->kind == TEST_IN_COMPARTMENT;
}

bool
test_is_listed(const struct store_test *t)
{
	return !t->negate && t->kind != TEST_ID && t->kind != TEST_UPDATED &&
	       t->kind != TEST_MISSING && t->kind != TEST_HAS && t->kind != TEST_ALL &&
	       t->kind != TEST_TUPLE;
}

/*
 * How the range low..high of a resource's value compares with that asked for
 * (FHIR R4, 3.1.1.4.4 and 3.1.1.4.7).
 */
static void
put_range(struct sql *s, const struct store_test *t, const char *low, const char *high)
{
	switch (t->compare) {
	case COMPARE_EQ:
	case COMPARE_NE:
		buf_printf(&s->text,
		    t->compare == COMPARE_EQ ? "(%s >= ? AND %s <= ?)"
					     : "NOT (%s >= ? AND %s <= ?)",
		    low, high);
		sql_bind(s, t->low);
		sql_bind(s, t->high);
		break;
	case COMPARE_GT:
		buf_printf(&s->text, "%s > ?", high);
		sql_bind(s, t->high);
		break;
	case COMPARE_LT:
		buf_printf(&s->text, "%s < ?", low);
		sql_bind(s, t->low);
		break;
	case COMPARE_GE:
		buf_printf(&s->text, "(%s > ? OR (%s >= ? AND %s <= ?))", high, low, high);
		sql_bind(s, t->high);
		sql_bind(s, t->low);
		sql_bind(s, t->high);
		break;
	case COMPARE_LE:
		buf_printf(&s->text, "(%s < ? OR (%s >= ? AND %s <= ?))", low, low, high);
		sql_bind(s, t->low);
		sql_bind(s, t->low);
		sql_bind(s, t->high);
		break;
	case COMPARE_AP:
		buf_printf(&s->text, "(%s >= ? AND %s <= ?)", high, low);
		sql_bind(s, t->low);
		sql_bind(s, t->high);
		break;
	case COMPARE_SA:
		buf_printf(&s->text, "%s > ?", low);
		sql_bind(s, t->high);
		break;
	case COMPARE_EB:
		buf_printf(&s->text, "%s < ?", high);
		sql_bind(s, t->low);
		break;
	}
}

/* Rows with a string from folded on, up to the last that starts so. */
static void
put_string(struct sql *s, const struct store_test *t)
{
	struct str folded = { NULL, 0 };

	if (fold_text(t->value, s->scratch, &folded) < 0)
		s->failed = true;
	if (t->kind == TEST_STRING_EXACT) {
		buf_puts(&s->text, " AND folded = ? AND exact = ?");
		sql_bind_text(s, folded, true);
		sql_bind(s, sq_exact_of(t->value));
	} else if (t->kind == TEST_STRING_CONTAINS) {
		buf_puts(&s->text, " AND instr(folded, ?) > 0");
		sql_bind_text(s, folded, true);
	} else if (t->kind == TEST_STRING_ENDS) {
		buf_puts(&s->text, " AND substr(folded, -length(?)) = ?");
		sql_bind_text(s, folded, true);
		sql_bind_text(s, folded, true);
	} else if (t->kind == TEST_STRING_EQUAL || t->kind == TEST_STRING_UNEQUAL) {
		buf_printf(&s->text, " AND folded %s ?", t->kind == TEST_STRING_EQUAL ? "=" : "<>");
		sql_bind_text(s, folded, true);
	} else {
		struct str past = str_printf(s->scratch, "%.*s\xff", STR_ARG(folded));

		if (!past.p)
			s->failed = true;
		buf_puts(&s->text, " AND folded >= ? AND folded < ?");
		sql_bind_text(s, folded, true);
		sql_bind_text(s, past, true);
	}
}

static void
put_ranges(struct sql *s, const struct store_test *t, int64_t key)
{
	buf_puts(&s->text, "SELECT row FROM date_ix WHERE key = ? AND ");
	sql_bind(s, key);
	put_range(s, t, "low", "high");
}

/* Single numbers have their unit in the place of the high end; then ranges. */
static void
put_numbers(struct sql *s, const struct store_test *t)
{
	buf_puts(&s->text, "SELECT row FROM date_ix WHERE key = ? AND ");
	sql_bind(s, sq_table_key(s->names, s->type, t->param));
	put_range(s, t, "low", "low");
	if (t->value.len) {
		buf_puts(&s->text, " AND high = ?");
		sql_bind(s, sq_unit_of(t->value));
	}
	buf_puts(&s->text, " UNION ALL ");
	put_ranges(s, t, sq_range_key(s->names, s->type, t->param, STR(""), t->value));
}

/* Rows that have a text of the table of words from low up to high. */
static void
put_words(struct sql *s, const struct store_test *t, struct str low, struct str high)
{
	if (!low.p || !high.p)
		s->failed = true;
	buf_puts(&s->text, "SELECT x.row FROM word w CROSS JOIN ix x WHERE w.key = ?"
			   " AND w.text >= ? AND w.text < ? AND x.hash = w.hash AND x.chk = w.chk");
	sql_bind(s, sq_table_key(s->names, s->type, t->param));
	sql_bind_text(s, low, true);
	sql_bind_text(s, high, true);
}

static void
put_token_text(struct sql *s, const struct store_test *t)
{
	struct str folded = { NULL, 0 };

	if (fold_text(t->value, s->scratch, &folded) < 0)
		s->failed = true;
	put_words(s, t, folded, str_printf(s->scratch, "%.*s\xff", STR_ARG(folded)));
}

/* The URI itself, then what stands between it and "/" and it and "0", which is
 * the character behind "/". */
static void
put_uri_below(struct sql *s, const struct store_test *t)
{
	struct store_test same = *t;

	same.kind = TEST_URI;
	sql_put_list(s, &same);
	buf_puts(&s->text, " UNION ALL ");
	put_words(s, t, str_printf(s->scratch, "%.*s/", STR_ARG(t->value)),
	    str_printf(s->scratch, "%.*s0", STR_ARG(t->value)));
}

/* Each token's place, as JSON: a list of any length is one value. */
static void
put_token_set(struct sql *s, const struct store_test *t)
{
	struct str text;
	struct buf b;

	buf_init(&b, SET_BYTES);
	buf_put_byte(&b, '[');
	for (uint32_t i = 0; i < t->set_count; i++) {
		struct store_test one = { .kind = TEST_TOKEN,
			.param = t->param,
			.system = t->set[i].system,
			.value = t->set[i].value,
			.any_value = !t->set[i].value.len };
		struct sq_key key;

		if (sql_test_key(s, &one, &key))
			buf_printf(&b, "%s[%lld,%lld]", i ? "," : "", (long long)key.hash,
			    (long long)key.check);
	}
	buf_put_byte(&b, ']');
	text = str_dup(s->scratch, buf_str(&b));
	if (b.full || !text.p)
		s->failed = true;
	buf_release(&b);
	buf_puts(&s->text, "SELECT x.row FROM json_each(?) k CROSS JOIN ix x"
			   " WHERE x.hash = json_extract(k.value, '$[0]')"
			   " AND x.chk = json_extract(k.value, '$[1]')");
	sql_bind_text(s, text, false);
}

/* By latitude from the index; by longitude where that is a plain range. */
static void
put_near(struct sql *s, const struct store_test *t)
{
	struct geo_box box = geo_box_around(t->low, t->high, t->distance);

	buf_puts(&s->text, "SELECT row FROM date_ix WHERE key = ? AND low BETWEEN ? AND ?"
			   " AND high BETWEEN ? AND ? AND near(low, high, ?, ?, ?)");
	sql_bind(s, sq_table_key(s->names, s->type, t->param));
	sql_bind(s, box.south);
	sql_bind(s, box.north);
	sql_bind(s, box.west);
	sql_bind(s, box.east);
	sql_bind(s, t->low);
	sql_bind(s, t->high);
	sql_bind(s, t->distance);
}

static void
put_updated(struct sql *s, const struct store_test *t)
{
	char low[24], high[40];

	snprintf(low, sizeof(low), "v%u.updated", s->at);
	snprintf(high, sizeof(high), "(v%u.updated + 999)", s->at);
	buf_puts(&s->text, "(");
	put_range(s, t, low, high);
	buf_puts(&s->text, ")");
}

/* SELECT of the rows that pass a test that test_is_listed(). */
void
sql_put_list(struct sql *s, const struct store_test *t)
{
	struct sq_key key;

	if (sql_test_key(s, t, &key)) {
		buf_puts(&s->text, "SELECT row FROM ix WHERE hash = ? AND chk = ?");
		sql_bind(s, key.hash);
		sql_bind(s, key.check);
		return;
	}
	if (t->kind == TEST_CHAIN) {
		sql_put_chain(s, t);
	} else if (t->kind == TEST_NEAR) {
		put_near(s, t);
	} else if (t->kind == TEST_TOKEN_SET) {
		put_token_set(s, t);
	} else if (t->kind == TEST_TOKEN_TEXT) {
		put_token_text(s, t);
	} else if (t->kind == TEST_URI_BELOW) {
		put_uri_below(s, t);
	} else if (t->kind == TEST_NUMBER) {
		put_numbers(s, t);
	} else if (t->kind == TEST_QUANTITY) {
		put_ranges(s, t, sq_range_key(s->names, s->type, t->param, t->system, t->value));
	} else if (t->kind == TEST_DATE) {
		put_ranges(s, t, sq_table_key(s->names, s->type, t->param));
	} else {
		buf_puts(&s->text, "SELECT row FROM string_ix WHERE key = ?");
		sql_bind(s, sq_table_key(s->names, s->type, t->param));
		put_string(s, t);
	}
}

void
sql_put_has_key(struct sql *s, struct sq_key key)
{
	buf_printf(&s->text,
	    "EXISTS (SELECT 1 FROM ix x WHERE x.hash = ? AND x.row = v%u.row AND x.chk = ?)",
	    s->at);
	sql_bind(s, key.hash);
	sql_bind(s, key.check);
}

/* Where no tuples are kept the value of the subquery is null. */
static void
put_tuple(struct sql *s, const struct store_test *t)
{
	struct str asked = { NULL, 0 };

	if (sq_tuple_ask(s->names, s->type, t, s->scratch, &asked) < 0)
		s->failed = true;
	buf_printf(&s->text,
	    "((SELECT tuple_match(u.data, ?) FROM tuple u WHERE u.row = v%u.row AND u.param = ?)"
	    " IS NOT 0)",
	    s->at);
	sql_bind_text(s, asked, true);
	sql_bind(s, s->names->param_no[t->param]);
}

void
sql_put_test(struct sql *s, const struct store_test *t)
{
	struct sq_key key;

	if (t->negate)
		buf_puts(&s->text, "NOT ");
	if (sql_test_key(s, t, &key)) {
		sql_put_has_key(s, key);
		return;
	}
	switch (t->kind) {
	case TEST_ID:
		buf_printf(&s->text, "v%u.id = ?", s->at);
		sql_bind_text(s, t->value, false);
		break;
	case TEST_UPDATED:
		put_updated(s, t);
		break;
	case TEST_HAS:
		sql_put_has(s, t);
		break;
	case TEST_ALL:
		sql_put_all(s, t->inner);
		break;
	case TEST_TUPLE:
		put_tuple(s, t);
		break;
	case TEST_MISSING:
		buf_printf(&s->text, "%shas_param(v%u.params, ?)",
		    str_is(t->value, "true") ? "NOT " : "", s->at);
		sql_bind(s, s->names->param_no[t->param]);
		break;
	default:
		buf_printf(&s->text, "v%u.row IN (", s->at);
		sql_put_list(s, t);
		buf_puts(&s->text, ")");
		break;
	}
}
