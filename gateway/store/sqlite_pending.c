/*
 * Index rows that wait for the end of their commit. Written all together and
 * in the tables' order they take a fraction of the time: none of their pages
 * is saved for a savepoint, and one statement takes many rows.
 */
#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	PENDING_BYTES = 512 << 20, /* of texts */
	PENDING_MOST = 64 * 1024,
	SEEN_BITS = 20,
	BULK_MOST = 4 << 20,
	BULK_SEEN_BITS = 27,
};

void
sq_pending_resize(struct sq_pending *p, bool bulk)
{
	p->most = bulk ? BULK_MOST : PENDING_MOST;
	p->seen_bits = bulk ? BULK_SEEN_BITS : SEEN_BITS;
	free(p->seen);
	p->seen = xcalloc((size_t)1 << (p->seen_bits - 6), sizeof(uint64_t));
}

void
sq_pending_init(struct sq_pending *p)
{
	*p = (struct sq_pending){ .seen = NULL };
	sq_pending_resize(p, false);
	arena_init(&p->texts, PENDING_BYTES, ARENA_WIPE);
}

void
sq_pending_release(struct sq_pending *p)
{
	arena_release(&p->texts);
	free(p->seen);
	free(p->keys);
	free(p->strings);
	free(p->dates);
	free(p->words);
	free(p->tuples);
	free(p->facts);
}

void
sq_pending_clear(struct sq_pending *p)
{
	if (p->count.keys)
		memset(p->seen, 0, ((size_t)1 << (p->seen_bits - 6)) * sizeof(uint64_t));
	p->count = (struct sq_pending_count){ 0 };
	arena_reset(&p->texts);
}

static void *
with_room(void *at, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return at;
	*room = *room ? *room * 2 : 1024;
	return xrealloc(at, *room * size);
}

/* Bits that nobody can choose, of two parts of the key. */
static uint64_t
bit_of(const struct sq_pending *p, struct sq_key key, int which)
{
	return which ? (uint64_t)key.hash & ((UINT64_C(1) << p->seen_bits) - 1)
		     : (uint64_t)key.check >> (64 - p->seen_bits);
}

void
sq_pending_key(struct sq_pending *p, struct sq_key key, int64_t row)
{
	p->keys = with_room(p->keys, p->count.keys, &p->key_room, sizeof(p->keys[0]));
	p->keys[p->count.keys++] = (struct sq_key_row){ key, row };
	for (int i = 0; i < 2; i++) {
		uint64_t bit = bit_of(p, key, i);

		p->seen[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

int
sq_pending_string(struct sq_pending *p, int64_t key, struct str folded, int64_t row, int64_t exact)
{
	struct str own = str_dup(&p->texts, folded);

	if (!own.p)
		return -1;
	p->strings = with_room(
	    p->strings, p->count.strings, &p->string_room, sizeof(p->strings[0]));
	p->strings[p->count.strings++] = (struct sq_string_row){ key, own, row, exact };
	return 0;
}

void
sq_pending_range(struct sq_pending *p, int64_t key, int64_t low, int64_t high, int64_t row)
{
	p->dates = with_room(p->dates, p->count.dates, &p->date_room, sizeof(p->dates[0]));
	p->dates[p->count.dates++] = (struct sq_date_row){ key, low, high, row };
}

int
sq_pending_word(struct sq_pending *p, int64_t key, struct str text, struct sq_key place)
{
	struct str own = str_dup(&p->texts, text);

	if (!own.p)
		return -1;
	p->words = with_room(p->words, p->count.words, &p->word_room, sizeof(p->words[0]));
	p->words[p->count.words++] = (struct sq_word_row){ key, own, place };
	return 0;
}

int
sq_pending_tuple(struct sq_pending *p, int64_t row, uint32_t param, struct str data)
{
	struct str own = str_dup(&p->texts, data);

	if (!own.p)
		return -1;
	p->tuples = with_room(p->tuples, p->count.tuples, &p->tuple_room, sizeof(p->tuples[0]));
	p->tuples[p->count.tuples++] = (struct sq_tuple_row){ row, param, own };
	return 0;
}

int
sq_pending_facts(struct sq_pending *p, int64_t row, struct str data)
{
	struct str own = str_dup(&p->texts, data);

	if (!own.p)
		return -1;
	p->facts = with_room(p->facts, p->count.facts, &p->fact_room, sizeof(p->facts[0]));
	p->facts[p->count.facts++] = (struct sq_facts_row){ row, own };
	return 0;
}

bool
sq_pending_is_full(const struct sq_pending *p)
{
	return p->count.keys > p->most || p->count.strings > p->most || p->count.dates > p->most ||
	       p->count.words > p->most || p->count.facts > p->most ||
	       p->texts.used > PENDING_BYTES / 4;
}

bool
sq_pending_may_have(const struct sq_pending *p, struct sq_key key)
{
	for (int i = 0; i < 2; i++) {
		uint64_t bit = bit_of(p, key, i);

		if (!(p->seen[bit / 64] >> bit % 64 & 1))
			return false;
	}
	return true;
}

static int
order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
by_key(const void *pa, const void *pb)
{
	const struct sq_key_row *a = pa, *b = pb;

	if (a->key.hash != b->key.hash)
		return order(a->key.hash, b->key.hash);
	if (a->row != b->row)
		return order(a->row, b->row);
	return order(a->key.check, b->key.check);
}

static int
by_string(const void *pa, const void *pb)
{
	const struct sq_string_row *a = pa, *b = pb;
	int folded;

	if (a->key != b->key)
		return order(a->key, b->key);
	folded = str_cmp(a->folded, b->folded);
	return folded ? folded : order(a->row, b->row);
}

static int
by_date(const void *pa, const void *pb)
{
	const struct sq_date_row *a = pa, *b = pb;

	if (a->key != b->key)
		return order(a->key, b->key);
	return a->low != b->low ? order(a->low, b->low) : order(a->row, b->row);
}

static void
bind_key(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->keys[i].key.hash);
	sqlite3_bind_int64(st, at + 1, p->keys[i].row);
	sqlite3_bind_int64(st, at + 2, p->keys[i].key.check);
}

static void
bind_string(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->strings[i].key);
	sq_bind_blob(st, at + 1, p->strings[i].folded);
	sqlite3_bind_int64(st, at + 2, p->strings[i].row);
	sqlite3_bind_int64(st, at + 3, p->strings[i].exact);
}

static void
bind_date(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->dates[i].key);
	sqlite3_bind_int64(st, at + 1, p->dates[i].low);
	sqlite3_bind_int64(st, at + 2, p->dates[i].high);
	sqlite3_bind_int64(st, at + 3, p->dates[i].row);
}

static int
by_word(const void *pa, const void *pb)
{
	const struct sq_word_row *a = pa, *b = pb;

	return a->key != b->key ? order(a->key, b->key) : str_cmp(a->text, b->text);
}

static void
bind_word(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->words[i].key);
	sq_bind_blob(st, at + 1, p->words[i].text);
	sqlite3_bind_int64(st, at + 2, p->words[i].place.hash);
	sqlite3_bind_int64(st, at + 3, p->words[i].place.check);
}

/* Most are said many times in one commit. */
static void
sort_words(struct sq_pending *p)
{
	size_t kept = 0;

	if (p->count.words)
		qsort(p->words, p->count.words, sizeof(p->words[0]), by_word);
	for (size_t i = 0; i < p->count.words; i++)
		if (!kept || by_word(&p->words[kept - 1], &p->words[i]) != 0)
			p->words[kept++] = p->words[i];
	p->count.words = kept;
}

static void
bind_tuple(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->tuples[i].row);
	sqlite3_bind_int64(st, at + 1, p->tuples[i].param);
	sq_bind_blob(st, at + 2, p->tuples[i].data);
}

static void
bind_facts(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i)
{
	sqlite3_bind_int64(st, at, p->facts[i].row);
	sq_bind_blob(st, at + 1, p->facts[i].data);
}

/* How the rows of one table are written: many a statement, then the rest. */
struct table {
	enum sq_fixed many, one;
	int columns;
	void (*bind)(sqlite3_stmt *st, int at, const struct sq_pending *p, size_t i);
};

static int
write_table(struct sq_conn *c, const struct sq_pending *p, const struct table *t, size_t count,
    struct error *err)
{
	size_t step;

	for (size_t i = 0; i < count; i += step) {
		sqlite3_stmt *st;

		step = t->many != t->one && count - i >= SQ_MANY ? SQ_MANY : 1;
		st = sq_fixed(c, step == 1 ? t->one : t->many, err);
		if (!st)
			return -1;
		for (size_t n = 0; n < step; n++)
			t->bind(st, (int)n * t->columns + 1, p, i + n);
		if (sq_step(c, st, "write the index", err) < 0)
			return -1;
	}
	return 0;
}

int
sq_pending_write(struct sq_pending *p, struct sq_conn *c, struct error *err)
{
	static const struct table keys = { SQ_ADD_MANY_INDEX, SQ_ADD_INDEX, 3, bind_key };
	static const struct table strings = { SQ_ADD_MANY_STRINGS, SQ_ADD_STRING, 4, bind_string };
	static const struct table dates = { SQ_ADD_MANY_DATES, SQ_ADD_DATE, 4, bind_date };
	static const struct table words = { SQ_ADD_WORD, SQ_ADD_WORD, 4, bind_word };
	static const struct table tuples = { SQ_ADD_TUPLE, SQ_ADD_TUPLE, 3, bind_tuple };
	/* These come in the order of rows. */
	static const struct table facts = { SQ_ADD_FACTS, SQ_ADD_FACTS, 2, bind_facts };

	if (p->count.keys)
		qsort(p->keys, p->count.keys, sizeof(p->keys[0]), by_key);
	if (p->count.strings)
		qsort(p->strings, p->count.strings, sizeof(p->strings[0]), by_string);
	if (p->count.dates)
		qsort(p->dates, p->count.dates, sizeof(p->dates[0]), by_date);
	sort_words(p);
	if (write_table(c, p, &keys, p->count.keys, err) < 0 ||
	    write_table(c, p, &strings, p->count.strings, err) < 0 ||
	    write_table(c, p, &dates, p->count.dates, err) < 0 ||
	    write_table(c, p, &words, p->count.words, err) < 0 ||
	    write_table(c, p, &tuples, p->count.tuples, err) < 0 ||
	    write_table(c, p, &facts, p->count.facts, err) < 0)
		return -1;
	sq_pending_clear(p);
	return 0;
}
