#include "mappers/hl7v2/er7_batch.h"

#include "base/clock.h"
#include "base/finding.h"
#include "mappers/hl7v2/er7_internal.h"

/* A BOM of UTF-16, or a first character of two bytes. */
static bool
is_utf16(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return s.len > 1 && (p[0] == 0 || p[1] == 0 || (p[0] == 0xff && p[1] == 0xfe) ||
				(p[0] == 0xfe && p[1] == 0xff));
}

static enum er7_piece
kind_at(struct str s, size_t at)
{
	static const struct {
		char id[4];
		enum er7_piece kind;
	} kinds[] = {
		{ "MSH", ER7_MESSAGE },
		{ "FHS", ER7_FILE_HEADER },
		{ "BHS", ER7_BATCH_HEADER },
		{ "BTS", ER7_BATCH_TRAILER },
		{ "FTS", ER7_FILE_TRAILER },
	};

	if (s.len - at < 3)
		return ER7_END;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t end;

		if (er7_starts_segment(s, at, kinds[i].id))
			return kinds[i].kind;
		/* A trailer may have no fields at all. */
		if (kinds[i].kind >= ER7_BATCH_TRAILER && memcmp(s.p + at, kinds[i].id, 3) == 0) {
			er7_next_line(s, at, &end);
			if (end - at == 3)
				return kinds[i].kind;
		}
	}
	return ER7_END;
}

enum er7_piece
er7_next(struct er7_cutter *c, struct str *out, uint32_t *line)
{
	struct str s = c->text;
	size_t from = s.len, end, next;
	enum er7_piece inside = ER7_END;

	for (; c->at < s.len; c->at = next, c->line++) {
		size_t at = c->at;
		enum er7_piece kind;

		while (at < s.len && (s.p[at] == '\v' || s.p[at] == 0x1c || s.p[at] == ' '))
			at++;
		if (c->at == 0 && str_starts(s, STR("\xef\xbb\xbf")))
			at = 3;
		next = er7_next_line(s, at, &end);
		kind = c->at == 0 && is_utf16(s) ? ER7_MESSAGE : kind_at(s, at);
		if (kind == ER7_END)
			continue;
		if (inside)
			break;
		inside = kind;
		from = at;
		*line = c->line + 1;
		if (kind != ER7_MESSAGE) {
			*out = str_of(s.p + at, end - at);
			c->at = next;
			c->line++;
			return kind;
		}
	}
	*out = inside ? str_of(s.p + from, c->at - from) : str_of(NULL, 0);
	return inside;
}

bool
er7_cut(struct er7_cutter *c, struct str *message, uint32_t *line)
{
	enum er7_piece kind;

	do
		kind = er7_next(c, message, line);
	while (kind != ER7_END && kind != ER7_MESSAGE);
	return kind == ER7_MESSAGE;
}

bool
er7_is_batch(struct str text)
{
	struct er7_cutter c = { .text = text };
	struct str piece;
	uint32_t line;
	enum er7_piece kind = er7_next(&c, &piece, &line);

	return kind == ER7_FILE_HEADER || kind == ER7_BATCH_HEADER;
}

int
er7_batch_text(struct str text, struct arena *a, struct str *out, struct findings *findings)
{
	return er7_from_utf16(text, a, out, findings);
}

struct str
er7_envelope_field(struct str segment, unsigned n)
{
	struct str rest, part = { NULL, 0 };

	if (segment.len < 4)
		return part;
	if (n == 1)
		return str_of(segment.p + 3, 1);
	rest = str_from_index(segment, 4);
	for (unsigned i = 1; i < n; i++)
		if (!str_split(&rest, segment.p[3], &part))
			return str_of(NULL, 0);
	return part;
}

static void
put(struct buf *out, char field, struct str value)
{
	buf_put_byte(out, field);
	buf_put_str(out, value);
}

void
er7_put_batch_header(const struct er7_batch_answer *b, struct buf *out)
{
	struct str h = b->header;
	char field = h.len > 3 ? h.p[3] : '|', time[INSTANT_TEXT], digits[INSTANT_TEXT];
	size_t n = 0;

	instant_format(b->time, time);
	for (size_t i = 0; i < 19; i++)
		if (time[i] >= '0' && time[i] <= '9')
			digits[n++] = time[i];
	buf_put(out, h.p, 3);
	put(out, field, er7_envelope_field(h, 2));
	put(out, field, er7_envelope_field(h, 5));
	put(out, field, er7_envelope_field(h, 6));
	put(out, field, er7_envelope_field(h, 3));
	put(out, field, er7_envelope_field(h, 4));
	put(out, field, str_of(digits, n));
	buf_puts(out, "+0000");
	put(out, field, STR(""));
	put(out, field, er7_envelope_field(h, 9));
	put(out, field, STR(""));
	put(out, field, b->control_id);
	put(out, field, er7_envelope_field(h, 11));
	buf_put_byte(out, '\r');
}

void
er7_put_batch_trailer(const struct er7_batch_answer *b, struct buf *out)
{
	char field = b->header.len > 3 ? b->header.p[3] : '|';

	buf_puts(out, b->header.p[0] == 'F' ? "FTS" : "BTS");
	buf_put_byte(out, field);
	buf_put_u64(out, b->count);
	if (b->text.len)
		put(out, field, b->text);
	buf_put_byte(out, '\r');
}
