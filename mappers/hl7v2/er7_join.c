/*
 * Continuation (HL7 v2.9, 2.10.2): of a segment by ADD, of a message by DSC-1
 * and MSH-14.
 *
 * A segment that is continued is followed by an ADD without fields; the next
 * message begins, behind MSH, with an ADD that holds what is left of it.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/er7_internal.h"

static bool
is_add(struct str text, size_t at, size_t end, char field)
{
	return end - at >= 3 && memcmp(text.p + at, "ADD", 3) == 0 &&
	       (end - at == 3 || text.p[at + 3] == field);
}

static bool
has_add(struct str text)
{
	return str_find_str(text, STR("\rADD")) >= 0 || str_find_str(text, STR("\nADD")) >= 0;
}

int
er7_join_addenda(struct str text, char field, struct arena *a, struct str *out)
{
	size_t at = 0, end, next, len = 0;
	bool header = false;
	char *p;

	*out = text;
	if (!has_add(text))
		return 0;
	p = arena_alloc_bytes(a, text.len + 1);
	if (!p)
		return -1;
	for (; at < text.len; at = next) {
		next = er7_next_line(text, at, &end);
		if (end == at)
			continue;
		/* A header is never continued: what stands behind it continues the
		 * message before, of which this is a part. */
		if (is_add(text, at, end, field) && len && !header) {
			/* Behind the segment before it, in the place of its end. */
			at = at + 4 < end ? at + 4 : end;
			len--;
		}
		header = er7_starts_segment(text, at, "MSH");
		memcpy(p + len, text.p + at, end - at);
		len += end - at;
		p[len++] = '\r';
	}
	*out = str_of(p, len);
	return 0;
}

struct str
er7_continues(const struct er7_message *m)
{
	return m->segment_count ? er7_value(m, m->segments, 14, 0, 0, 0) : STR("");
}

struct str
er7_continued(const struct er7_message *m)
{
	const struct er7_segment *last = m->segment_count ? &m->segments[m->segment_count - 1]
							  : NULL;

	if (!last || memcmp(last->id, "DSC", 3) != 0)
		return STR("");
	/* Table 0398: I is the interactive continuation of a query's answer. */
	if (str_is(er7_value(m, last, 2, 0, 0, 0), "I"))
		return STR("");
	return er7_value(m, last, 1, 0, 0, 0);
}

/* Add the lines of a part: the first without its DSC at the end, the others
 * without their MSH, too. */
static void
add_part(struct str part, bool first, struct buf *out)
{
	size_t at = 0, end, next;
	bool header = false;

	for (; at < part.len; at = next) {
		next = er7_next_line(part, at, &end);
		if (!header) {
			header = er7_starts_segment(part, at, "MSH");
			if (!header || !first)
				continue;
		}
		if (end == at || er7_starts_segment(part, at, "DSC"))
			continue;
		buf_put(out, part.p + at, end - at);
		buf_put_byte(out, '\r');
	}
}

void
er7_join(const struct str *parts, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		add_part(parts[i], i == 0, out);
}
