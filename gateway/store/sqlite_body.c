/*
 * Bodies on disk: small JSON texts that have much in common, so that zstd with a
 * dictionary of what they have in common makes a fifth of them. The dictionary is
 * made of bodies that are there, when there are enough, and made anew once when
 * there are many more. A body says which one it was made with; one that is not
 * compressed begins with its '{'.
 *
 * A dictionary holds pieces of resources: store_shred() makes it anew.
 */
#define ZDICT_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/store/sqlite.h"

enum {
	MARK = 1, /* first byte of a compressed body */
	HEAD = 5, /* and four that say which dictionary */
	LEVEL = 3,
	DICTIONARY = 64 << 10,
	SAMPLES = 4000,
	SAMPLE_BYTES = 8 << 20, /* of all of them */
	SAMPLE_MOST = 16 << 10, /* of one */
	FIRST_AT = 1000,	/* versions, for the first dictionary */
	AGAIN_AT = 30000,	/* for the second */
	PLAIN_BELOW = 4096,	/* bytes: not compressed without a dictionary */
	BODY_MOST = 512 << 20,
};

struct sq_dictionary {
	uint32_t no;
	ZSTD_DDict *decoder;
};

struct sq_bodies {
	ZSTD_DCtx *in;
	struct sq_dictionary *at;
	size_t count;
	/* The writer's: */
	ZSTD_CCtx *out;
	ZSTD_CDict *encoder; /* NULL: none yet */
	uint32_t no;	     /* of the encoder */
	int64_t made_at;     /* the newest row when it was made */
	char *room;
	size_t room_size;
};

static struct sq_bodies *
bodies_of(struct sq_conn *c)
{
	if (!c->bodies) {
		c->bodies = xcalloc(1, sizeof(*c->bodies));
		c->bodies->in = ZSTD_createDCtx();
		if (!c->bodies->in)
			abort();
	}
	return c->bodies;
}

static void
forget_dictionaries(struct sq_bodies *b)
{
	for (size_t i = 0; i < b->count; i++)
		ZSTD_freeDDict(b->at[i].decoder);
	ZSTD_freeCDict(b->encoder);
	b->encoder = NULL;
	b->count = 0;
	b->no = 0;
	b->made_at = 0;
}

void
sq_bodies_free(struct sq_conn *c)
{
	struct sq_bodies *b = c->bodies;

	if (!b)
		return;
	forget_dictionaries(b);
	ZSTD_freeDCtx(b->in);
	ZSTD_freeCCtx(b->out);
	free(b->at);
	if (b->room)
		explicit_bzero(b->room, b->room_size);
	free(b->room);
	free(b);
	c->bodies = NULL;
}

static int
no_dictionary(struct error *err)
{
	return error_set(err, ERROR_IO, "the store is damaged: a dictionary of bodies is missing");
}

/* The decoder of that number, read when it is first met; NULL with *err set. */
static ZSTD_DDict *
decoder_of(struct sq_conn *c, uint32_t no, struct error *err)
{
	struct sq_bodies *b = bodies_of(c);
	ZSTD_DDict *made = NULL;
	sqlite3_stmt *st;

	for (size_t i = 0; i < b->count; i++)
		if (b->at[i].no == no)
			return b->at[i].decoder;
	st = sq_search(c, STR("SELECT data FROM dictionary WHERE no = ?1"), err);
	if (!st)
		return NULL;
	sqlite3_bind_int64(st, 1, no);
	if (sq_step(c, st, "read a dictionary", err) <= 0) {
		no_dictionary(err);
		return NULL;
	}
	made = ZSTD_createDDict(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_reset(st);
	if (!made) {
		no_dictionary(err);
		return NULL;
	}
	b->at = xrealloc(b->at, (b->count + 1) * sizeof(*b->at));
	b->at[b->count++] = (struct sq_dictionary){ no, made };
	return made;
}

static int
damaged(struct error *err)
{
	return error_set(err, ERROR_IO, "the store is damaged: a body cannot be decompressed");
}

/* What is stored as the body that is served, in the arena. */
static int
decode(struct sq_conn *c, struct str stored, struct arena *a, struct str *out, struct error *err)
{
	const unsigned char *p = (const unsigned char *)stored.p;
	unsigned long long size;
	ZSTD_DDict *dictionary = NULL;
	uint32_t no;
	size_t got;
	char *text;

	if (!stored.len || p[0] != MARK) {
		*out = str_dup(a, stored);
		return out->p ? 0 : sq_no_memory(err);
	}
	if (stored.len < HEAD)
		return damaged(err);
	memcpy(&no, p + 1, sizeof(no));
	if (no && !(dictionary = decoder_of(c, no, err)))
		return -1;
	size = ZSTD_getFrameContentSize(p + HEAD, stored.len - HEAD);
	if (size > BODY_MOST)
		return damaged(err);
	text = arena_alloc_bytes(a, (size_t)size + 1);
	if (!text)
		return sq_no_memory(err);
	got = ZSTD_decompress_usingDDict(
	    bodies_of(c)->in, text, (size_t)size, p + HEAD, stored.len - HEAD, dictionary);
	if (ZSTD_isError(got) || got != size)
		return damaged(err);
	*out = str_of(text, got);
	return 0;
}

int
sq_body_column(struct sq_conn *c, sqlite3_stmt *st, int at, struct arena *a, struct str *out,
    struct error *err)
{
	const void *p = sqlite3_column_blob(st, at);

	return decode(c, str_of(p, (size_t)sqlite3_column_bytes(st, at)), a, out, err);
}

/* The writer: the newest dictionary there is. */
static int
load_encoder(struct sq_conn *c, struct sq_bodies *b, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    c, STR("SELECT no, made_at, data FROM dictionary ORDER BY no DESC LIMIT 1"), err);
	int rc = st ? sq_step(c, st, "read a dictionary", err) : -1;

	if (rc <= 0)
		return rc;
	b->no = (uint32_t)sqlite3_column_int64(st, 0);
	b->made_at = sqlite3_column_int64(st, 1);
	ZSTD_freeCDict(b->encoder);
	b->encoder = ZSTD_createCDict(
	    sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2), LEVEL);
	sqlite3_reset(st);
	return b->encoder ? 0 : no_dictionary(err);
}

static int
begin_writing(struct sq_conn *c, struct error *err)
{
	struct sq_bodies *b = bodies_of(c);

	if (b->out)
		return 0;
	b->out = ZSTD_createCCtx();
	if (!b->out)
		abort();
	return load_encoder(c, b, err);
}

int
sq_body_encode(struct sq_conn *c, struct str body, struct str *out, struct error *err)
{
	struct sq_bodies *b = bodies_of(c);
	size_t most = ZSTD_compressBound(body.len) + HEAD, got;
	uint32_t no;

	*out = body;
	if (begin_writing(c, err) < 0)
		return -1;
	if (!b->encoder && body.len < PLAIN_BELOW)
		return 0;
	if (most > b->room_size) {
		free(b->room);
		b->room_size = most + most / 2;
		b->room = xmalloc(b->room_size);
	}
	no = b->encoder ? b->no : 0;
	got = b->encoder
		  ? ZSTD_compress_usingCDict(
			b->out, b->room + HEAD, most - HEAD, body.p, body.len, b->encoder)
		  : ZSTD_compressCCtx(b->out, b->room + HEAD, most - HEAD, body.p, body.len, LEVEL);
	if (ZSTD_isError(got) || got + HEAD >= body.len)
		return 0;
	b->room[0] = MARK;
	memcpy(b->room + 1, &no, sizeof(no));
	*out = str_of(b->room, got + HEAD);
	return 0;
}

/* Dictionaries. */

struct samples {
	char *bytes;
	size_t len, sizes[SAMPLES];
	unsigned count;
};

/* Bodies from all over the file. */
static int
collect(struct sq_conn *c, int64_t last, struct samples *s, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    c, STR("SELECT row, data FROM body WHERE row >= ?1 ORDER BY row LIMIT 1"), err);
	int64_t step = last / SAMPLES + 1;
	struct arena a;
	int rc = st ? 0 : -1;

	arena_init(&a, BODY_MOST, ARENA_WIPE);
	for (int64_t row = 1; rc == 0 && row <= last && s->count < SAMPLES; row += step) {
		struct str body;

		sqlite3_bind_int64(st, 1, row);
		rc = sq_step(c, st, "read a resource", err);
		if (rc <= 0)
			break;
		row = sqlite3_column_int64(st, 0);
		rc = sq_body_column(c, st, 1, &a, &body, err);
		sqlite3_reset(st);
		if (rc == 0 && body.len <= SAMPLE_MOST && body.len <= SAMPLE_BYTES - s->len) {
			memcpy(s->bytes + s->len, body.p, body.len);
			s->len += body.len;
			s->sizes[s->count++] = body.len;
		}
		arena_reset(&a);
	}
	arena_release(&a);
	return rc < 0 ? -1 : 0;
}

static int
keep_dictionary(struct store *s, struct str data, struct error *err)
{
	struct sq_conn *c = &s->conn;
	sqlite3_stmt *st = sq_search(c,
	    STR("INSERT INTO dictionary (no, made_at, data) SELECT coalesce(max(no), 0) + 1, ?1, ?2"
		" FROM dictionary"),
	    err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, s->last_row);
	sq_bind_blob(st, 2, data);
	if (sq_step(c, st, "keep a dictionary", err) < 0)
		return -1;
	return load_encoder(c, bodies_of(c), err);
}

/* Make one of what is there, for what is written from now on. 1: done, 0: there is
 * too little in common, -1. */
static int
make_dictionary(struct store *s, struct error *err)
{
	ZDICT_fastCover_params_t params = {
		.k = 200, .d = 8, .f = 20, .accel = 1, .zParams.compressionLevel = LEVEL
	};
	struct samples samples = { .bytes = xmalloc(SAMPLE_BYTES) };
	char *made = xmalloc(DICTIONARY);
	int64_t start = clock_monotonic();
	size_t len = 0;
	int rc = collect(&s->conn, s->last_row, &samples, err);

	if (rc == 0)
		len = ZDICT_trainFromBuffer_fastCover(
		    made, DICTIONARY, samples.bytes, samples.sizes, samples.count, params);
	if (rc == 0 && !ZDICT_isError(len))
		rc = keep_dictionary(s, str_of(made, len), err) < 0 ? -1 : 1;
	explicit_bzero(samples.bytes, SAMPLE_BYTES);
	free(samples.bytes);
	free(made);
	log_event(LOG_INFO, "store-dictionary", "samples=%u\tbytes=%zu\tms=%lld", samples.count,
	    ZDICT_isError(len) ? (size_t)0 : len, (long long)(clock_monotonic() - start) / 1000);
	return rc;
}

int
sq_bodies_upkeep(struct store *s, struct error *err)
{
	struct sq_bodies *b = bodies_of(&s->conn);
	int rc;

	if (begin_writing(&s->conn, err) < 0)
		return -1;
	if (s->last_row < FIRST_AT || (b->made_at && s->last_row < AGAIN_AT) ||
	    b->made_at >= AGAIN_AT)
		return 0;
	rc = make_dictionary(s, err);
	b->made_at = s->last_row;
	return rc < 0 ? -1 : 0;
}

/* The body of a row with the newest dictionary. */
static int
rewrite_body(struct store *s, int64_t row, struct str body, struct error *err)
{
	struct sq_conn *c = &s->conn;
	sqlite3_stmt *st = sq_search(c, STR("UPDATE body SET data = ?1 WHERE row = ?2"), err);
	struct str stored;

	if (!st || sq_body_encode(c, body, &stored, err) < 0)
		return -1;
	sq_bind_blob(st, 1, stored);
	sqlite3_bind_int64(st, 2, row);
	return sq_step(c, st, "write a resource", err) < 0 ? -1 : 0;
}

static int
rewrite_all(struct store *s, struct error *err)
{
	struct sq_conn *c = &s->conn;
	sqlite3_stmt *st = sq_search(
	    c, STR("SELECT row, data FROM body WHERE row > ?1 ORDER BY row LIMIT 1"), err);
	struct arena a;
	int64_t row = 0;
	int rc = st ? 1 : -1;

	arena_init(&a, BODY_MOST, ARENA_WIPE);
	while (rc > 0) {
		struct str body;

		sqlite3_bind_int64(st, 1, row);
		rc = sq_step(c, st, "read a resource", err);
		if (rc <= 0)
			break;
		row = sqlite3_column_int64(st, 0);
		rc = sq_body_column(c, st, 1, &a, &body, err);
		sqlite3_reset(st);
		rc = rc == 0 && rewrite_body(s, row, body, err) == 0 ? 1 : -1;
		arena_reset(&a);
	}
	arena_release(&a);
	return rc;
}

int
sq_bodies_anew(struct store *s, struct error *err)
{
	struct sq_conn *c = &s->conn;
	struct sq_bodies *b = bodies_of(c);
	sqlite3_stmt *st = sq_search(c, STR("DELETE FROM dictionary WHERE no <> ?1"), err);
	int made;

	if (!st || begin_writing(c, err) < 0)
		return -1;
	if (!b->encoder)
		return 0;
	made = make_dictionary(s, err);
	if (made == 0) {
		ZSTD_freeCDict(b->encoder);
		b->encoder = NULL;
		b->no = 0;
	}
	if (made < 0 || rewrite_all(s, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, b->no);
	if (sq_step(c, st, "write the bodies anew", err) < 0)
		return -1;
	forget_dictionaries(b);
	return load_encoder(c, b, err);
}
