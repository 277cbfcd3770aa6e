#include "mappers/fhir/fhir_writer.h"

#include "base/arena.h"

void
fhir_writer_init(struct fhir_writer *w, enum fhir_format format, bool pretty, const struct pack *p)
{
	w->format = format;
	w->pretty = pretty;
	w->begun = w->last = w->waiting = false;
	w->indent = 0;
	w->r = NULL;
	w->pack = p;
	w->types = p->types;
	w->elements = p->elements;
	w->names = p->text;
	w->out = NULL;
	w->enough = SIZE_MAX;
	w->splicer = NULL;
	w->levels = w->some;
	w->depth = 0;
	w->room = FHIR_WRITER_LEVELS;
}

void
fhir_writer_release(struct fhir_writer *w)
{
	if (w->levels != w->some)
		free(w->levels);
	w->levels = w->some;
	w->depth = 0;
	w->room = FHIR_WRITER_LEVELS;
}

void
fhir_writer_grow(struct fhir_writer *w)
{
	unsigned room = w->room * 2;
	struct fhir_level *levels = xmalloc(room * sizeof(*levels));

	memcpy(levels, w->levels, w->depth * sizeof(*levels));
	if (w->levels != w->some)
		free(w->levels);
	w->levels = levels;
	w->room = room;
}

static void
use_record(struct fhir_writer *w, const struct record *r)
{
	w->r = r;
	w->nodes = r->nodes;
	w->values = (const char *)&r->nodes[r->node_count];
}

void
fhir_writer_begin(struct fhir_writer *w, const struct record *r, struct buf *out)
{
	use_record(w, r);
	w->out = out;
	w->last = true;
}

/* Go on with the record's children in the root, and with the first of them in
 * the list that is open there. */
static void
go_on(struct fhir_writer *w)
{
	const struct record_node *nodes = w->nodes;
	struct fhir_level *root = &w->levels[0], *list = &w->levels[1];

	root->at = 1;
	root->end = nodes[0].end;
	if (w->depth < 2)
		return;
	list->at = list->end = 0;
	if (root->at == root->end || nodes[1].element != list->node)
		return;
	list->at = 1;
	while (root->at < root->end && nodes[root->at].element == list->node)
		root->at = nodes[root->at].end;
	list->end = root->at;
}

void
fhir_writer_add(struct fhir_writer *w, const struct record *r, bool last)
{
	bool first = !w->r;

	use_record(w, r);
	w->last = last;
	w->waiting = false;
	if (!first)
		go_on(w);
}

bool
fhir_writer_put(struct fhir_writer *w, size_t enough, struct buf *out)
{
	bool is_xml = w->format == FHIR_FORMAT_XML;

	w->out = out;
	w->enough = enough;
	if (!w->begun)
		(is_xml ? fhir_xml_writer_open : fhir_json_writer_open)(w);
	w->begun = true;
	(is_xml ? fhir_xml_writer_run : fhir_json_writer_run)(w);
	if (out->full || (w->depth && !w->waiting))
		return false;
	if (w->pretty && !w->depth)
		buf_put_byte(out, '\n');
	return !out->full;
}

void
fhir_writer_reserve(struct buf *out, const struct record *r, uint32_t i, size_t names)
{
	uint32_t nodes = r->nodes[i].end - i;
	size_t guess = (size_t)(nodes + 8) * names +
		       (size_t)((uint64_t)r->text_len * nodes / r->node_count);

	if (!out->sink && out->len <= out->limit && guess <= out->limit - out->len)
		buf_reserve(out, guess);
}
