#include "gateway/audit/line.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/utf8.h"

enum {
	HEX_AT = 9, /* behind {"hash":" */
	HEX_LEN = 2 * SHA256_BYTES,
	REST_AT = HEX_AT + HEX_LEN + 2, /* behind ", */
};

void
segment_name(uint64_t number, char out[SEGMENT_NAME_TEXT])
{
	snprintf(out, SEGMENT_NAME_TEXT, "%08" PRIu64 ".jsonl", number);
}

uint64_t
segment_number(const char *name)
{
	char again[SEGMENT_NAME_TEXT];
	int64_t n;
	struct str s = str_from(name);

	if (!str_ends(s, STR(".jsonl")) || !isdigit((unsigned char)s.p[0]) ||
	    !str_to_int(str_of(s.p, s.len - 6), &n) || n <= 0)
		return 0;
	segment_name((uint64_t)n, again);
	return strcmp(again, name) == 0 ? (uint64_t)n : 0;
}

static void
hash_rest(struct str rest, const uint8_t before[SHA256_BYTES], uint8_t out[SHA256_BYTES])
{
	struct str parts[2] = { str_of((const char *)before, SHA256_BYTES), rest };

	sha256_parts(parts, 2, out);
}

/* Begin a line; returns where it stands. */
static size_t
line_begin(struct buf *b)
{
	static const char zeros[HEX_LEN] = "";
	size_t at = b->len;

	buf_puts(b, "{\"hash\":\"");
	buf_put(b, zeros, HEX_LEN);
	buf_puts(b, "\",");
	return at;
}

/* Put the hash into the line that begins at `at`, and end it. */
static void
line_end(struct buf *b, size_t at, uint8_t hash[SHA256_BYTES])
{
	char hex[HEX_LEN + 1];
	uint8_t mine[SHA256_BYTES];

	if (b->full)
		return;
	hash_rest(str_of(b->p + at + REST_AT, b->len - at - REST_AT), hash, mine);
	memcpy(hash, mine, SHA256_BYTES);
	hex_encode(mine, SHA256_BYTES, hex);
	memcpy(b->p + at + HEX_AT, hex, HEX_LEN);
	buf_put_byte(b, '\n');
}

static bool
is_ascii(struct str s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.len; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}

/* As a JSON string: at most LINE_TEXT_MOST bytes, and what is no UTF-8 (a
 * peer's bytes) as U+FFFD. */
static void
put_text(struct buf *b, struct str s)
{
	char clean[LINE_TEXT_MOST + 4];
	size_t n = 0;

	if (s.len <= LINE_TEXT_MOST && is_ascii(s)) {
		buf_put_json(b, s);
		return;
	}
	for (size_t i = 0; i < s.len && n < LINE_TEXT_MOST;) {
		uint32_t c;
		size_t len = utf8_decode(str_from_index(s, i), &c);

		if (len == 0) {
			c = 0xfffd;
			len = 1;
		}
		i += len;
		n += utf8_encode(c, clean + n);
	}
	buf_put_json(b, str_of(clean, n));
}

static void
put_name(struct buf *b, const char *name)
{
	buf_puts(b, ",\"");
	buf_puts(b, name);
	buf_puts(b, "\":");
}

static void
put_member(struct buf *b, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	put_name(b, name);
	put_text(b, value);
}

static void
put_list(struct buf *b, const char *name, const struct str *at, size_t count)
{
	if (count == 0)
		return;
	put_name(b, name);
	buf_put_byte(b, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_byte(b, ',');
		put_text(b, at[i]);
	}
	buf_put_byte(b, ']');
}

void
line_put_entry(struct buf *b, const struct audit_entry *e, uint8_t hash[SHA256_BYTES])
{
	char when[INSTANT_TEXT];
	size_t at = line_begin(b);

	instant_format(e->time ? e->time : clock_wall(), when);
	buf_puts(b, "\"seq\":");
	buf_put_u64(b, e->sequence);
	buf_puts(b, ",\"time\":\"");
	buf_puts(b, when);
	buf_put_byte(b, '"');
	put_member(b, "exchange", e->exchange);
	put_member(b, "protocol", e->protocol);
	put_member(b, "source", e->source);
	put_member(b, "sender", e->sender);
	put_member(b, "interaction", e->interaction);
	put_list(b, "resources", e->resources, e->resource_count);
	put_list(b, "params", e->params, e->param_count);
	put_member(b, "outcome", str_from(audit_outcome_name(e->outcome)));
	put_member(b, "status", e->status);
	put_member(b, "rule", e->rule);
	put_member(b, "control", e->control_id);
	buf_puts(b, ",\"us\":");
	buf_put_i64(b, e->duration_us);
	buf_put_byte(b, '}');
	line_end(b, at, hash);
}

void
line_put_header(struct buf *b, const struct segment_header *h, uint8_t hash[SHA256_BYTES])
{
	char when[INSTANT_TEXT], hex[HEX_LEN + 1];
	size_t at = line_begin(b);

	instant_format(clock_wall(), when);
	hex_encode(h->previous, SHA256_BYTES, hex);
	buf_printf(b,
	    "\"segment\":%" PRIu64 ",\"format\":%d,\"trail\":\"%s\",\"after\":%" PRIu64
	    ",\"previous\":\"%s\",\"time\":\"%s\"}",
	    h->segment, TRAIL_FORMAT, h->trail, h->after, hex, when);
	memcpy(hash, h->previous, SHA256_BYTES);
	line_end(b, at, hash);
}

void
line_put_checkpoint(struct buf *b, const struct checkpoint *c)
{
	char when[INSTANT_TEXT], hex[HEX_LEN + 1];
	uint8_t hash[SHA256_BYTES] = { 0 };
	size_t at = line_begin(b);

	instant_format(clock_wall(), when);
	hex_encode(c->head, SHA256_BYTES, hex);
	buf_printf(b,
	    "\"segment\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"head\":\"%s\",\"time\":\"%s\"}",
	    c->segment, c->sequence, hex, when);
	while (b->len - at < CHECKPOINT_BYTES - 1 && !b->full)
		buf_put_byte(b, ' ');
	line_end(b, at, hash);
}

bool
line_stated_hash(struct str line, uint8_t out[SHA256_BYTES])
{
	return line.len > REST_AT && memcmp(line.p, "{\"hash\":\"", HEX_AT) == 0 &&
	       memcmp(line.p + HEX_AT + HEX_LEN, "\",", 2) == 0 &&
	       hex_decode(str_of(line.p + HEX_AT, HEX_LEN), out, SHA256_BYTES);
}

bool
line_follows(struct str line, const uint8_t before[SHA256_BYTES], uint8_t computed[SHA256_BYTES])
{
	uint8_t stated[SHA256_BYTES];
	char hex[HEX_LEN + 1];

	if (!line_stated_hash(line, stated))
		return false;
	hash_rest(str_from_index(line, REST_AT), before, computed);
	hex_encode(computed, SHA256_BYTES, hex);
	return memcmp(hex, line.p + HEX_AT, HEX_LEN) == 0;
}

/* Take a number behind a literal off *s. */
static bool
take_number(struct str *s, const char *literal, uint64_t *out)
{
	size_t digits = 0;
	int64_t n;

	if (!str_starts(*s, str_from(literal)))
		return false;
	*s = str_from_index(*s, strlen(literal));
	while (digits < s->len && isdigit((unsigned char)s->p[digits]))
		digits++;
	if (!digits || !str_to_int(str_of(s->p, digits), &n))
		return false;
	*out = (uint64_t)n;
	*s = str_from_index(*s, digits);
	return true;
}

uint64_t
line_sequence(struct str line)
{
	struct str rest = str_from_index(line, REST_AT);
	uint64_t n;

	return line.len > REST_AT && take_number(&rest, "\"seq\":", &n) ? n : 0;
}

static bool
member_number(const json_t *o, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool
member_hash(const json_t *o, const char *name, uint8_t out[SHA256_BYTES])
{
	return hex_decode(str_from(json_string_value(json_object_get(o, name))), out, SHA256_BYTES);
}

bool
line_get_header(struct str line, struct segment_header *out)
{
	json_t *o = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES, NULL);
	struct str trail = str_from(json_string_value(json_object_get(o, "trail")));
	uint64_t format;
	bool good = member_number(o, "format", &format) && format == TRAIL_FORMAT &&
		    member_number(o, "segment", &out->segment) &&
		    member_number(o, "after", &out->after) &&
		    member_hash(o, "previous", out->previous) && trail.len == TRAIL_ID_TEXT - 1;

	if (good)
		memcpy(out->trail, trail.p, TRAIL_ID_TEXT);
	json_decref(o);
	return good;
}

bool
line_get_checkpoint(struct str bytes, struct checkpoint *out)
{
	static const uint8_t zeros[SHA256_BYTES];
	uint8_t computed[SHA256_BYTES];
	struct str line = str_of(bytes.p, CHECKPOINT_BYTES - 1);
	json_t *o;
	bool good;

	if (bytes.len != CHECKPOINT_BYTES || bytes.p[CHECKPOINT_BYTES - 1] != '\n' ||
	    !line_follows(line, zeros, computed))
		return false;
	o = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES, NULL);
	good = member_number(o, "segment", &out->segment) &&
	       member_number(o, "seq", &out->sequence) && member_hash(o, "head", out->head);
	json_decref(o);
	return good;
}
