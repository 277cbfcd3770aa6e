/*
 * The narrative's <div> inside XML. Where it declares XHTML as its default
 * namespace, its value is the text as it stands; else (a prefix, or a
 * declaration further out) it is written anew, so that it can stand alone.
 */
#include "mappers/fhir/fhir_xml_reader.h"
#include "profiles/narrative.h"

/* Text or an attribute's value, with references. */
static void
put_escaped(struct buf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (p[i]) {
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		case '\r':
			buf_puts(out, "&#13;");
			break;
		default:
			buf_put_byte(out, p[i]);
		}
	}
}

static void
close_tag(struct xml_div *d)
{
	if (d->open)
		buf_put_byte(&d->out, '>');
	d->open = false;
}

void
xml_div_start(struct xml_reader *x, const xmlChar *name, const xmlChar *uri, int attributes,
    const xmlChar **values)
{
	struct xml_div *d = &x->div;

	d->depth++;
	if (!d->anew)
		return;
	close_tag(d);
	buf_put_byte(&d->out, '<');
	buf_puts(&d->out, (const char *)name);
	if (d->depth == 1)
		buf_puts(&d->out, " xmlns=\"" XHTML_NAMESPACE "\"");
	else if (!uri || strcmp((const char *)uri, XHTML_NAMESPACE) != 0)
		buf_puts(&d->out, " xmlns=\"\""); /* which the check refuses */
	for (int i = 0; i < attributes; i++, values += 5) {
		buf_put_byte(&d->out, ' ');
		if (values[1]) {
			buf_puts(&d->out, (const char *)values[1]);
			buf_put_byte(&d->out, ':');
		}
		buf_puts(&d->out, (const char *)values[0]);
		buf_puts(&d->out, "=\"");
		put_escaped(&d->out, (const char *)values[3], (size_t)(values[4] - values[3]));
		buf_put_byte(&d->out, '"');
	}
	d->open = true;
}

bool
xml_div_end(struct xml_reader *x, const xmlChar *name)
{
	struct xml_div *d = &x->div;

	if (d->anew && d->open) {
		buf_puts(&d->out, "/>");
		d->open = false;
	} else if (d->anew) {
		buf_puts(&d->out, "</");
		buf_puts(&d->out, (const char *)name);
		buf_put_byte(&d->out, '>');
	}
	return --d->depth == 0;
}

void
xml_div_text(struct xml_reader *x, const xmlChar *text, int len)
{
	if (!x->div.anew)
		return;
	close_tag(&x->div);
	put_escaped(&x->div.out, (const char *)text, (size_t)len);
}
