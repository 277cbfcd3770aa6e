/*
 * $meta, $meta-add, $meta-delete (R4, 2.27.2): profiles, tags and security
 * labels, of what is stored, and changed in it.
 *
 * A version never changes, so adding and deleting make a new one, unless
 * nothing changes; of an older version it is refused.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/operation.h"
#include "mappers/fhir/fhir_json.h"

enum {
	PAGE = 500,		/* resources read at a time */
	LONGEST = 10 * 1000000, /* microseconds that all of them may take */
	PAGE_MEMORY = 1 << 30,	/* bytes that a page's bodies may take */
};

static const char *const lists[] = { "profile", "security", "tag" };

enum {
	LISTS = sizeof(lists) / sizeof(*lists),
};

/* Are these two members of a list the same? Codings by system and code, whatever
 * their version and display; profiles by the whole URL. */
static bool
is_same(
    const struct pack *p, const struct record *a, uint32_t i, const struct record *b, uint32_t j)
{
	if (record_text(a, i).len || record_text(b, j).len)
		return str_eq(record_text(a, i), record_text(b, j));
	return str_eq(record_value(a, p, i, STR("system")), record_value(b, p, j, STR("system"))) &&
	       str_eq(record_value(a, p, i, STR("code")), record_value(b, p, j, STR("code")));
}

/* Is member i of a in that list of the Meta at node meta of b? */
static bool
is_in(const struct pack *p, const struct record *a, uint32_t i, const struct record *b,
    uint32_t meta, const char *list)
{
	uint32_t j = meta ? record_child(b, p, meta, str_from(list)) : 0;

	for (; j; j = record_next(b, meta, j))
		if (is_same(p, a, i, b, j))
			return true;
	return false;
}

static const struct record *
make_answer(const struct pack *p, const struct record *r, struct arena *a, struct record_builder *b,
    struct error *err)
{
	uint32_t meta = record_child(r, p, 0, STR("meta"));

	record_builder_reset(b);
	record_open_root(b, pack_find_resource(p, STR("Parameters")));
	record_open(b, STR("parameter"));
	record_put(b, STR("name"), STR("return"));
	record_open(b, STR("valueMeta"));
	if (meta)
		RECORD_EACH_CHILD(r, meta, i)
			record_copy(b, r, i);
	record_close(b);
	record_close(b);
	record_close(b);
	return record_builder_finish(b, a, err);
}

static void
answer_meta(const struct fhir_service *s, struct fhir_call *c, struct str body)
{
	struct record_builder b;
	const struct record *r;
	struct error err;

	record_builder_init(&b, s->pack, &record_default_limits);
	r = operation_record(s, c, c->route.type, body, &b);
	if (r)
		operation_answer_record(s, c, make_answer(s->pack, r, c->arena, &b, &err), &err);
	record_builder_release(&b);
}

void
operation_answer(const struct fhir_service *s, struct fhir_call *c, struct str body)
{
	answer_meta(s, c, body);
}

void
meta_run(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r)
{
	struct store_version v;

	(void)in;
	if (operation_read_instance(s, c, r, &v) == 0)
		answer_meta(s, c, v.body);
}

/* Changes. */

/* The Meta that was sent: node of its value; 0: c failed. */
static uint32_t
sent_meta(const struct pack *p, struct fhir_call *c, const struct operation_input *in)
{
	const struct operation_param *one = operation_param_next(in, "meta", NULL);

	if (one && !operation_param_next(in, "meta", one) && one->node &&
	    str_is(record_type_name(in->body, p, one->node), "Meta"))
		return one->node;
	call_fail(c, 400, "required", STR("Parameters.parameter"),
	    "%s needs one parameter 'meta' with a valueMeta: the profiles, tags and security "
	    "labels",
	    c->route.operation->as.code);
	return 0;
}

struct meta_change {
	const struct pack *p;
	struct record_builder *b;
	const struct record *stored, *sent;
	uint32_t meta, other; /* their nodes; meta 0: there is none */
	bool adds;
	bool changed;
};

static void
put_list(struct meta_change *k, const char *list)
{
	uint32_t i = k->meta ? record_child(k->stored, k->p, k->meta, str_from(list)) : 0;

	for (; i; i = record_next(k->stored, k->meta, i)) {
		if (!k->adds && is_in(k->p, k->stored, i, k->sent, k->other, list))
			k->changed = true;
		else
			record_copy(k->b, k->stored, i);
	}
	if (!k->adds)
		return;
	i = record_child(k->sent, k->p, k->other, str_from(list));
	for (uint32_t first = i; i; i = record_next(k->sent, k->other, i)) {
		bool twice = is_in(k->p, k->sent, i, k->stored, k->meta, list);

		for (uint32_t j = first; j != i && !twice; j = record_next(k->sent, k->other, j))
			twice = is_same(k->p, k->sent, i, k->sent, j);
		if (twice)
			continue;
		record_copy(k->b, k->sent, i);
		k->changed = true;
	}
}

static bool
is_list(const struct pack *p, const struct record *r, uint32_t i)
{
	struct str name = pack_text(p, pack_element_at(p, r->nodes[i].element)->name);

	for (int n = 0; n < LISTS; n++)
		if (str_is(name, lists[n]))
			return true;
	return false;
}

/* The stored resource with its meta changed. */
static const struct record *
rebuild(struct meta_change *k, struct arena *a, struct error *err)
{
	record_builder_reset(k->b);
	record_open_root(k->b, record_type(k->stored, k->p, 0));
	RECORD_EACH_CHILD(k->stored, 0, i)
		if (i != k->meta)
			record_copy(k->b, k->stored, i);
	record_open(k->b, STR("meta"));
	if (k->meta)
		RECORD_EACH_CHILD(k->stored, k->meta, i)
			if (!is_list(k->p, k->stored, i))
				record_copy(k->b, k->stored, i);
	for (int n = 0; n < LISTS; n++)
		put_list(k, lists[n]);
	if (record_is_filled(k->b))
		record_close(k->b);
	else
		record_abandon(k->b);
	record_close(k->b);
	return record_builder_finish(k->b, a, err);
}

static int
change(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    const struct store_version *found, struct record_builder *builder, bool adds)
{
	struct meta_change k = { .p = s->pack, .b = builder, .sent = in->body, .adds = adds };
	const struct record *made;
	struct error err;

	if (c->route.version && c->route.version != found->version)
		return call_fail(c, 400, "not-supported", STR(""),
		    "what an older version says is never changed here; %s is for the current one",
		    c->route.operation->as.code);
	k.other = sent_meta(s->pack, c, in);
	k.stored = k.other ? operation_record(s, c, c->route.type, found->body, builder) : NULL;
	if (!k.stored)
		return -1;
	k.meta = record_child(k.stored, s->pack, 0, STR("meta"));
	made = rebuild(&k, c->arena, &err);
	if (!made)
		return call_fail_error(c, &err);
	if (!k.changed)
		return 1;
	c->record = made;
	c->node = 0;
	return 0;
}

int
meta_add(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    const struct store_version *found, struct record_builder *builder)
{
	return change(s, c, in, found, builder, true);
}

int
meta_delete(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    const struct store_version *found, struct record_builder *builder)
{
	return change(s, c, in, found, builder, false);
}

/* All that is in use. */

/* A set of members seen, by their system and code, or URL: open addressing. */
struct meta_set {
	struct member {
		struct str system, code; /* system {NULL, 0} with code NULL: free */
		int list;
	} * slots;
	uint32_t bits, used;
	struct arena *arena;
};

static struct member *
find_member(const struct meta_set *set, int list, struct str system, struct str code)
{
	uint32_t mask = (1U << set->bits) - 1;
	uint32_t i = (uint32_t)hash64(code, hash64(system, (uint64_t)list)) & mask;
	struct member *m;

	for (;; i = (i + 1) & mask) {
		m = &set->slots[i];
		if (!m->code.p ||
		    (m->list == list && str_eq(m->system, system) && str_eq(m->code, code)))
			return m;
	}
}

static int
grow_set(struct meta_set *set)
{
	struct meta_set bigger = { .bits = set->bits ? set->bits + 1 : 6, .arena = set->arena };

	bigger.slots = arena_calloc(set->arena, (size_t)1 << bigger.bits, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -1;
	for (uint32_t i = 0; set->bits && i < 1U << set->bits; i++) {
		const struct member *m = &set->slots[i];

		if (m->code.p)
			*find_member(&bigger, m->list, m->system, m->code) = *m;
	}
	set->slots = bigger.slots;
	set->bits = bigger.bits;
	return 0;
}

static int
add_member(struct meta_set *set, int list, struct str system, struct str code)
{
	struct member *m;

	if ((!set->bits || set->used >= 1U << (set->bits - 1)) && grow_set(set) != 0)
		return -1;
	m = find_member(set, list, system, code);
	if (m->code.p)
		return 0;
	m->list = list;
	m->system = str_dup(set->arena, system);
	m->code = str_dup(set->arena, code);
	set->used++;
	return m->code.p && m->system.p ? 0 : -1;
}

static int
collect(struct meta_set *set, const struct pack *p, const struct record *r)
{
	uint32_t meta = record_child(r, p, 0, STR("meta"));

	for (int n = 0; meta && n < LISTS; n++) {
		uint32_t i = record_child(r, p, meta, str_from(lists[n]));

		for (; i; i = record_next(r, meta, i)) {
			struct str text = record_text(r, i);
			struct str system = record_value(r, p, i, STR("system"));
			struct str code = record_value(r, p, i, STR("code"));

			if (add_member(
				set, n, text.len ? STR("") : system, text.len ? text : code) != 0)
				return -1;
		}
	}
	return 0;
}

/* Does a stored body's meta end behind lastUpdated, which the store puts last of
 * what is its own? */
static bool
has_labels(struct str body)
{
	const struct str name = STR("\"lastUpdated\":\"");
	ptrdiff_t at = str_find_str(body, name), end;

	if (at < 0)
		return true;
	body = str_from_index(body, (size_t)at + name.len);
	end = str_find(body, '"');
	return end < 0 || (size_t)end + 1 >= body.len || body.p[end + 1] != '}';
}

static int
collect_body(const struct fhir_service *s, const struct store_version *v, struct meta_set *set,
    struct record_builder *b, struct arena *a, struct error *err)
{
	struct fhir_read_options options = { .lenient = true, .type = v->type };
	struct findings findings;
	const struct record *r;

	if (!has_labels(v->body))
		return 0;
	findings_init(&findings, a, 1);
	r = fhir_json_read(v->body, &options, b, a, &findings);
	if (!r || collect(set, s->pack, r) != 0)
		return error_set(err, ERROR_LIMIT, "there are more labels than can be listed");
	return 0;
}

/* Every resource of the type that may be seen, page by page. */
static int
collect_type(const struct fhir_service *s, uint32_t type, const struct store_visibility *v,
    int64_t until, struct meta_set *set, struct record_builder *b, struct store_reader *r,
    struct error *err)
{
	struct store_query q = { .type = type, .visibility = *v, .count = PAGE };
	struct store_page page = { .more = true };
	struct arena a;
	int rc = 0;

	arena_init(&a, PAGE_MEMORY, ARENA_WIPE);
	while (rc == 0 && page.more) {
		arena_reset(&a);
		rc = store_search(r, &q, &a, &page, err);
		for (uint32_t i = 0; rc == 0 && i < page.count; i++)
			rc = collect_body(s, &page.at[i], set, b, &a, err);
		if (rc == 0 && page.more && clock_monotonic() > until)
			rc = error_set(err, ERROR_LIMIT,
			    "there are too many resources to list the labels of; ask for a type "
			    "that has fewer, or search by _tag, _security and _profile");
		q.from_row = page.next_row;
		q.moment = page.moment;
	}
	arena_release(&a);
	return rc;
}

static void
put_member(struct record_builder *b, const struct member *m)
{
	if (m->list == 0) {
		record_put(b, STR("profile"), m->code);
		return;
	}
	record_open(b, str_from(lists[m->list]));
	record_put(b, STR("system"), m->system);
	record_put(b, STR("code"), m->code);
	if (record_is_filled(b))
		record_close(b);
	else
		record_abandon(b);
}

static int
by_code(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	int order = (a->code.p == NULL) - (b->code.p == NULL);

	if (order)
		return order;
	if (!a->code.p)
		return 0;
	if (a->list != b->list)
		return a->list < b->list ? -1 : 1;
	order = str_cmp(a->system, b->system);
	return order ? order : str_cmp(a->code, b->code);
}

static const struct record *
make_list(const struct fhir_service *s, struct meta_set *set, struct arena *a,
    struct record_builder *b, struct error *err)
{
	uint32_t slots = set->bits ? 1U << set->bits : 0;

	if (slots)
		qsort(set->slots, slots, sizeof(*set->slots), by_code);
	record_builder_reset(b);
	record_open_root(b, pack_find_resource(s->pack, STR("Parameters")));
	record_open(b, STR("parameter"));
	record_put(b, STR("name"), STR("return"));
	record_open(b, STR("valueMeta"));
	for (uint32_t i = 0; i < set->used; i++)
		put_member(b, &set->slots[i]);
	record_close(b);
	record_close(b);
	record_close(b);
	return record_builder_finish(b, a, err);
}

void
meta_run_all(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r)
{
	struct meta_set set = { .arena = c->arena };
	int64_t until = clock_monotonic() + LONGEST;
	struct record_builder b;
	struct error err;
	int rc = 0;

	(void)in;
	record_builder_init(&b, s->pack, &record_default_limits);
	for (uint32_t t = 0; rc == 0 && t < pack_type_count(s->pack); t++) {
		const struct pack_type *type = pack_type_at(s->pack, t);

		if (type->kind != PACK_RESOURCE || type->abstract ||
		    (c->route.type != PACK_NONE && c->route.type != t))
			continue;
		rc = collect_type(s, t, &c->decision.visibility, until, &set, &b, r, &err);
	}
	if (rc == 0)
		operation_answer_record(s, c, make_list(s, &set, c->arena, &b, &err), &err);
	else
		call_fail_error(c, &err);
	record_builder_release(&b);
}
