/*
 * Facts: the values of a version by its row, so that an order or an include
 * need not read its body.
 *
 * Of each search parameter the least value and the greatest, of references and
 * dates all; a date is its low and its high end.
 * Values are encoded so that memcmp() orders them. A row of the table is
 *
 *   length of the entries; entries: parameter, how many, numbers of values;
 *   values: length, bytes
 *
 * where the parameter has two bytes, and all other numbers are of 7 bits a byte,
 * the lowest first, with the eighth bit set when more come.
 */
#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	TEXT_MOST = 60,	    /* bytes of a text by which is sorted */
	TARGET_MOST = 2048, /* bytes of a reference */
	UUID_TEXT = 36,
	UUID_BYTES = 16,
	/* The first byte of a reference. */
	TARGET_LOCAL = 1, /* type's number (2), form, id */
	TARGET_OTHER = 2, /* as written */
	FORM_UUID = 1,
	FORM_TEXT = 2,
};

struct fact {
	uint32_t param_no;
	uint8_t rank; /* of those of one parameter, only the lowest are kept */
	bool all;     /* not only the least and the greatest */
	struct str value;
};

static int
by_fact(const void *pa, const void *pb)
{
	const struct fact *a = pa, *b = pb;

	if (a->param_no != b->param_no)
		return a->param_no < b->param_no ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return str_cmp(a->value, b->value);
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int
encode_number(int64_t n, struct arena *a, struct str *out)
{
	uint64_t bits = (uint64_t)n ^ UINT64_C(1) << 63;
	uint8_t *p = (uint8_t *)arena_alloc_bytes(a, 8);

	if (!p)
		return -1;
	for (int i = 7; i >= 0; i--, bits >>= 8)
		p[i] = (uint8_t)bits;
	*out = str_of((const char *)p, 8);
	return 0;
}

static int
encode_range(int64_t low, int64_t high, struct arena *a, struct str *out)
{
	struct str parts[2];

	if (encode_number(low, a, &parts[0]) < 0 || encode_number(high, a, &parts[1]) < 0)
		return -1;
	*out = str_concat(a, parts, 2);
	return out->p ? 0 : -1;
}

static struct str
cut(struct str s)
{
	return str_of(s.p, s.len < TEXT_MOST ? s.len : TEXT_MOST);
}

/* Of the usual form, with small letters; 16 bytes then. */
static bool
pack_uuid(struct str id, uint8_t *out)
{
	unsigned digits = 0;

	if (id.len != UUID_TEXT)
		return false;
	for (size_t i = 0; i < UUID_TEXT; i++) {
		char c = id.p[i];
		unsigned value;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return false;
			continue;
		}
		if (c >= '0' && c <= '9')
			value = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = (unsigned)(c - 'a') + 10;
		else
			return false;
		out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] | value : value << 4);
		digits++;
	}
	return true;
}

static struct str
unpack_uuid(const uint8_t *in, struct arena *a)
{
	static const char hex[] = "0123456789abcdef";
	char *p = arena_alloc_bytes(a, UUID_TEXT + 1);
	unsigned digits = 0;

	if (!p)
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < UUID_TEXT; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			p[i] = '-';
			continue;
		}
		p[i] = hex[digits % 2 ? in[digits / 2] & 15 : in[digits / 2] >> 4];
		digits++;
	}
	p[UUID_TEXT] = '\0';
	return str_of(p, UUID_TEXT);
}

static int
encode_target(const struct sq_names *n, struct str target, struct arena *a, struct str *out)
{
	ptrdiff_t slash = str_find(target, '/');
	struct str id = slash > 0 ? str_from_index(target, (size_t)slash + 1) : STR("");
	uint32_t type = PACK_NONE;
	uint8_t *p;
	size_t len = 0;

	if (target.len > TARGET_MOST)
		target.len = TARGET_MOST;
	if (id.len && str_find(id, '/') < 0)
		type = pack_find_resource(n->pack, str_of(target.p, (size_t)slash));
	p = (uint8_t *)arena_alloc_bytes(a, target.len + UUID_BYTES + 4);
	if (!p)
		return -1;
	p[len++] = type == PACK_NONE ? TARGET_OTHER : TARGET_LOCAL;
	if (type == PACK_NONE) {
		memcpy(p + len, target.p, target.len);
		len += target.len;
	} else {
		p[len++] = (uint8_t)(n->type_no[type] >> 8);
		p[len++] = (uint8_t)n->type_no[type];
		p[len] = FORM_UUID;
		if (pack_uuid(id, p + len + 1)) {
			len += 1 + UUID_BYTES;
		} else {
			p[len++] = FORM_TEXT;
			memcpy(p + len, id.p, id.len);
			len += id.len;
		}
	}
	*out = str_of((const char *)p, len);
	return 0;
}

/* Ids stand in the version itself; nobody sorts by profiles, which are long and in
 * most resources. */
static bool
is_left_out(struct str name)
{
	return str_is(name, "_id") || str_is(name, "_profile");
}

/* The fact that an index row tells; 1: none, -1: the arena is full. */
static int
fact_of(const struct sq_names *n, const struct store_index *x, struct str text, struct arena *a,
    struct fact *out)
{
	uint32_t type = sq_param_type(n, x->param);

	*out = (struct fact){ .param_no = n->param_no[x->param] };
	if (x->kind != type && (x->kind != PARAM_NUMBER || type != PARAM_QUANTITY))
		return 1;
	if (is_left_out(sq_param_name(n, x->param)))
		return 1;
	switch (x->kind) {
	case PARAM_TOKEN:
		out->value = cut(x->value.len ? x->value : x->system);
		return 0;
	case PARAM_URI:
		out->value = cut(x->value);
		return 0;
	case PARAM_STRING:
		out->value = cut(text);
		return 0;
	case PARAM_REFERENCE:
		out->all = true;
		return encode_target(n, text, a, &out->value);
	case PARAM_DATE:
		out->all = true;
		return encode_range(x->low, x->high, a, &out->value);
	case PARAM_QUANTITY:
	case PARAM_NUMBER:
		out->rank = x->kind != type;
		return encode_number(x->low, a, &out->value);
	default:
		return 1;
	}
}

/* Of those of one parameter, which are kept: sorted, each once. Returns how many
 * of `count` were of it. */
static uint32_t
thin(const struct fact *f, uint32_t count, struct fact *out, uint32_t *kept)
{
	uint32_t same = 0, last = 0;

	*kept = 0;
	while (same < count && f[same].param_no == f->param_no) {
		bool less = f[same].rank == f->rank;

		if (less && (!same || !str_eq(f[same].value, f[last].value))) {
			if (*kept < 2 || f->all)
				++*kept;
			out[*kept - 1] = f[same];
			last = same;
		}
		same++;
	}
	return same;
}

static void
put_varint(struct buf *b, uint32_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_put_byte(b, (char)(n | 0x80));
	buf_put_byte(b, (char)n);
}

static uint32_t
number_of(const struct str *values, uint32_t count, struct str value)
{
	const struct str *at = bsearch(&value, values, count, sizeof(values[0]), by_text);

	return (uint32_t)(at - values);
}

static void
put_entries(struct buf *b, const struct fact *f, uint32_t count, const struct str *values,
    uint32_t value_count)
{
	for (uint32_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && f[i + n].param_no == f[i].param_no; n++)
			;
		buf_put_byte(b, (char)(f[i].param_no >> 8));
		buf_put_byte(b, (char)f[i].param_no);
		put_varint(b, n);
		for (uint32_t j = 0; j < n; j++)
			put_varint(b, number_of(values, value_count, f[i + j].value));
	}
}

static int
write_facts(const struct fact *f, uint32_t count, struct arena *a, struct str *out)
{
	struct str *values = arena_calloc(a, (size_t)count + 1, sizeof(*values));
	uint32_t value_count = 0;
	struct buf entries, whole;

	if (!values)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		values[i] = f[i].value;
	qsort(values, count, sizeof(*values), by_text);
	for (uint32_t i = 0; i < count; i++)
		if (!value_count || !str_eq(values[value_count - 1], values[i]))
			values[value_count++] = values[i];
	buf_init(&entries, SIZE_MAX);
	buf_init(&whole, SIZE_MAX);
	put_entries(&entries, f, count, values, value_count);
	put_varint(&whole, (uint32_t)entries.len);
	buf_put_str(&whole, buf_str(&entries));
	for (uint32_t i = 0; i < value_count; i++) {
		put_varint(&whole, (uint32_t)values[i].len);
		buf_put_str(&whole, values[i]);
	}
	*out = str_dup(a, buf_str(&whole));
	buf_release(&entries);
	buf_release(&whole);
	return out->p ? 0 : -1;
}

int
sq_facts_of(const struct sq_names *n, const struct store_index *index, const struct str *texts,
    uint32_t count, struct arena *a, struct str *out)
{
	struct fact *f = arena_calloc(a, (size_t)count + 1, sizeof(*f));
	uint32_t facts = 0, kept = 0, same, some;

	*out = STR("");
	if (!f)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		int rc = index[i].kind == STORE_COMPARTMENT
			     ? 1
			     : fact_of(n, &index[i], texts[i], a, &f[facts]);

		if (rc < 0)
			return -1;
		facts += rc == 0;
	}
	if (!facts)
		return 0;
	qsort(f, facts, sizeof(*f), by_fact);
	for (uint32_t i = 0; i < facts; i += same, kept += some)
		same = thin(&f[i], facts - i, &f[kept], &some);
	return write_facts(f, kept, a, out);
}

/* Reading. What is damaged reads as if it ended there. */

static uint32_t
take_varint(struct str *s)
{
	uint32_t n = 0;

	for (unsigned shift = 0; s->len && shift < 32; shift += 7) {
		uint8_t byte = (uint8_t)s->p[0];

		*s = str_from_index(*s, 1);
		n |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return n;
}

static struct str
take_bytes(struct str *s, size_t len)
{
	struct str out = str_of(s->p, len < s->len ? len : s->len);

	*s = str_from_index(*s, out.len);
	return out;
}

/* Cut the entry off: its parameter and its values' numbers. */
static bool
take_entry(struct str *entries, uint32_t *param_no, uint32_t *count, struct str *numbers)
{
	if (entries->len < 2)
		return false;
	*param_no = (uint32_t)(uint8_t)entries->p[0] << 8 | (uint8_t)entries->p[1];
	*entries = str_from_index(*entries, 2);
	*count = take_varint(entries);
	*numbers = *entries;
	for (uint32_t i = 0; i < *count && entries->len; i++)
		take_varint(entries);
	return true;
}

/* The values' numbers of a parameter; data: the values from there on. */
static uint32_t
find_entry(struct str *data, uint32_t param_no, struct str *numbers)
{
	uint32_t entries_len = take_varint(data), no, count;
	struct str entries = take_bytes(data, entries_len);

	while (take_entry(&entries, &no, &count, numbers))
		if (no == param_no)
			return count;
	return 0;
}

bool
sq_facts_value(struct str data, uint32_t param_no, bool greatest, struct str *out)
{
	struct str numbers;
	uint32_t count = find_entry(&data, param_no, &numbers), number = 0;

	if (!count)
		return false;
	for (uint32_t i = 0; i < (greatest ? count : 1); i++)
		number = take_varint(&numbers);
	for (uint32_t i = 0; i < number && data.len; i++)
		take_bytes(&data, take_varint(&data));
	*out = take_bytes(&data, take_varint(&data));
	return true;
}

static int64_t
decode_number(const char *p)
{
	uint64_t bits = 0;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | (uint8_t)p[i];
	return (int64_t)(bits ^ UINT64_C(1) << 63);
}

/* As put_range() in sqlite_test.c has it. */
static bool
range_passes(enum store_compare compare, int64_t low, int64_t high, int64_t from, int64_t to)
{
	bool inside = low >= from && high <= to;

	switch (compare) {
	case COMPARE_EQ:
		return inside;
	case COMPARE_NE:
		return !inside;
	case COMPARE_GT:
		return high > to;
	case COMPARE_LT:
		return low < from;
	case COMPARE_GE:
		return high > to || inside;
	case COMPARE_LE:
		return low < from || inside;
	case COMPARE_SA:
		return low > to;
	case COMPARE_EB:
		return high < from;
	case COMPARE_AP:
		return high >= from && low <= to;
	}
	return false;
}

bool
sq_facts_date(
    struct str data, uint32_t param_no, enum store_compare compare, int64_t from, int64_t to)
{
	struct str numbers;
	uint32_t count = find_entry(&data, param_no, &numbers), at = 0;

	/* The numbers of one parameter's values grow, as its values do. */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = take_varint(&numbers);
		struct str value = { NULL, 0 };

		for (; at <= number && data.len; at++)
			value = take_bytes(&data, take_varint(&data));
		if (value.len == 16 && range_passes(compare, decode_number(value.p),
					   decode_number(value.p + 8), from, to))
			return true;
	}
	return false;
}

static bool
decode_target(const struct sq_names *n, struct str value, struct arena *a, struct sq_target *out)
{
	uint32_t type_no;

	*out = (struct sq_target){ .type = PACK_NONE };
	if (!value.len)
		return false;
	if (value.p[0] != TARGET_LOCAL) {
		out->text = str_dup(a, str_from_index(value, 1));
		return out->text.p;
	}
	if (value.len < 4)
		return false;
	type_no = (uint32_t)(uint8_t)value.p[1] << 8 | (uint8_t)value.p[2];
	out->type = type_no < n->type_nos ? n->pack_type[type_no] : PACK_NONE;
	if (value.p[3] == FORM_UUID && value.len == 4 + UUID_BYTES)
		out->text = unpack_uuid((const uint8_t *)value.p + 4, a);
	else
		out->text = str_dup(a, str_from_index(value, 4));
	return out->text.p && out->type != PACK_NONE;
}

int
sq_facts_targets(const struct sq_names *n, struct str data, uint32_t param_no, struct arena *a,
    struct sq_target **out, uint32_t *count)
{
	struct str numbers, value = STR("");
	uint32_t found = find_entry(&data, param_no, &numbers), at = 0;

	*count = 0;
	if (found > data.len)
		found = (uint32_t)data.len;
	*out = arena_calloc(a, (size_t)found + 1, sizeof(**out));
	if (!*out)
		return -1;
	/* Values of one parameter are in order, and so are their numbers. */
	for (uint32_t i = 0; i < found; i++) {
		uint32_t number = take_varint(&numbers);

		for (; at <= number && data.len; at++)
			value = take_bytes(&data, take_varint(&data));
		if (at != number + 1)
			break;
		*count += decode_target(n, value, a, &(*out)[*count]);
	}
	return 0;
}
