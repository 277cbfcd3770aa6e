/* Acknowledgements (HL7 v2.9, 2.13.1 ACK, 2.14.5 ERR, 2.14.8 MSA, 2.14.9 MSH). */
#include "mappers/hl7v2/ack.h"

#include "base/arena.h"
#include "base/clock.h"

/* What of the original's MSH an ACK needs, as it stands there. */
struct header {
	char field, component, repetition, escape, subcomponent;
	struct str encoding;
	struct str app, facility, to_app, to_facility; /* its sender and receiver */
	struct str event, control_id, processing, version, charset;
};

const char *
ack_code_name(enum ack_code code)
{
	static const char *const names[] = { "AA", "AE", "AR", "CA", "CE", "CR" };

	return names[code];
}

/* Text of our own as a value: separators escaped, line ends as spaces. */
static void
put_text(const struct header *h, struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i], code = c == h->field	       ? 'F'
					: c == h->component    ? 'S'
					: c == h->repetition   ? 'R'
					: c == h->escape       ? 'E'
					: c == h->subcomponent ? 'T'
							       : 0;

		if (c == '\r' || c == '\n' || c == 0) {
			buf_put_byte(out, ' ');
		} else if (!code) {
			buf_put_byte(out, c);
		} else if (h->escape) {
			buf_put_byte(out, h->escape);
			buf_put_byte(out, code);
			buf_put_byte(out, h->escape);
		}
	}
}

static void
put_field(const struct header *h, struct str raw, struct buf *out)
{
	buf_put_byte(out, h->field);
	buf_put_str(out, raw);
}

/* "2.5.1" is at least 2.5? An absent version is an old one. */
static bool
is_version(const struct header *h, char minor)
{
	struct str v = h->version;
	ptrdiff_t end = str_find(v, h->component);

	if (end >= 0)
		v.len = (size_t)end;
	return v.len >= 3 && v.p[0] == '2' && v.p[1] == '.' && v.p[2] >= minor && v.p[2] <= '9';
}

static void
put_header(const struct header *h, const struct ack *ack, struct buf *out)
{
	char time[INSTANT_TEXT];

	instant_format(ack->time, time);
	buf_puts(out, "MSH");
	put_field(h, h->encoding, out);
	put_field(h, h->to_app, out);
	put_field(h, h->to_facility, out);
	put_field(h, h->app, out);
	put_field(h, h->facility, out);
	buf_put_byte(out, h->field);
	/* 2026-11-22T16:37:00 as 20261122163700+0000. */
	for (size_t i = 0; i < 19; i++)
		if (time[i] >= '0' && time[i] <= '9')
			buf_put_byte(out, time[i]);
	buf_puts(out, "+0000");
	buf_put_byte(out, h->field);
	put_field(h, STR("ACK"), out);
	if (h->event.len && is_version(h, '2')) {
		buf_put_byte(out, h->component);
		buf_put_str(out, h->event);
	}
	if (h->event.len && h->component &&
	    (is_version(h, '4') || str_starts(h->version, STR("2.3.1")))) {
		buf_put_byte(out, h->component);
		buf_puts(out, "ACK");
	}
	buf_put_byte(out, h->field);
	put_text(h, ack->control_id, out);
	put_field(h, h->processing.len ? h->processing : STR("P"), out);
	put_field(h, h->version.len ? h->version : STR("2.5"), out);
	if (h->charset.len) {
		for (int i = 0; i < 5; i++)
			buf_put_byte(out, h->field);
		put_field(h, h->charset, out);
	}
	buf_put_byte(out, '\r');
}

static void
put_msa(const struct header *h, const struct ack *ack, struct buf *out)
{
	buf_puts(out, "MSA");
	put_field(h, str_from(ack_code_name(ack->code)), out);
	put_field(h, h->control_id, out);
	/* MSA-3 was for texts until 2.4, and is there for compatibility until 2.6. */
	if (ack->text.len && !is_version(h, '7')) {
		buf_put_byte(out, h->field);
		put_text(h, ack->text, out);
	} else if (ack->has_expected) {
		buf_put_byte(out, h->field);
	}
	if (ack->has_expected) {
		buf_put_byte(out, h->field);
		buf_put_i64(out, ack->expected);
	}
	buf_put_byte(out, '\r');
}

static const char *
problem_name(uint32_t code)
{
	switch (code) {
	case 0:
		return "Message accepted";
	case 100:
		return "Segment sequence error";
	case 101:
		return "Required field missing";
	case 102:
		return "Data type error";
	case 103:
		return "Table value not found";
	case 200:
		return "Unsupported message type";
	case 201:
		return "Unsupported event code";
	case 202:
		return "Unsupported processing id";
	case 203:
		return "Unsupported version id";
	case 204:
		return "Unknown key identifier";
	case 205:
		return "Duplicate key identifier";
	case 206:
		return "Application record locked";
	default:
		return "Application internal error";
	}
}

static void
put_number(const struct header *h, uint32_t n, struct buf *out)
{
	buf_put_byte(out, h->component);
	if (n)
		buf_put_u64(out, n);
}

/* ERR-1 before 2.5: segment, sequence, field, and the code with its text. */
static void
put_old_problem(const struct header *h, const struct ack_problem *p, struct buf *out)
{
	buf_put_byte(out, h->field);
	buf_put_str(out, p->segment);
	put_number(h, p->segment.len ? p->sequence : 0, out);
	put_number(h, p->field, out);
	buf_put_byte(out, h->component);
	/* The code is a coded element, its parts subcomponents here. */
	buf_put_u64(out, p->code);
	if (h->subcomponent) {
		buf_put_byte(out, h->subcomponent);
		put_text(h, str_from(problem_name(p->code)), out);
		buf_put_byte(out, h->subcomponent);
		buf_puts(out, "HL70357");
	}
}

/* ERR-2 location, ERR-3 code, ERR-4 severity, ERR-8 text for people. */
static void
put_problem(const struct header *h, const struct ack_problem *p, struct buf *out)
{
	buf_put_byte(out, h->field);
	buf_put_byte(out, h->field);
	if (p->segment.len) {
		buf_put_str(out, p->segment);
		put_number(h, p->sequence, out);
		if (p->field)
			put_number(h, p->field, out);
		if (p->field && (p->repetition || p->component))
			put_number(h, p->repetition ? p->repetition : 1, out);
		if (p->field && p->component)
			put_number(h, p->component, out);
	}
	buf_put_byte(out, h->field);
	buf_put_u64(out, p->code);
	buf_put_byte(out, h->component);
	put_text(h, str_from(problem_name(p->code)), out);
	buf_put_byte(out, h->component);
	buf_puts(out, "HL70357");
	put_field(h,
	    p->severity <= SEVERITY_ERROR     ? STR("E")
	    : p->severity == SEVERITY_WARNING ? STR("W")
					      : STR("I"),
	    out);
	for (int i = 0; i < 3; i++)
		buf_put_byte(out, h->field);
	buf_put_byte(out, h->field);
	put_text(h, p->text, out);
}

static void
put_ack(const struct header *h, const struct ack *ack, struct buf *out)
{
	bool old = !is_version(h, '5');

	put_header(h, ack, out);
	put_msa(h, ack, out);
	for (uint32_t i = 0; i < ack->problem_count; i++) {
		buf_puts(out, "ERR");
		if (old)
			put_old_problem(h, &ack->problems[i], out);
		else
			put_problem(h, &ack->problems[i], out);
		buf_put_byte(out, '\r');
	}
}

static struct str
header_field(const struct er7_message *m, uint32_t n)
{
	return er7_raw(m, er7_field_node(m, m->segments, n));
}

void
ack_write(const struct er7_message *m, const struct ack *ack, struct buf *out)
{
	struct header h = { m->field, m->component, m->repetition, m->escape, m->subcomponent,
		.encoding = header_field(m, 2), .app = header_field(m, 3),
		.facility = header_field(m, 4), .to_app = header_field(m, 5),
		.to_facility = header_field(m, 6), .event = er7_value(m, m->segments, 9, 1, 2, 1),
		.control_id = header_field(m, 10), .processing = header_field(m, 11),
		.version = header_field(m, 12) };

	/* What we write is UTF-8; say so when the original says what it is in. */
	if (header_field(m, 18).len)
		h.charset = STR("UNICODE UTF-8");
	put_ack(&h, ack, out);
}

void
ack_write_unread(struct str bytes, const struct ack *ack, struct buf *out)
{
	struct header h = { '|', '^', '~', '\\', '&', .encoding = STR("^~\\&") };
	struct er7_options o = { .default_charset = STR("8859/1") };
	struct er7_message m;
	struct findings f;
	struct arena a;
	size_t end = 0;

	/* The MSH alone may be sound: read no more than it. */
	while (end < bytes.len && end < 4096 && bytes.p[end] != '\r' && bytes.p[end] != '\n')
		end++;
	arena_init(&a, 1 << 20, ARENA_WIPE);
	findings_init(&f, &a, 8);
	if (er7_read(str_of(bytes.p, end), &o, &a, &m, &f) == 0 && m.segment_count && m.component)
		ack_write(&m, ack, out);
	else
		put_ack(&h, ack, out);
	arena_release(&a);
}

/* Read a number at *at, and step behind it. */
static uint32_t
take_number(struct str s, size_t *at)
{
	uint32_t n = 0;

	while (*at < s.len && s.p[*at] >= '0' && s.p[*at] <= '9' && n < 100000)
		n = n * 10 + (uint32_t)(s.p[(*at)++] - '0');
	return n;
}

static uint32_t
take_index(struct str s, size_t *at)
{
	uint32_t n;

	if (*at >= s.len || s.p[*at] != '[')
		return 0;
	++*at;
	n = take_number(s, at);
	if (*at < s.len)
		++*at;
	return n;
}

static uint32_t
problem_code(const char *code, const struct finding *f)
{
	if (strcmp(code, "structure") == 0)
		return 100;
	if (strcmp(code, "required") == 0)
		return 101;
	if (strcmp(code, "value") == 0)
		return 102;
	if (strcmp(code, "code-invalid") == 0)
		return 103;
	if (strcmp(code, "not-supported") == 0)
		return str_starts(f->path, STR("MSH-9")) ? 200 : 100;
	if (strcmp(code, "duplicate") == 0)
		return 205;
	return 207;
}

struct ack_problem
ack_problem_of(const struct finding *f)
{
	struct ack_problem p = {
		.severity = f->severity, .text = f->text, .code = problem_code(f->code, f)
	};
	size_t at = 3;

	if (f->path.len < 3)
		return p;
	for (size_t i = 0; i < 3; i++)
		if (!((f->path.p[i] >= 'A' && f->path.p[i] <= 'Z') ||
			(f->path.p[i] >= '0' && f->path.p[i] <= '9')))
			return p;
	p.segment = str_of(f->path.p, 3);
	p.sequence = take_index(f->path, &at);
	if (!p.sequence)
		p.sequence = 1;
	if (at >= f->path.len || f->path.p[at] != '-')
		return p;
	at++;
	p.field = take_number(f->path, &at);
	p.repetition = take_index(f->path, &at);
	if (at < f->path.len && f->path.p[at] == '.') {
		at++;
		p.component = take_number(f->path, &at);
	}
	return p;
}
