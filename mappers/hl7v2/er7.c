/* The ER7 reader (HL7 v2.9, 2.5 and 2.6). */
#include "mappers/hl7v2/er7.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/finding.h"
#include "mappers/hl7v2/er7_internal.h"

/* What a byte is in this message. */
enum {
	IS_END = 1 << 0,
	IS_FIELD = 1 << 1,
	IS_REPETITION = 1 << 2,
	IS_COMPONENT = 1 << 3,
	IS_SUBCOMPONENT = 1 << 4,
	IS_ESCAPE = 1 << 5,
};

struct reader {
	struct arena *arena;
	struct findings *findings;
	struct er7_message *m;
	struct er7_node *nodes;
	uint32_t count, room, most;
	uint8_t kind[256];
	bool failed;
};

static int
fatal(struct reader *r, const char *code, const char *place, uint32_t line, const char *text)
{
	findings_add(
	    r->findings, SEVERITY_FATAL, code, str_from(place), line, line ? 1 : 0, "%s", text);
	return -1;
}

static bool
is_word(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

size_t
er7_next_line(struct str s, size_t at, size_t *end)
{
	while (at < s.len && s.p[at] != '\r' && s.p[at] != '\n')
		at++;
	*end = at;
	if (at < s.len && s.p[at] == '\r' && at + 1 < s.len && s.p[at + 1] == '\n')
		return at + 2;
	return at < s.len ? at + 1 : at;
}

bool
er7_starts_segment(struct str s, size_t at, const char *id)
{
	return s.len - at > 3 && memcmp(s.p + at, id, 3) == 0 && !is_word(s.p[at + 3]) &&
	       s.p[at + 3] != '\r' && s.p[at + 3] != '\n';
}

/* Skip to MSH. False when there is none. */
static bool
find_start(struct str *s, uint32_t *line)
{
	size_t at = 0, end;

	*line = 1;
	if (str_starts(*s, STR("\xef\xbb\xbf")))
		at = 3;
	while (at < s->len) {
		while (at < s->len && (s->p[at] == ' ' || s->p[at] == '\t' || s->p[at] == '\v'))
			at++;
		if (er7_starts_segment(*s, at, "MSH")) {
			*s = str_from_index(*s, at);
			return true;
		}
		at = er7_next_line(*s, at, &end);
		*line += 1;
	}
	return false;
}

/* The n-th field of the MSH at the start of s, as it stands. */
static struct str
header_field(struct str s, unsigned n)
{
	size_t end;
	struct str rest, part = { NULL, 0 };

	er7_next_line(s, 0, &end);
	rest = str_of(s.p + 4, end - 4);
	for (unsigned i = 1; i < n; i++)
		if (!str_split(&rest, s.p[3], &part))
			return str_of(NULL, 0);
	return part;
}

static int
set_separators(struct reader *r, struct str s, uint32_t line)
{
	struct er7_message *m = r->m;
	struct str encoding = header_field(s, 2);
	char *to[] = { &m->component, &m->repetition, &m->escape, &m->subcomponent,
		&m->truncation };

	m->field = s.p[3];
	if (encoding.len == 0)
		return fatal(r, "structure", "MSH-2", line,
		    "MSH-2 is empty: it must give the separators, usually ^~\\&");
	if (encoding.len > 5)
		return fatal(
		    r, "structure", "MSH-2", line, "MSH-2 is longer than the five separators");
	for (size_t i = 0; i < encoding.len; i++) {
		char c = encoding.p[i];

		if (is_word(c) || c <= ' ' || c == '"' || (c & 0x80) || c == m->field ||
		    memchr(encoding.p, c, i) != NULL)
			return fatal(r, "structure", "MSH-2", line,
			    "the separators in MSH-1 and MSH-2 must be different signs, no "
			    "letters, digits or spaces");
		*to[i] = c;
	}
	if (m->field <= ' ' || (m->field & 0x80) || m->field == '"')
		return fatal(r, "structure", "MSH-1", line, "MSH-1 cannot be a field separator");
	r->kind['\r'] = r->kind['\n'] = IS_END;
	r->kind[(unsigned char)m->field] = IS_FIELD;
	r->kind[(unsigned char)m->component] = IS_COMPONENT;
	if (m->repetition)
		r->kind[(unsigned char)m->repetition] = IS_REPETITION;
	if (m->escape)
		r->kind[(unsigned char)m->escape] = IS_ESCAPE;
	if (m->subcomponent)
		r->kind[(unsigned char)m->subcomponent] = IS_SUBCOMPONENT;
	return 0;
}

static uint32_t
add_node(struct reader *r, size_t at, size_t len, enum er7_level level, uint32_t position)
{
	struct er7_node *n;

	if (r->count == r->room) {
		uint32_t room = r->room ? r->room * 2 : 128;
		struct er7_node *grown;

		if (room > r->most)
			room = r->most;
		grown = r->count < room ? arena_grow(r->arena, r->nodes, r->room * sizeof(*n),
					      room * sizeof(*n))
					: NULL;
		if (!grown) {
			r->failed = true;
			return 0;
		}
		r->nodes = grown;
		r->room = room;
	}
	n = &r->nodes[r->count];
	n->at = (uint32_t)at;
	n->len = (uint32_t)len;
	n->end = r->count + 1;
	n->position = position;
	n->level = (uint8_t)level;
	n->flags = 0;
	return r->count++;
}

static const uint8_t level_separators[] = {
	[ER7_FIELD] = IS_REPETITION,
	[ER7_REPETITION] = IS_COMPONENT,
	[ER7_COMPONENT] = IS_SUBCOMPONENT,
	[ER7_SUBCOMPONENT] = 0,
};

/* Add the part [at, end) with what it consists of; has: which separators stand
 * in it. Adds nothing when nothing is populated. */
static void
add_part(
    struct reader *r, size_t at, size_t end, enum er7_level level, uint32_t position, uint8_t has)
{
	enum er7_level inside = level;
	const char *p = r->m->text.p;
	uint32_t node, child = 0;
	size_t from = at;
	uint8_t sub = 0;

	if (at == end || r->failed)
		return;
	node = add_node(r, at, end - at, level, position);
	while (inside < ER7_SUBCOMPONENT && !(has & level_separators[inside]))
		inside++;
	if (r->failed)
		return;
	if (inside == ER7_SUBCOMPONENT) {
		if (has & IS_ESCAPE)
			r->nodes[node].flags |= ER7_ESCAPED;
		if (end - at == 2 && p[at] == '"' && p[at + 1] == '"')
			r->nodes[node].flags |= ER7_NULL;
		if (r->m->truncation && p[end - 1] == r->m->truncation)
			r->nodes[node].flags |= ER7_TRUNCATED;
		return;
	}
	for (size_t i = at;; i++) {
		uint8_t k = i < end ? r->kind[(unsigned char)p[i]] : level_separators[inside];

		if (k != level_separators[inside]) {
			sub |= k;
			continue;
		}
		add_part(r, from, i, inside + 1, ++child, sub);
		from = i + 1;
		sub = 0;
		if (i == end)
			break;
	}
	if (r->failed)
		return;
	r->nodes[node].end = r->count;
	r->nodes[node].flags |= ER7_PARENT;
	if (r->count == node + 1)
		r->count = node;
}

/* Read the fields of segment s into its nodes and its rows of the index. */
static void
read_fields(struct reader *r, struct er7_segment *s, uint32_t *index)
{
	const char *p = r->m->text.p;
	size_t at = s->at + 4, end = (size_t)s->at + s->len, from = at;
	bool header = memcmp(s->id, "MSH", 3) == 0;
	uint32_t n = 0;
	uint8_t has = 0;

	s->first = r->count;
	if (header && s->len > 3) {
		index[n++] = add_node(r, s->at + 3, 1, ER7_FIELD, 1);
		while (at < end && p[at] != r->m->field)
			at++;
		index[n++] = add_node(r, from, at - from, ER7_FIELD, 2);
		from = ++at;
	}
	for (; at <= end && s->len > 3; at++) {
		uint8_t k = at < end ? r->kind[(unsigned char)p[at]] : IS_FIELD;
		uint32_t before = r->count;

		if (k != IS_FIELD) {
			has |= k;
			continue;
		}
		add_part(r, from, at, ER7_FIELD, n + 1, has);
		index[n++] = r->count > before ? before : ER7_NONE;
		from = at + 1;
		has = 0;
	}
	s->fields = n;
	s->end = r->count;
}

/* Room for counting how often each segment id has come. */
struct ids {
	char id[256][3];
	uint32_t count[256];
};

static uint32_t
count_id(struct ids *ids, const char *id)
{
	unsigned h = ((unsigned char)id[0] * 31u + (unsigned char)id[1]) * 31u +
		     (unsigned char)id[2];

	for (unsigned i = 0; i < 256; i++) {
		unsigned at = (h + i) & 255;

		if (ids->count[at] == 0)
			memcpy(ids->id[at], id, 3);
		else if (memcmp(ids->id[at], id, 3) != 0)
			continue;
		return ++ids->count[at];
	}
	return 1;
}

static bool
is_segment(const struct er7_message *m, const char *p, size_t len)
{
	if (len < 3 || (len > 3 && p[3] != m->field))
		return false;
	for (int i = 0; i < 3; i++)
		if (!((p[i] >= 'A' && p[i] <= 'Z') || (i > 0 && p[i] >= '0' && p[i] <= '9')))
			return false;
	return true;
}

/* Find the segments: their places, lines and how many fields they have. */
static int
find_segments(struct reader *r, const struct er7_options *o, uint32_t line,
    struct er7_segment *segments, uint32_t *count, uint32_t *fields)
{
	struct er7_message *m = r->m;
	struct ids ids;
	size_t at = 0, end, next;

	memset(ids.count, 0, sizeof(ids.count));
	*count = *fields = 0;
	for (; at < m->text.len; at = next, line++) {
		struct er7_segment *s = &segments[*count];
		const char *p = m->text.p + at;
		uint32_t seps = 0;

		next = er7_next_line(m->text, at, &end);
		if (end == at || (end - at == 1 && (*p == 0x1c || *p == 0x1a)))
			continue;
		if (!is_segment(m, p, end - at)) {
			findings_add(r->findings, SEVERITY_WARNING, "structure", STR(""), line, 1,
			    "this line is no segment and was left out: a line break inside a value "
			    "must be written as %c.br%c",
			    m->escape ? m->escape : '\\', m->escape ? m->escape : '\\');
			continue;
		}
		for (size_t i = at; i < end; i++)
			seps += m->text.p[i] == m->field;
		if (seps > o->max_fields)
			return fatal(r, "too-costly", "", line, "the segment has too many fields");
		memcpy(s->id, p, 3);
		s->id[3] = 0;
		s->line = line;
		s->occurrence = count_id(&ids, s->id);
		s->at = (uint32_t)at;
		s->len = (uint32_t)(end - at);
		s->index = *fields;
		*fields += seps + 1;
		*count += 1;
	}
	return 0;
}

static uint32_t
count_lines(struct str s)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < s.len; i++)
		lines += s.p[i] == '\r' || s.p[i] == '\n';
	return lines;
}

static int
read_segments(struct reader *r, const struct er7_options *o, uint32_t line)
{
	struct er7_message *m = r->m;
	uint32_t count, fields, lines = count_lines(m->text), *index;
	struct er7_segment *segments;

	/* Blank lines count too: CRLF files have one between any two. */
	if (lines / 2 > o->max_segments)
		return fatal(r, "too-costly", "", line, "the message has too many segments");
	segments = arena_alloc(r->arena, lines * sizeof(*segments));
	if (!segments)
		return fatal(r, "too-costly", "", line, "the message is too large");
	if (find_segments(r, o, line, segments, &count, &fields) != 0)
		return -1;
	if (count > o->max_segments)
		return fatal(r, "too-costly", "", line, "the message has too many segments");
	index = arena_alloc(r->arena, fields * sizeof(*index));
	if (!index)
		return fatal(r, "too-costly", "", line, "the message is too large");
	for (uint32_t i = 0; i < count && !r->failed; i++)
		read_fields(r, &segments[i], index + segments[i].index);
	if (r->failed)
		return fatal(r, "too-costly", "", line, "the message has too many values");
	m->segments = segments;
	m->segment_count = count;
	m->index = index;
	m->nodes = r->nodes;
	m->node_count = r->count;
	return 0;
}

static struct er7_options
with_defaults(const struct er7_options *o)
{
	struct er7_options d = { 0 };

	if (o)
		d = *o;
	if (!d.max_bytes)
		d.max_bytes = 64u << 20;
	if (d.max_bytes > 1u << 30)
		d.max_bytes = 1u << 30;
	if (!d.max_segments)
		d.max_segments = 200000;
	if (!d.max_fields)
		d.max_fields = 10000;
	if (!d.max_nodes)
		d.max_nodes = 8000000;
	return d;
}

int
er7_read(struct str bytes, const struct er7_options *options, struct arena *a,
    struct er7_message *out, struct findings *findings)
{
	struct er7_options o = with_defaults(options);
	struct reader r = { .arena = a, .findings = findings, .m = out, .most = o.max_nodes };
	struct er7_charsets charsets;
	uint32_t line;

	memset(out, 0, sizeof(*out));
	if (bytes.len > o.max_bytes)
		return fatal(&r, "too-long", "", 0, "the message is larger than is allowed");
	if (er7_from_utf16(bytes, a, &out->text, findings) != 0)
		return -1;
	if (!find_start(&out->text, &line))
		return fatal(&r, "structure", "MSH", 1,
		    "there is no MSH segment: this is no HL7 v2 message in ER7");
	if (set_separators(&r, out->text, line) != 0)
		return -1;
	charsets = (struct er7_charsets){
		.declared = header_field(out->text, 18),
		.fallback = o.default_charset,
		.repetition = out->repetition,
		.escape = out->escape,
		.lenient = o.unknown_charset == ER7_CHARSET_READ,
	};
	/* Once in UTF-8 already, UTF-16 is not to be converted again. */
	if (o.is_utf8 || out->text.p < bytes.p || out->text.p >= bytes.p + bytes.len)
		charsets.declared = STR("UNICODE UTF-8");
	if (er7_to_utf8(out->text, &charsets, a, line, &out->text, findings) != 0)
		return -1;
	if (er7_join_addenda(out->text, out->field, a, &out->text) != 0)
		return fatal(&r, "too-costly", "", line, "the message is too large");
	return read_segments(&r, &o, line);
}

uint32_t
er7_part(const struct er7_message *m, uint32_t i, enum er7_level level, uint32_t position)
{
	while (i != ER7_NONE) {
		const struct er7_node *n = &m->nodes[i];

		if (!(n->flags & ER7_PARENT) || m->nodes[i + 1].level > level)
			return position == 1 ? i : ER7_NONE;
		if (m->nodes[i + 1].level == level) {
			for (uint32_t c = i + 1; c < n->end; c = m->nodes[c].end)
				if (m->nodes[c].position == position)
					return c;
			return ER7_NONE;
		}
		i = m->nodes[i + 1].position == 1 ? i + 1 : ER7_NONE;
	}
	return ER7_NONE;
}

uint32_t
er7_repetitions(const struct er7_message *m, uint32_t i)
{
	uint32_t last = 1;

	if (i == ER7_NONE)
		return 0;
	if (!(m->nodes[i].flags & ER7_PARENT) || m->nodes[i + 1].level != ER7_REPETITION)
		return 1;
	for (uint32_t c = i + 1; c < m->nodes[i].end; c = m->nodes[c].end)
		last = m->nodes[c].position;
	return last;
}

uint32_t
er7_leaf(const struct er7_message *m, uint32_t i)
{
	while (i != ER7_NONE && (m->nodes[i].flags & ER7_PARENT))
		i = m->nodes[i + 1].position == 1 ? i + 1 : ER7_NONE;
	return i;
}

struct str
er7_value(const struct er7_message *m, const struct er7_segment *s, uint32_t field, uint32_t rep,
    uint32_t comp, uint32_t sub)
{
	uint32_t i = er7_field_node(m, s, field);

	i = er7_part(m, i, ER7_REPETITION, rep ? rep : 1);
	i = er7_part(m, i, ER7_COMPONENT, comp ? comp : 1);
	i = er7_part(m, i, ER7_SUBCOMPONENT, sub ? sub : 1);
	return er7_raw(m, i);
}

const struct er7_segment *
er7_find(const struct er7_message *m, const char *id)
{
	for (uint32_t i = 0; i < m->segment_count; i++)
		if (memcmp(m->segments[i].id, id, 3) == 0)
			return &m->segments[i];
	return NULL;
}

uint32_t
er7_column(const struct er7_segment *s, uint32_t at)
{
	return at - s->at + 1;
}

void
er7_place(const struct er7_message *m, const struct er7_segment *s, uint32_t i, char out[ER7_PLACE])
{
	static const char *const form[] = { "-%u", "[%u]", ".%u", ".%u" };
	uint32_t at = s->first, end = s->end;
	bool component = false;
	int len = snprintf(out, ER7_PLACE, "%s", s->id);

	if (s->occurrence > 1)
		len += snprintf(out + len, (size_t)(ER7_PLACE - len), "[%u]", s->occurrence);
	while (i != ER7_NONE && at < end) {
		const struct er7_node *n = &m->nodes[at];

		if (i >= n->end) {
			at = n->end;
			continue;
		}
		/* The field "A&B" has subcomponents of its first component. */
		if (n->level == ER7_SUBCOMPONENT && !component)
			len += snprintf(out + len, (size_t)(ER7_PLACE - len), ".1");
		component |= n->level == ER7_COMPONENT;
		len += snprintf(out + len, (size_t)(ER7_PLACE - len), form[n->level], n->position);
		if (at == i)
			break;
		end = n->end;
		at++;
	}
}
