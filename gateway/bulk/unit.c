#include "gateway/bulk/unit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/collection.h"
#include "gateway/fhir/patch.h"
#include "mappers/fhir/fhir_format.h"

enum {
	FINDINGS_MOST = 20, /* of one resource or Bundle */
	KEY_BYTES = 20,
};

void
unit_init(struct unit *u)
{
	*u = (struct unit){ .began = clock_monotonic() };
	arena_init(&u->arena, (size_t)16 << 30, ARENA_WIPE);
	buf_init(&u->piece.text, 0);
	u->piece.text.wipe = true;
	u->tail = &u->first;
}

void
unit_release(struct unit *u)
{
	buf_release(&u->piece.text);
	arena_release(&u->arena);
}

static bool
is_request_bundle(const struct fhir_service *s, const struct record *r)
{
	struct str type = record_value(r, s->pack, 0, STR("type"));

	return record_type(r, s->pack, 0) == s->bundle &&
	       (str_is(type, "transaction") || str_is(type, "batch"));
}

/*
 * What was imported is remembered in the transaction itself, by its bytes, so
 * that an import that was cut off goes on and does nothing twice.
 */
static void
set_keys(struct unit_part *p, struct str text, struct arena *a)
{
	uint8_t digest[SHA256_BYTES];

	sha256(text, digest);
	for (uint32_t i = 0; i < p->batch.write_count; i++) {
		struct store_write *w = &p->batch.writes[i];
		char *key = arena_alloc_bytes(a, KEY_BYTES + 1);

		if (!key)
			return;
		key[0] = 'i';
		memcpy(key + 1, digest, KEY_BYTES - 4);
		memcpy(key + KEY_BYTES - 3, &i, 4);
		w->dedup_key = str_of(key, KEY_BYTES + 1);
		w->dedup_for_good = true;
	}
}

static int
prepare_record(struct unit *u, struct unit_maker *m, struct unit_part *p, const struct record *r)
{
	int rc;

	if (is_request_bundle(m->fhir, r))
		rc = batch_init_bundle(
		    &p->batch, m->fhir, r, m->lenient, RETURN_MINIMAL, &u->arena, &p->findings);
	else
		rc = batch_init_collection(
		    &p->batch, m->fhir, r, m->lenient, &u->arena, &p->findings);
	for (uint32_t i = 0; rc == 0 && !m->commit && i < p->batch.count; i++)
		u->late |= patch_is(&p->batch.calls[i]);
	if (u->late && !m->commit)
		return -1;
	if (rc != 0 || batch_authorise(&p->batch, m->sender) != 0)
		return -1;
	if (m->commit && patch_calls(&p->batch, m->reader, &m->builder) != 0)
		return -1;
	return batch_prepare(&p->batch);
}

static int
commit_part(struct unit *u, struct unit_maker *m, struct unit_part *p, struct error *err)
{
	struct store_write **at;
	int rc;

	at = arena_calloc(&u->arena, p->batch.write_count + 1, sizeof(struct store_write *));
	if (!at)
		return error_set(err, ERROR_LIMIT, "there is not enough memory");
	for (uint32_t i = 0; i < p->batch.write_count; i++)
		at[i] = &p->batch.writes[i];
	rc = p->batch.write_count ? m->commit(m->commit_ctx, at, p->batch.write_count, err) : 0;
	u->write_count = 0; /* they are done */
	return rc;
}

static int
add_part(struct unit *u, struct unit_maker *m, struct str text, uint64_t line, struct error *err)
{
	struct fhir_read_options options = { .lenient = m->lenient, .type = PACK_NONE };
	struct unit_part *p = ARENA_NEW(&u->arena, struct unit_part);
	const struct record *r;

	if (!p) {
		error_set(
		    &u->error, ERROR_LIMIT, "%s: there is not enough memory for it", u->piece.file);
		u->unread = true;
		return 0;
	}
	*u->tail = p;
	u->tail = &p->next;
	p->line = line;
	findings_init(&p->findings, &u->arena, FINDINGS_MOST);
	r = fhir_read(u->piece.format, text, &options, &m->builder, &u->arena, &p->findings);
	if (!r || p->findings.errors || prepare_record(u, m, p, r) != 0) {
		p->batch.write_count = 0;
		return 0;
	}
	if (!m->again)
		set_keys(p, text, &u->arena);
	p->ready = true;
	u->op_count += p->batch.op_count;
	u->write_count += p->batch.write_count;
	return m->commit ? commit_part(u, m, p, err) : 0;
}

int
unit_prepare(struct unit *u, struct unit_maker *m, struct error *err)
{
	struct str rest = buf_str(&u->piece.text), line;
	uint64_t number = u->piece.line;
	int rc = 0;

	u->first = NULL;
	u->tail = &u->first;
	u->op_count = u->write_count = 0;
	if (!u->piece.lines)
		return add_part(u, m, rest, 1, err);
	for (; rc == 0 && str_split(&rest, '\n', &line); number++)
		if (str_trim(line).len)
			rc = add_part(u, m, line, number, err);
	if (rc == 0 && str_trim(rest).len)
		rc = add_part(u, m, rest, number, err);
	return rc;
}

void
unit_writes(struct unit *u, struct store_write **at)
{
	for (struct unit_part *p = u->first; p && u->write_count; p = p->next)
		for (uint32_t i = 0; p->ready && i < p->batch.write_count; i++)
			*at++ = &p->batch.writes[i];
}

static void
count_write(struct unit *u, const struct store_write *w)
{
	if (w->result != 0) {
		u->failed += w->count;
		return;
	}
	if (w->duplicate) {
		u->before += w->count;
		return;
	}
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->ops[i].verb == STORE_FIND)
			continue;
		if (w->ops[i].outcome == STORE_UNCHANGED)
			u->unchanged++;
		else
			u->written++;
	}
}

static void
finish_part(struct unit *u, struct unit_part *p)
{
	struct fhir_batch *b = &p->batch;
	bool duplicate = b->write_count && b->writes[0].result == 0 && b->writes[0].duplicate;

	if (!p->ready) {
		u->failed += b->count ? b->count : 1;
		u->refused = true;
		return;
	}
	for (uint32_t i = 0; i < b->write_count; i++)
		count_write(u, &b->writes[i]);
	if (b->kind == BATCH_INDEPENDENT || !duplicate)
		batch_answer_writes(b);
	for (uint32_t i = 0; i < b->count; i++)
		u->failed += call_failed(&b->calls[i]) && b->calls[i].op == PACK_NONE;
}

static void
list_resources(struct unit *u)
{
	size_t room = 0;

	for (struct unit_part *p = u->first; p; p = p->next)
		room += p->batch.count;
	u->resources = arena_calloc(&u->arena, room + 1, sizeof(*u->resources));
	if (!u->resources)
		return;
	for (struct unit_part *p = u->first; p; p = p->next)
		for (uint32_t i = 0; i < p->batch.count; i++)
			if (p->batch.calls[i].resource.len)
				u->resources[u->resource_count++] = p->batch.calls[i].resource;
}

void
unit_finish(struct unit *u)
{
	for (struct unit_part *p = u->first; p; p = p->next)
		finish_part(u, p);
	list_resources(u);
}

static bool
tell_findings(const struct unit *u, const struct unit_part *p, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next) {
		if (x->severity > SEVERITY_ERROR)
			continue;
		fprintf(stderr, "%s:%llu: %s: ", u->piece.file,
		    (unsigned long long)(p->line + (x->line ? x->line - 1 : 0)),
		    severity_name(x->severity));
		if (x->path.len)
			fprintf(stderr, "%.*s: ", STR_ARG(x->path));
		fprintf(stderr, "%.*s\n", STR_ARG(x->text));
	}
	return f->errors > 0;
}

bool
unit_tell(const struct unit *u)
{
	bool found = u->unread;

	if (u->unread)
		fprintf(stderr, "%s\n", u->error.text);
	for (struct unit_part *p = u->first; p; p = p->next) {
		found |= tell_findings(u, p, &p->findings);
		for (uint32_t i = 0; p->batch.kind == BATCH_INDEPENDENT && i < p->batch.count; i++)
			found |= tell_findings(u, p, &p->batch.calls[i].findings);
	}
	return found;
}
