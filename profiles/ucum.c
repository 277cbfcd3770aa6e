#include "profiles/ucum.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "profiles/decimal_working.h"
#include "profiles/ucum_table.h"

struct ucum_unit
ucum_one(void)
{
	return (struct ucum_unit){ .over = decimal_of(1), .under = decimal_of(1) };
}

static bool
has_no_dimension(const struct ucum_unit *u)
{
	static const int8_t none[UCUM_BASES];

	return memcmp(u->dimension, none, sizeof(none)) == 0 && u->arbitrary[0].unit == 0;
}

bool
ucum_is_dimensionless(const struct ucum_unit *u)
{
	return has_no_dimension(u);
}

static bool
same_arbitrary(const struct ucum_unit *a, const struct ucum_unit *b)
{
	for (int i = 0; i < UCUM_ARBITRARY_MAX; i++)
		if (a->arbitrary[i].unit != b->arbitrary[i].unit ||
		    a->arbitrary[i].exponent != b->arbitrary[i].exponent)
			return false;
	return true;
}

bool
ucum_is_commensurable(const struct ucum_unit *a, const struct ucum_unit *b)
{
	return memcmp(a->dimension, b->dimension, sizeof(a->dimension)) == 0 &&
	       same_arbitrary(a, b);
}

bool
ucum_equal(const struct ucum_unit *a, const struct ucum_unit *b)
{
	struct decimal x, y;

	return a->special == b->special && a->pi == b->pi && ucum_is_commensurable(a, b) &&
	       decimal_multiply(&a->over, &b->under, &x) == 0 &&
	       decimal_multiply(&b->over, &a->under, &y) == 0 && decimal_equal(&x, &y);
}

/* Add a's arbitrary units, times sign, to out's. */
static int
merge_arbitrary(const struct ucum_unit *a, int sign, struct ucum_unit *out)
{
	struct ucum_arbitrary merged[2 * UCUM_ARBITRARY_MAX + 1] = { 0 };
	const struct ucum_arbitrary *x = a->arbitrary, *y = out->arbitrary;
	int i = 0, k = 0, n = 0, exponent;

	if (x[0].unit == 0)
		return 0;
	while ((i < UCUM_ARBITRARY_MAX && x[i].unit) || (k < UCUM_ARBITRARY_MAX && y[k].unit)) {
		unsigned left = i < UCUM_ARBITRARY_MAX && x[i].unit ? x[i].unit : UINT16_MAX;
		unsigned right = k < UCUM_ARBITRARY_MAX && y[k].unit ? y[k].unit : UINT16_MAX;

		exponent = 0;
		merged[n].unit = (uint16_t)(left < right ? left : right);
		if (left <= right)
			exponent += sign * x[i++].exponent;
		if (right <= left)
			exponent += y[k++].exponent;
		if (exponent < -UCUM_EXPONENT_MAX || exponent > UCUM_EXPONENT_MAX)
			return -1;
		merged[n].exponent = (int16_t)exponent;
		n += exponent != 0;
	}
	if (n > UCUM_ARBITRARY_MAX)
		return -1;
	merged[n] = (struct ucum_arbitrary){ 0 };
	memset(out->arbitrary, 0, sizeof(out->arbitrary));
	memcpy(out->arbitrary, merged, (size_t)n * sizeof(*merged));
	return 0;
}

static bool
add_exponent(int8_t *to, int more)
{
	int sum = *to + more;

	if (sum < -UCUM_EXPONENT_MAX || sum > UCUM_EXPONENT_MAX)
		return false;
	*to = (int8_t)sum;
	return true;
}

static int
multiply_sizes(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	int32_t power;

	if (decimal_multiply(a, b, out))
		return -1;
	power = decimal_magnitude(out);
	if (decimal_is_zero(out) || power > UCUM_POWER_MAX || power < -UCUM_POWER_MAX)
		return -1;
	decimal_strip(out);
	return 0;
}

/* a * b^sign */
static int
combine(const struct ucum_unit *a, const struct ucum_unit *b, int sign, struct ucum_unit *out)
{
	struct ucum_unit u = *a;

	if (b->special && (sign < 0 || a->special || !has_no_dimension(a)))
		return -1;
	if (a->special && !has_no_dimension(b))
		return -1;
	u.special = a->special ? a->special : b->special;
	for (int i = 0; i < UCUM_BASES; i++)
		if (!add_exponent(&u.dimension[i], sign * b->dimension[i]))
			return -1;
	if (!add_exponent(&u.pi, sign * b->pi) || merge_arbitrary(b, sign, &u) ||
	    multiply_sizes(&u.over, sign > 0 ? &b->over : &b->under, &u.over) ||
	    multiply_sizes(&u.under, sign > 0 ? &b->under : &b->over, &u.under))
		return -1;
	*out = u;
	return 0;
}

int
ucum_multiply(const struct ucum_unit *a, const struct ucum_unit *b, struct ucum_unit *out)
{
	return combine(a, b, 1, out);
}

int
ucum_divide(const struct ucum_unit *a, const struct ucum_unit *b, struct ucum_unit *out)
{
	return combine(a, b, -1, out);
}

int
ucum_power(const struct ucum_unit *u, int32_t exponent, struct ucum_unit *out)
{
	struct ucum_unit square = *u, product = ucum_one();
	uint32_t n = (uint32_t)(exponent < 0 ? -exponent : exponent);

	for (; n; n >>= 1) {
		if (n & 1 && combine(&product, &square, exponent < 0 ? -1 : 1, &product))
			return -1;
		if (n > 1 && combine(&square, &square, 1, &square))
			return -1;
	}
	*out = product;
	return 0;
}

/* The factors of a canonical unit, in the order of their codes. */
struct factors {
	struct factor {
		const char *code;
		int exponent;
	} at[UCUM_BASES + UCUM_ARBITRARY_MAX];
	size_t count;
};

static void
put_factor(struct factors *f, const char *code, int exponent)
{
	size_t i = f->count;

	if (exponent == 0)
		return;
	for (; i > 0 && strcmp(f->at[i - 1].code, code) > 0; i--)
		f->at[i] = f->at[i - 1];
	f->at[i] = (struct factor){ code, exponent };
	f->count++;
}

static size_t
put_exponent(int exponent, char *out)
{
	int size = exponent < 0 ? -exponent : exponent; /* at most 99 */
	size_t n = 0;

	if (exponent == 1)
		return 0;
	if (exponent < 0)
		out[n++] = '-';
	if (size > 9)
		out[n++] = (char)('0' + size / 10);
	out[n++] = (char)('0' + size % 10);
	return n;
}

size_t
ucum_canonical_unit(const struct ucum_unit *unit, char out[UCUM_TEXT])
{
	static const char *const bases[UCUM_BASES] = { "C", "K", "cd", "g", "m", "rad", "s" };
	bool own = ucum_is_reversed(unit);
	struct factors f = { .count = 0 };
	size_t at = 0;

	if (own)
		put_factor(&f, ucum_atoms[unit->special - 1].code, 1);
	for (int i = 0; i < UCUM_BASES && !own; i++)
		put_factor(&f, bases[i], unit->dimension[i]);
	for (int i = 0; i < UCUM_ARBITRARY_MAX && unit->arbitrary[i].unit; i++)
		put_factor(
		    &f, ucum_atoms[unit->arbitrary[i].unit - 1].code, unit->arbitrary[i].exponent);
	if (f.count == 0)
		out[at++] = '1';
	for (size_t i = 0; i < f.count; i++) {
		size_t len = strlen(f.at[i].code);

		assert(len + 4 < UCUM_TEXT - at);
		if (i)
			out[at++] = '.';
		memcpy(out + at, f.at[i].code, len);
		at += len;
		at += put_exponent(f.at[i].exponent, out + at);
	}
	return at;
}

enum {
	CACHE_ENTRIES_MAX = 1 << 20,
	CODE_ROOM = 64, /* bytes of a code, on the average */
	ARENA_ROOM = 1 << 16,
};

struct entry {
	struct str code; /* p is NULL in a free slot */
	uint64_t hash;
	struct ucum_unit unit;
	bool valid;
};

struct ucum_cache {
	struct arena arena; /* the codes' text */
	struct entry *slots;
	uint32_t slot_count; /* a power of two, over twice the entries */
	uint32_t used, most;
};

struct ucum_cache *
ucum_cache_new(uint32_t entries)
{
	struct ucum_cache *c = xcalloc(1, sizeof(*c));

	c->most = entries == 0 ? 1 : entries < CACHE_ENTRIES_MAX ? entries : CACHE_ENTRIES_MAX;
	c->slot_count = 4;
	while (c->slot_count < 2 * c->most)
		c->slot_count *= 2;
	c->slots = xcalloc(c->slot_count, sizeof(*c->slots));
	arena_init(&c->arena, (size_t)c->most * CODE_ROOM + ARENA_ROOM, 0);
	return c;
}

void
ucum_cache_free(struct ucum_cache *cache)
{
	if (!cache)
		return;
	arena_release(&cache->arena);
	free(cache->slots);
	free(cache);
}

static void
forget(struct ucum_cache *cache)
{
	memset(cache->slots, 0, cache->slot_count * sizeof(*cache->slots));
	arena_reset(&cache->arena);
	cache->used = 0;
}

const struct ucum_unit *
ucum_cache_get(struct ucum_cache *cache, struct str code)
{
	uint64_t hash = hash64(code, 0);
	uint32_t mask = cache->slot_count - 1, i = (uint32_t)hash & mask;
	struct entry *e;

	for (; cache->slots[i].code.p; i = (i + 1) & mask) {
		e = &cache->slots[i];
		if (e->hash == hash && str_eq(e->code, code))
			return e->valid ? &e->unit : NULL;
	}
	if (code.len > UCUM_CODE_MAX)
		return NULL;
	e = &cache->slots[i];
	if (cache->used < cache->most)
		e->code = str_dup(&cache->arena, code);
	if (!e->code.p) {
		forget(cache);
		e = &cache->slots[(uint32_t)hash & mask];
		e->code = str_dup(&cache->arena, code);
	}
	e->hash = hash;
	e->valid = ucum_parse(code, &e->unit, NULL) == 0;
	cache->used++;
	return e->valid ? &e->unit : NULL;
}
