#include "gateway/fhir/bundle_source.h"

#include "base/error.h"
#include "gateway/fhir/call.h"
#include "gateway/fhir/part.h"

enum {
	ENTRY_MOST = 128 << 20, /* memory of one resource while it is put */
};

static bool
is_empty(const struct bundle_source *s)
{
	return s->next == s->page.count && !s->warnings.len;
}

static void
describe_version(struct bundle_entry *e, const struct store_version *v, struct str type)
{
	static const char *const methods[] = {
		[STORE_CREATE] = "POST",
		[STORE_UPDATE] = "PUT",
		[STORE_DELETE] = "DELETE",
	};

	e->method = methods[v->deleted ? STORE_DELETE : v->verb];
	if (v->verb == STORE_CREATE)
		e->request_url = type;
	e->status = v->deleted ? 204 : v->version == 1 ? 201 : 200;
	e->version = v->version;
	e->updated = v->updated;
}

/* a: for this entry alone. */
static int
put_version(struct bundle_source *s, const struct store_version *v, struct store_reader *r,
    struct part_cutter *cutter, struct arena *a, struct bundle_writer *w, struct error *err)
{
	const struct pack *p = s->service->pack;
	struct fhir_call c = { .arena = a };
	struct str body = STR(""), local = call_local_url(&c, p, v->type, v->id, 0);
	struct bundle_entry e = {
		.full_url = str_printf(a, "%.*s/%.*s", STR_ARG(s->service->base), STR_ARG(local)),
		.request_url = local,
	};
	bool included = s->next > s->page.count - s->includes;

	cutter->subset = included ? &s->included : &s->subset;
	if (!v->deleted && store_read_body(r, v, a, &body, err) != 0)
		return -1;
	e.resource = v->deleted ? body : part_cut(cutter, body, err);
	if (!e.resource.p)
		return -1;
	if (s->history)
		describe_version(&e, v, call_type_name(p, v->type));
	else
		e.search_mode = included ? "include" : "match";
	bundle_put(w, &e);
	return 0;
}

/* Put the next entries on w, until there are no more or w->out has enough; at
 * least one. */
static int
put_entries(
    struct bundle_source *s, struct store_reader *r, struct bundle_writer *w, struct error *err)
{
	struct part_cutter cutter;
	struct arena a;
	int rc = 0;

	if (store_reader_hold(r, err) != 0)
		return -1;
	arena_init(&a, ENTRY_MOST, ARENA_WIPE);
	part_cutter_init(&cutter, s->service, &s->subset);
	do {
		if (s->next == s->page.count)
			break;
		arena_reset(&a);
		rc = put_version(s, &s->page.at[s->next++], r, &cutter, &a, w, err);
	} while (rc == 0 && w->out->len < ANSWER_PART);
	part_cutter_release(&cutter);
	arena_release(&a);
	store_reader_let_go(r);
	if (rc == 0 && s->warnings.len && s->next == s->page.count && w->out->len < ANSWER_PART) {
		bundle_put(w, &(struct bundle_entry){
				  .resource = s->warnings,
				  .search_mode = "outcome",
			      });
		s->warnings = STR("");
	}
	return rc;
}

static int
next_part(struct answer_source *source, struct store_reader *r, bool apart, struct buf *room,
    struct str *part, struct error *err)
{
	struct bundle_source *s = (struct bundle_source *)source;
	struct bundle_writer w = { .out = room, .entries = apart ? 0 : s->entries };

	if (!s->begun)
		buf_put_str(room, s->head);
	else if (apart)
		buf_puts(room, "{\"resourceType\":\"Bundle\"");
	s->begun = true;
	if (put_entries(s, r, &w, err) != 0)
		return -1;
	s->entries = w.entries;
	source->ended = is_empty(s);
	if (apart || source->ended)
		bundle_end(&w);
	*part = buf_str(room);
	return room->full
		   ? error_set(err, ERROR_LIMIT, "the page is too large; ask for fewer with _count")
		   : 0;
}

/* What is given out, for the audit entry. */
static int
note_found(const struct bundle_source *s, struct fhir_call *c)
{
	const struct store_page *page = &s->page;
	struct str *found = arena_calloc(c->arena, (size_t)page->count + 1, sizeof(*found));

	if (!found)
		return -1;
	c->found = found;
	for (uint32_t i = 0; i < page->count; i++) {
		const struct store_version *v = &page->at[i];

		found[i] = call_local_url(c, s->service->pack, v->type, v->id, v->version);
		if (!found[i].p)
			return -1;
		c->found_count++;
	}
	return 0;
}

static int
fail_too_large(struct fhir_call *c)
{
	return call_fail(
	    c, 413, "too-costly", STR(""), "the page is too large; ask for fewer with _count");
}

/* All of it, for an entry of a Bundle. */
static void
answer_whole(struct bundle_source *s, struct fhir_call *c, struct store_reader *r)
{
	struct buf all, room;
	struct str part;
	struct error err;
	int rc = 0;

	buf_init(&all, s->service->max_answer);
	buf_init(&room, s->service->max_answer);
	all.wipe = room.wipe = true;
	while (rc == 0 && !s->source.ended && !all.full) {
		buf_clear(&room);
		rc = next_part(&s->source, r, false, &room, &part, &err);
		if (rc == 0)
			buf_put_str(&all, part);
	}
	c->body = all.full || rc != 0 ? (struct str){ NULL, 0 } : str_dup(c->arena, buf_str(&all));
	if (rc != 0)
		call_fail_error(c, &err);
	else if (c->body.p)
		c->status = 200;
	else
		fail_too_large(c);
	buf_release(&all);
	buf_release(&room);
}

void
bundle_source_answer(struct bundle_source *s, struct fhir_call *c, struct store_reader *r,
    const struct bundle_head *head)
{
	struct bundle_writer w;
	struct buf out;

	buf_init(&out, s->service->max_answer);
	bundle_begin(&w, &out, head);
	s->head = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	if (!s->head.p || note_found(s, c) != 0) {
		fail_too_large(c);
		return;
	}
	s->source.next = next_part;
	if (!c->may_stream) {
		answer_whole(s, c, r);
		return;
	}
	c->source = &s->source;
	c->status = 200;
}
