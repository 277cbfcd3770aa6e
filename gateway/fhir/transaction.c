#include "gateway/fhir/batch.h"

#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/search_query.h"
#include "gateway/fhir/write.h"

/*
 * Texts that name ops: an open hash, at most half full. The texts are those of
 * the record or in the arena.
 */
struct reference_entry {
	struct str text; /* NULL: free */
	uint32_t op;
};

struct reference_table {
	struct reference_entry *slots;
	uint32_t bits, used;
	const char *broken; /* why a reference cannot be resolved */
	int status;
};

static struct reference_entry *
find_slot(const struct reference_table *t, struct str text)
{
	uint32_t mask = (1U << t->bits) - 1;
	uint32_t i = (uint32_t)hash64(text, 0) & mask;

	while (t->slots[i].text.p && !str_eq(t->slots[i].text, text))
		i = (i + 1) & mask;
	return &t->slots[i];
}

static bool
table_grow(struct reference_table *t, struct arena *a)
{
	struct reference_table bigger = { .bits = t->bits ? t->bits + 1 : 6 };

	bigger.slots = arena_calloc(a, (size_t)1 << bigger.bits, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; t->bits && i < 1U << t->bits; i++)
		if (t->slots[i].text.p)
			*find_slot(&bigger, t->slots[i].text) = t->slots[i];
	t->slots = bigger.slots;
	t->bits = bigger.bits;
	return true;
}

/* Returns 0; 1 when the text is there already; -1 when the arena is full. */
static int
table_enter(struct reference_table *t, struct arena *a, struct str text, uint32_t op)
{
	struct reference_entry *slot;

	if ((!t->bits || t->used >= 1U << (t->bits - 1)) && !table_grow(t, a))
		return -1;
	slot = find_slot(t, text);
	if (slot->text.p)
		return 1;
	*slot = (struct reference_entry){ text, op };
	t->used++;
	return 0;
}

/* "Patient/1" at the end of an absolute URL, or empty. */
static struct str
local_tail(const struct pack *p, struct str url)
{
	size_t slashes = 0, at = url.len;
	struct str tail, type;

	while (at > 0 && slashes < 2)
		if (url.p[--at] == '/')
			slashes++;
	if (slashes < 2)
		return STR("");
	tail = str_from_index(url, at + 1);
	type = str_of(tail.p, (size_t)str_find(tail, '/'));
	return pack_find_resource(p, type) == PACK_NONE ? STR("") : tail;
}

static int
enter_call(struct fhir_batch *b, const struct fhir_call *c)
{
	struct str tail = local_tail(b->service->pack, c->full_url);
	int result = table_enter(b->references, b->arena, c->full_url, c->op);

	if (result > 0)
		return batch_fail(b, 400, "value",
		    "two entries have the same fullUrl; references to it would have two meanings");
	/* A relative reference in such a Bundle means what has its base: the
	 * entry itself, which a create gives another id. */
	if (result == 0 && tail.len)
		result = table_enter(b->references, b->arena, tail, c->op);
	if (result < 0)
		return batch_fail(b, 413, NULL, "the Bundle is too large; send it in parts");
	return 0;
}

int
batch_enter_references(struct fhir_batch *b)
{
	b->references = ARENA_NEW(b->arena, struct reference_table);
	if (!b->references || !table_grow(b->references, b->arena))
		return batch_fail(b, 413, NULL, "the Bundle is too large; send it in parts");
	for (uint32_t i = 0; i < b->count; i++) {
		const struct fhir_call *c = &b->calls[i];

		if (c->op == PACK_NONE || !c->full_url.len || c->route.method == FHIR_DELETE)
			continue;
		if (enter_call(b, c) != 0)
			return -1;
	}
	return 0;
}

uint32_t
batch_add_op(struct fhir_batch *b, const struct store_op *op)
{
	if (b->op_count == b->op_room) {
		uint32_t room = b->op_room ? b->op_room * 2 : b->count + 16;
		struct store_op *ops = arena_grow(
		    b->arena, b->ops, b->op_room * sizeof(*ops), room * sizeof(*ops));

		if (!ops)
			return PACK_NONE;
		b->ops = ops;
		b->op_room = room;
	}
	b->ops[b->op_count] = *op;
	return b->op_count++;
}

/* The type of a conditional reference, "Patient?identifier=…". */
static uint32_t
conditional_type(const struct pack *p, struct str reference)
{
	ptrdiff_t question = str_find(reference, '?');

	if (question <= 0 || question > 64)
		return PACK_NONE;
	return pack_find_resource(p, str_of(reference.p, (size_t)question));
}

static bool
break_reference(struct reference_table *t, int status, const char *why)
{
	if (!t->broken) {
		t->broken = why;
		t->status = status;
	}
	return false;
}

static bool
add_find(struct fhir_batch *b, uint32_t type, struct str reference, uint32_t *op)
{
	struct store_op find = { .verb = STORE_FIND, .type = type };
	struct access_decision d;
	struct str query = str_from_index(reference, (size_t)str_find(reference, '?') + 1);

	if (!access_decide(b->sender, RIGHT_SEARCH, type, &d))
		return break_reference(b->references, 403,
		    "a conditional reference needs the right to search its type, which the sender "
		    "does not have");
	if (search_match_parse(b->service->index, b->service->pack, type, query, b->arena,
		&find.match, b->findings) != 0)
		return break_reference(b->references, 400,
		    "a conditional reference has a search that cannot be understood");
	*op = batch_add_op(b, &find);
	if (*op == PACK_NONE || table_enter(b->references, b->arena, reference, *op) < 0)
		return break_reference(
		    b->references, 413, "the Bundle is too large; send it in parts");
	return true;
}

bool
batch_find_reference(void *ctx, struct str reference, uint32_t *op)
{
	struct fhir_batch *b = ctx;
	struct reference_entry *slot;
	uint32_t type;

	if (!reference.len || !b->references->bits)
		return false;
	slot = find_slot(b->references, reference);
	if (slot->text.p) {
		*op = slot->op;
		return true;
	}
	type = conditional_type(b->service->pack, reference);
	return type != PACK_NONE && add_find(b, type, reference, op);
}

/* The order of the specification: deletes, creates, updates. */
static int
order_of(const struct fhir_call *c)
{
	switch (c->route.method) {
	case FHIR_DELETE:
		return 0;
	case FHIR_POST:
		return 1;
	default:
		return 2;
	}
}

static bool
is_write(const struct fhir_call *c)
{
	return !call_failed(c) && c->decision.permitted && !c->unchanged &&
	       c->route.interaction->flags & INTERACTION_WRITES;
}

static int
number_ops(struct fhir_batch *b)
{
	static const struct store_op blank;

	b->owners = arena_calloc(b->arena, b->count + 1, sizeof(*b->owners));
	if (!b->owners)
		return batch_fail(b, 413, NULL, "the Bundle is too large; send it in parts");
	for (int order = 0; order < 3; order++) {
		for (uint32_t i = 0; i < b->count; i++) {
			struct fhir_call *c = &b->calls[i];

			if (!is_write(c) || order_of(c) != order)
				continue;
			c->op = batch_add_op(b, &blank);
			if (c->op == PACK_NONE)
				return batch_fail(
				    b, 413, NULL, "the Bundle is too large; send it in parts");
			b->owners[b->owner_count++] = i;
		}
	}
	return 0;
}

static int
prepare_call(struct fhir_batch *b, struct fhir_call *c)
{
	bool linked = b->kind == BATCH_TRANSACTION;
	struct store_op op;
	struct access_decision create;

	if (write_prepare(b->service, c, &op, linked ? batch_find_reference : NULL, b) != 0)
		return -1;
	if (linked && b->references->broken)
		return call_fail(
		    c, b->references->status, NULL, STR(""), "%s", b->references->broken);
	/* An update may create only for those who may create. */
	if (c->route.method == FHIR_PUT &&
	    !access_decide(b->sender, RIGHT_CREATE, c->route.type, &create)) {
		if (op.verb == STORE_CREATE)
			return call_fail(c, 403, NULL, STR(""),
			    "If-None-Match: * asks for a create, which the sender has no scope "
			    "for");
		op.must_exist = true;
	}
	b->ops[c->op] = op;
	return 0;
}

/* One write of all ops, or one for each. */
static int
make_writes(struct fhir_batch *b)
{
	bool apart = b->kind == BATCH_INDEPENDENT;
	uint32_t count = apart ? b->op_count : b->op_count > 0;

	b->writes = arena_calloc(b->arena, count + 1, sizeof(*b->writes));
	if (!b->writes)
		return batch_fail(b, 413, NULL, "the Bundle is too large; send it in parts");
	b->write_count = count;
	for (uint32_t i = 0; i < count; i++) {
		b->writes[i].arena = b->arena;
		b->writes[i].keep_referenced = b->service->references == REFERENCES_KEPT;
		b->writes[i].ops = &b->ops[i];
		b->writes[i].count = apart ? 1 : b->op_count;
	}
	for (uint32_t i = 0; i < b->count; i++) {
		const struct fhir_call *c = &b->calls[i];

		if (c->op != PACK_NONE)
			b->writes[apart ? c->op : 0].visibility = c->decision.visibility;
	}
	return 0;
}

/* Leave out the ops of a batch's failed calls. */
static void
drop_failed_ops(struct fhir_batch *b)
{
	uint32_t kept = 0;

	for (uint32_t op = 0; op < b->op_count; op++) {
		struct fhir_call *c = &b->calls[b->owners[op]];

		if (call_failed(c)) {
			c->op = PACK_NONE;
			continue;
		}
		b->ops[kept] = b->ops[op];
		b->owners[kept] = b->owners[op];
		c->op = kept++;
	}
	b->owner_count = kept;
	b->op_count = kept;
}

static void
begin_anew(struct fhir_batch *b)
{
	b->ops = NULL;
	b->op_count = b->op_room = b->owner_count = 0;
	b->writes = NULL;
	b->write_count = 0;
	b->references = NULL;
	for (uint32_t i = 0; i < b->count; i++)
		b->calls[i].op = PACK_NONE;
}

int
batch_prepare(struct fhir_batch *b)
{
	bool failed = false;

	begin_anew(b);
	if (number_ops(b) != 0 || (b->kind == BATCH_TRANSACTION && batch_enter_references(b) != 0))
		return -1;
	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];

		if (c->op == PACK_NONE || prepare_call(b, c) == 0)
			continue;
		failed = true;
		if (b->kind != BATCH_INDEPENDENT)
			batch_fail_by(b, c);
	}
	if (b->status >= 400)
		return -1;
	if (failed)
		drop_failed_ops(b);
	return make_writes(b);
}

struct str
batch_reference_to(struct fhir_batch *b, const struct fhir_call *c)
{
	char uuid[37];
	struct str name;
	uint32_t op;

	if (b->kind == BATCH_TRANSACTION && c->full_url.len)
		return c->full_url;
	uuid_make(uuid);
	name = str_printf(b->arena, "urn:uuid:%s", uuid);
	if (!b->references)
		b->references = ARENA_NEW(b->arena, struct reference_table);
	/* An entry of a batch is the first op of a write of its own. */
	op = b->kind == BATCH_INDEPENDENT ? 0 : c->op;
	if (!name.p || !b->references || table_enter(b->references, b->arena, name, op) != 0)
		return (struct str){ NULL, 0 };
	return name;
}

static void
init_made(struct fhir_batch *b, const struct record *r, struct str match, struct fhir_call *c)
{
	enum interaction_id id = match.len ? INTERACTION_UPDATE_CONDITIONAL : INTERACTION_CREATE;

	call_init(c, b->arena);
	c->record = r;
	c->route.type = record_type(r, b->service->pack, 0);
	c->route.interaction = interaction_by_id(id);
	c->route.method = c->route.interaction->method;
	c->route.query = match;
}

/* As batch_find_reference(), of what was entered only. */
static bool
find_entered(void *ctx, struct str reference, uint32_t *op)
{
	const struct fhir_batch *b = ctx;
	const struct reference_entry *slot;

	if (!reference.len || !b->references->bits)
		return false;
	slot = find_slot(b->references, reference);
	*op = slot->op;
	return slot->text.p != NULL;
}

/* One more op for the write of an entry of a batch. */
static bool
add_apart(struct fhir_batch *b, const struct fhir_call *of, const struct store_op *op)
{
	struct store_write *w = &b->writes[of->op];
	struct store_op *ops = arena_calloc(b->arena, (size_t)w->count + 1, sizeof(*ops));

	if (!ops)
		return false;
	memcpy(ops, w->ops, w->count * sizeof(*ops));
	ops[w->count++] = *op;
	w->ops = ops;
	return true;
}

int
batch_add_made(struct fhir_batch *b, const struct fhir_call *of, const struct record *r,
    struct str match, struct error *err)
{
	reference_entry_fn *find = of ? find_entered : batch_find_reference;
	struct fhir_call c;
	struct store_op op;

	if ((b->kind == BATCH_INDEPENDENT) != (of != NULL) || (!of && b->write_count != 1))
		return error_set(err, ERROR_INVALID, "there is no one transaction to add it to");
	init_made(b, r, match, &c);
	if (write_prepare(b->service, &c, &op, b->references ? find : NULL, b) != 0)
		return error_set(err, ERROR_INVALID, "%.*s",
		    STR_ARG(c.findings.first ? c.findings.first->text : STR("cannot be stored")));
	if (of ? !add_apart(b, of, &op) : batch_add_op(b, &op) == PACK_NONE)
		return error_set(err, ERROR_LIMIT, "the exchange's memory is full");
	if (of)
		return 0;
	b->writes[0].ops = b->ops;
	b->writes[0].count = b->op_count;
	return 0;
}
