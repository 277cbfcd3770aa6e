/*
 * fhir_xml_reader.h - the inside of the FHIR XML reader: what its files share.
 * One xml_reader lives on the stack of fhir_xml_read().
 */
#ifndef MAPPERS_FHIR_FHIR_XML_READER_H
#define MAPPERS_FHIR_FHIR_XML_READER_H

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/buf.h"
#include "mappers/fhir/fhir_reader.h"

/* An element that is open. */
struct xml_frame {
	struct frame f;
	struct xml_frame *below; /* kept for the next element of that depth */
	const xmlChar *newest;	 /* name of the newest child, libxml2's own copy */
	uint32_t previous;	 /* the element of that child */
	uint32_t repeats;	 /* its index among its repetitions */
	/* An attribute whose place is behind elements (Extension.url). */
	uint32_t pending, pending_text, pending_len;
	bool text_told; /* text where none belongs */
	bool primitive;
	bool holder; /* holds a resource: its one child is that */
	bool any;    /* had attributes or children, right or wrong */
};

/* The div that is being read. */
struct xml_div {
	unsigned depth; /* of open elements in it, from 1; 0: none is read */
	const char *start;
	bool anew;	/* it is written anew, into: */
	struct buf out; /* only then in use */
	bool open;	/* the newest start tag lacks its '>' */
};

struct xml_reader {
	struct reader r;
	xmlParserCtxtPtr ctxt;
	const xmlChar *fhir, *xhtml; /* libxml2's copies of the namespaces' names */
	struct xml_frame *top, *first;
	unsigned skipped; /* depth of open elements that are not kept */
	unsigned levels;  /* open elements in all */
	struct xml_div div;
};

/*
 * A copy of the input in UTF-8 with a NUL behind it, without BOM; *len its
 * length. charset: that came with it, or empty. NULL: refused, and told.
 * xml_text_free() wipes it.
 */
char *xml_text(struct reader *r, struct str in, struct str charset, size_t *len);
void xml_text_free(char *text, size_t len);

/* What an error of libxml2 is, without anything of the text. */
const char *xml_fault(int code);

/* Narrative: an element, its end, text in it. */
void xml_div_start(struct xml_reader *x, const xmlChar *name, const xmlChar *uri, int attributes,
    const xmlChar **values);
/* Returns true when that was the div's own end. */
bool xml_div_end(struct xml_reader *x, const xmlChar *name);
void xml_div_text(struct xml_reader *x, const xmlChar *text, int len);

#endif
