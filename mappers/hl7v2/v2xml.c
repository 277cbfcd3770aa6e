#include "mappers/hl7v2/v2xml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/finding.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/er7_write.h"

enum {
	GROUPS_MOST = 32,      /* in each other */
	VALUE_MOST = 64 << 20, /* bytes of one value */
	POSITION_MOST = 10000,
};

enum level {
	OUTSIDE,
	GROUP, /* or the message itself */
	SEGMENT,
	FIELD,
	COMPONENT,
	SUBCOMPONENT,
};

struct xml {
	xmlParserCtxt *ctxt;
	struct findings *findings;
	struct er7_writer w;
	struct buf out;
	struct buf value; /* escaped, of the element that is open */
	unsigned groups;
	enum level level;
	uint32_t at[SUBCOMPONENT + 1]; /* positions of the open elements */
	uint32_t repetition, last_field;
	char segment[4];
	unsigned escapes; /* open <escape> elements */
	bool solid;	  /* the value is more than white space */
	bool has_message, failed;
};

static void
fail(struct xml *x, const char *code, const char *text)
{
	if (!x->failed)
		findings_add(x->findings, SEVERITY_FATAL, code, STR(""),
		    (uint32_t)xmlSAX2GetLineNumber(x->ctxt), 1, "%s", text);
	x->failed = true;
	xmlStopParser(x->ctxt);
}

/* "PID" of "PID", or of "PID.3". */
static bool
is_segment_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!((name.p[i] >= 'A' && name.p[i] <= 'Z') ||
			(i > 0 && name.p[i] >= '0' && name.p[i] <= '9')))
			return false;
	return name.len == 3;
}

/* 3 of "PID.3" or "CX.3"; 0 when it has no number. */
static uint32_t
position_of(struct str name)
{
	ptrdiff_t dot = str_find(name, '.');
	int64_t n;

	if (dot <= 0 || !str_to_int(str_from_index(name, (size_t)dot + 1), &n) || n < 1 ||
	    n > POSITION_MOST)
		return 0;
	return (uint32_t)n;
}

static void
flush_value(struct xml *x)
{
	uint32_t field = x->at[FIELD];
	uint32_t component = x->level >= COMPONENT ? x->at[COMPONENT] : 1;
	uint32_t sub = x->level >= SUBCOMPONENT ? x->at[SUBCOMPONENT] : 1;
	struct str v = buf_str(&x->value);
	bool header = strcmp(x->segment, "MSH") == 0;

	/* What comes out is UTF-8, whatever the XML was in. */
	if (header && field == 18)
		v = x->repetition == 1 ? STR("UNICODE UTF-8") : STR("");
	/* White space between elements is none of ours. */
	if (x->solid && !(header && field <= 2) &&
	    er7_put_raw(&x->w, field, x->repetition, component, sub, v) != 0)
		fail(x, "structure",
		    "an element stands behind one that must follow it: fields, components and "
		    "subcomponents come in the order of their numbers");
	x->solid = false;
	buf_clear(&x->value);
}

static void
open_segment(struct xml *x, struct str name)
{
	memcpy(x->segment, name.p, 3);
	if (!x->has_message && strcmp(x->segment, "MSH") != 0) {
		fail(x, "structure", "the first segment must be MSH");
		return;
	}
	x->has_message = true;
	x->last_field = 0;
	x->level = SEGMENT;
	er7_put_segment(&x->w, x->segment);
}

static void
open_field(struct xml *x, struct str name)
{
	uint32_t n = position_of(name);

	if (!n || !str_starts(name, str_of(x->segment, 3)) || name.p[3] != '.') {
		fail(x, "structure",
		    "an element in a segment must be one of its fields, as in PID.3 in PID");
		return;
	}
	x->repetition = n == x->last_field ? x->repetition + 1 : 1;
	x->last_field = n;
	x->at[FIELD] = n;
	x->level = FIELD;
}

static void
open_part(struct xml *x, struct str name)
{
	uint32_t n = position_of(name);

	flush_value(x);
	if (x->level == SUBCOMPONENT || !n) {
		fail(x, "structure",
		    n ? "elements are nested deeper than subcomponents"
		      : "an element in a field must have its number, as in CX.1");
		return;
	}
	x->level++;
	x->at[x->level] = n;
}

static void
put_escape(struct xml *x, int count, const xmlChar **attributes)
{
	x->escapes++;
	for (int i = 0; i < count; i++) {
		const xmlChar **a = &attributes[5 * i];
		struct str v = str_of((const char *)a[3], (size_t)(a[4] - a[3]));

		if (strcmp((const char *)a[0], "V") != 0 || x->level < FIELD)
			continue;
		for (size_t k = 0; k < v.len; k++)
			if (v.p[k] == x->w.escape || (unsigned char)v.p[k] < ' ')
				return;
		x->solid = true;
		buf_put_byte(&x->value, x->w.escape);
		buf_put_str(&x->value, v);
		buf_put_byte(&x->value, x->w.escape);
	}
}

static void
on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
    int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted,
    const xmlChar **attributes)
{
	struct xml *x = ctx;
	struct str name = str_from((const char *)local);

	(void)prefix;
	(void)uri;
	(void)namespace_count;
	(void)namespaces;
	(void)defaulted;
	if (x->failed)
		return;
	if (x->level >= FIELD && str_is(name, "escape")) {
		put_escape(x, attribute_count, attributes);
		return;
	}
	switch (x->level) {
	case OUTSIDE:
		x->level = GROUP;
		x->groups = 1;
		break;
	case GROUP:
		if (is_segment_name(name))
			open_segment(x, name);
		else if (++x->groups > GROUPS_MOST)
			fail(x, "too-costly", "groups are nested too deep");
		break;
	case SEGMENT:
		open_field(x, name);
		break;
	default:
		open_part(x, name);
		break;
	}
}

static void
on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml *x = ctx;

	(void)local;
	(void)prefix;
	(void)uri;
	if (x->failed)
		return;
	if (x->escapes) {
		x->escapes--;
		return;
	}
	if (x->level >= FIELD)
		flush_value(x);
	if (x->level == GROUP) {
		if (--x->groups == 0)
			x->level = OUTSIDE;
	} else if (x->level > GROUP) {
		x->level--;
	}
}

static void
on_text(void *ctx, const xmlChar *text, int len)
{
	struct xml *x = ctx;
	struct str s = str_of((const char *)text, (size_t)len);

	if (x->failed || x->escapes)
		return;
	if (x->level < FIELD) {
		if (str_trim(s).len)
			fail(x, "structure", "a text stands outside of a field");
		return;
	}
	x->solid |= str_trim(s).len > 0;
	er7_put_escaped(&x->w, s, &x->value);
	if (x->value.full || x->out.full)
		fail(x, "too-costly", "the message is too large");
}

static void
on_doctype(void *ctx, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
	(void)name;
	(void)id;
	(void)system;
	fail(ctx, "security", "a DOCTYPE is not allowed in a message");
}

static void
on_error(void *ctx, xmlError *error)
{
	struct xml *x = ctx;

	if (x->failed || error->level < XML_ERR_ERROR)
		return;
	/* Its text may quote the message. */
	findings_add(x->findings, SEVERITY_FATAL, "structure", STR(""),
	    error->line > 0 ? (uint32_t)error->line : 0, error->line > 0 ? 1 : 0,
	    "not well-formed XML (libxml2's error %d)", error->code);
	x->failed = true;
	xmlStopParser(x->ctxt);
}

static const xmlSAXHandler handler = {
	.initialized = XML_SAX2_MAGIC,
	.internalSubset = on_doctype,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
	.serror = on_error,
};

/* What libxml2 says outside of a parser quotes the bytes it could not read. */
static void
hush(void *ctx, const char *format, ...)
{
	(void)ctx;
	(void)format;
}

static void
parse(struct xml *x, struct str text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, xmlInitParser);
	xmlSetGenericErrorFunc(NULL, hush); /* of this thread */
	x->ctxt = xmlCreateMemoryParserCtxt(text.p, (int)text.len);
	if (!x->ctxt) {
		findings_add(x->findings, SEVERITY_FATAL, "too-costly", STR(""), 0, 0,
		    "no memory for the parser");
		x->failed = true;
		return;
	}
	*x->ctxt->sax = handler;
	x->ctxt->userData = x;
	xmlCtxtUseOptions(x->ctxt, XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOENT);
	xmlParseDocument(x->ctxt);
	if (!x->ctxt->wellFormed && !x->failed)
		fail(x, "structure", "not well-formed XML");
	xmlFreeParserCtxt(x->ctxt);
	x->ctxt = NULL;
}

bool
v2xml_is(struct str text)
{
	size_t at = str_starts(text, STR("\xef\xbb\xbf")) ? 3 : 0;

	while (at < text.len && (text.p[at] == ' ' || text.p[at] == '\t' || text.p[at] == '\r' ||
				    text.p[at] == '\n' || text.p[at] == '\v'))
		at++;
	return at < text.len && text.p[at] == '<';
}

/* ---- Acknowledgements ----------------------------------------------------- */

/* Data types of the fields that have components (HL7 v2.5, 2.15). */
static const struct {
	char segment[4];
	uint32_t field;
	const char *type;
} types[] = {
	{ "MSH", 3, "HD" },
	{ "MSH", 4, "HD" },
	{ "MSH", 5, "HD" },
	{ "MSH", 6, "HD" },
	{ "MSH", 7, "TS" },
	{ "MSH", 9, "MSG" },
	{ "MSH", 11, "PT" },
	{ "MSH", 12, "VID" },
	{ "ERR", 1, "ELD" },
	{ "ERR", 2, "ERL" },
	{ "ERR", 3, "CWE" },
};

static const char *
type_of(const char *segment, uint32_t field)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].segment, segment) == 0 && types[i].field == field)
			return types[i].type;
	return NULL;
}

static void
put_text(const struct er7_message *m, uint32_t node, struct arena *a, struct buf *out)
{
	struct str s = er7_text(m, node, a);

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else
			buf_put_byte(out, c);
	}
}

static void
put_field(const struct er7_message *m, const struct er7_segment *s, uint32_t field, struct arena *a,
    struct buf *out)
{
	const char *type = type_of(s->id, field);
	uint32_t node = er7_field_node(m, s, field);

	if (node == ER7_NONE)
		return;
	buf_printf(out, "<%s.%u>", s->id, field);
	for (uint32_t c = 1; type && c <= 6; c++) {
		uint32_t part = er7_part(m, node, ER7_COMPONENT, c);

		if (part == ER7_NONE)
			continue;
		buf_printf(out, "<%s.%u>", type, c);
		put_text(m, er7_leaf(m, part), a, out);
		buf_printf(out, "</%s.%u>", type, c);
	}
	if (!type && field == 2 && strcmp(s->id, "MSH") == 0)
		buf_puts(out, "^~\\&amp;"); /* text has no separators here */
	else if (!type)
		put_text(m, node, a, out);
	buf_printf(out, "</%s.%u>", s->id, field);
}

void
v2xml_put_ack(struct str ack, struct buf *out)
{
	struct er7_message m;
	struct findings f;
	struct arena a;

	arena_init(&a, 64u << 20, ARENA_WIPE);
	findings_init(&f, &a, 1);
	if (er7_read(ack, NULL, &a, &m, &f) == 0) {
		buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			      "<ACK xmlns=\"urn:hl7-org:v2xml\">");
		for (uint32_t i = 0; i < m.segment_count; i++) {
			buf_printf(out, "<%s>", m.segments[i].id);
			for (uint32_t n = 1; n <= m.segments[i].fields; n++)
				put_field(&m, &m.segments[i], n, &a, out);
			buf_printf(out, "</%s>", m.segments[i].id);
		}
		buf_puts(out, "</ACK>\n");
	}
	arena_release(&a);
}

int
v2xml_to_er7(
    struct str text, size_t max_bytes, struct arena *a, struct str *out, struct findings *findings)
{
	struct xml x = { .findings = findings };
	size_t most = max_bytes ? max_bytes : 64u << 20;
	int rc = -1;

	while (text.len && (text.p[0] == '\v' || text.p[0] == '\r' || text.p[0] == '\n' ||
			       text.p[0] == ' ' || text.p[0] == '\t'))
		text = str_from_index(text, 1);
	if (text.len > most || text.len > INT32_MAX) {
		findings_add(findings, SEVERITY_FATAL, "too-long", STR(""), 0, 0,
		    "the message is larger than is allowed");
		return -1;
	}
	buf_init(&x.out, most);
	buf_init(&x.value, VALUE_MOST);
	x.out.wipe = x.value.wipe = true;
	er7_writer_init(&x.w, STR(""), &x.out);
	parse(&x, text);
	er7_writer_end(&x.w);
	if (!x.failed && !x.has_message)
		findings_add(findings, SEVERITY_FATAL, "structure", STR("MSH"), 1, 1,
		    "there is no MSH segment: this is no HL7 v2 message in XML");
	else if (!x.failed && x.out.full)
		findings_add(findings, SEVERITY_FATAL, "too-costly", STR(""), 0, 0,
		    "the message is too large");
	else if (!x.failed)
		rc = 0;
	if (rc == 0) {
		*out = str_dup(a, buf_str(&x.out));
		rc = out->p ? 0 : -1;
		if (rc != 0)
			findings_add(findings, SEVERITY_FATAL, "too-costly", STR(""), 0, 0,
			    "the message is too large");
	}
	buf_release(&x.out);
	buf_release(&x.value);
	return rc;
}
