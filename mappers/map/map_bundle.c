/* From filled trees to a transaction Bundle. */
#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "mappers/map/map_run.h"

/* Find the resources that elements refer to by name. */
static void
resolve(struct run *run, struct node *n)
{
	if (n->refs) {
		struct instance *i = map_run_find(run, n->refs, n->refs_from);

		n->opens = i && map_instance_lives(i) ? i : NULL;
		n->refs = NULL;
	}
	for (struct node *c = n->first; c; c = c->next)
		resolve(run, c);
}

static void
resolve_all(struct run *run)
{
	for (struct instance *i = run->instances; i; i = i->next)
		resolve(run, i->root);
}

/* ---- identity ---- */

static struct str
child_text(const struct node *n, uint32_t element)
{
	const struct node *c = map_tree_find(n, element);

	return c ? c->text : STR("");
}

static bool
has_type(const struct run *run, const struct node *identifier, struct str code)
{
	const struct known *k = &run->set->known;
	const struct node *type = map_tree_find(identifier, k->identifier_type);

	for (const struct node *c = type ? type->first : NULL; c; c = c->next)
		if (c->element == k->concept_coding && str_eq(child_text(c, k->coding_code), code))
			return true;
	return false;
}

/* Take the first identifier with a value, and a system if it must have one;
 * of a type, if one is asked for. */
static bool
choose(const struct run *run, struct instance *i, bool need_system, const struct str *type)
{
	const struct known *k = &run->set->known;

	for (const struct node *n = i->root->first; n; n = n->next) {
		struct str system, value;

		if (n->element != i->match->identifier)
			continue;
		system = child_text(n, k->identifier_system);
		value = child_text(n, k->identifier_value);
		if (!value.len || (need_system && !system.len))
			continue;
		if (type && !has_type(run, n, *type))
			continue;
		i->system = system;
		i->value = value;
		return true;
	}
	return false;
}

static void
find_identity(const struct run *run, struct instance *i)
{
	const struct rule_text *t;

	if (!i->match)
		return;
	t = i->match->match;
	for (int need_system = 1; need_system >= 0; need_system--)
		for (uint32_t c = 0; c < t->code_count; c++)
			if (choose(run, i, need_system, &t->codes[c]))
				return;
	if (t->code_count == 0 && !choose(run, i, true, NULL))
		choose(run, i, false, NULL);
}

/* ---- doublets ---- */

static bool
is_same(const struct instance *a, const struct instance *b)
{
	if (a->type != b->type)
		return false;
	if (a->value.len || b->value.len)
		return str_eq(a->value, b->value) && str_eq(a->system, b->system);
	return !a->resource && !b->resource && map_tree_equal(a->root, b->root);
}

static uint64_t
identity_hash(const struct instance *i)
{
	if (i->value.len)
		return hash64(i->value, hash64(i->system, i->type));
	return i->resource ? 0 : map_tree_hash(i->root);
}

/* Make doublets one. Returns whether any was found: then others, which refer to
 * them, may have become alike. */
static bool
unite(struct run *run, struct instance **table, uint32_t mask)
{
	bool any = false;

	memset(table, 0, (mask + 1) * sizeof(struct instance *));
	for (struct instance *i = run->instances; i; i = i->next) {
		uint64_t hash;
		uint32_t at;

		if (i->same || !map_instance_lives(i) || i == run->bundle)
			continue;
		hash = i->hash = identity_hash(i);
		if (hash == 0)
			continue;
		for (at = (uint32_t)hash & mask; table[at]; at = (at + 1) & mask)
			if (table[at]->hash == hash && is_same(table[at], i))
				break;
		if (!table[at]) {
			table[at] = i;
			continue;
		}
		map_tree_merge(run, table[at]->root, i->root);
		i->same = table[at];
		any = true;
	}
	return any;
}

static void
unite_all(struct run *run)
{
	uint32_t room = 16;
	struct instance **table;

	while (room < run->instance_count * 2)
		room *= 2;
	table = arena_alloc(run->arena, room * sizeof(struct instance *));
	if (!table) {
		run->full = true;
		return;
	}
	for (int pass = 0; pass < 4 && unite(run, table, room - 1); pass++)
		;
}

/* ---- writing ---- */

static struct str
header_value(const struct run *run, uint32_t field)
{
	return er7_raw(run->m, er7_field_node(run->m, run->m->segments, field));
}

/* Ids hang on the sender, the control id and the resource's place only. */
static void
name_instances(struct run *run)
{
	struct str app = header_value(run, 3), facility = header_value(run, 4),
		   time = header_value(run, 7), id = header_value(run, 10),
		   seed = run->options->seed;

	for (struct instance *i = run->instances; i; i = i->next) {
		struct str text;

		if (i->same || !map_instance_lives(i))
			continue;
		text = str_printf(run->arena, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%u", STR_ARG(seed),
		    STR_ARG(app), STR_ARG(facility), STR_ARG(time), STR_ARG(id), i->number);
		if (!text.p)
			run->full = true;
		else
			uuid_of(text, i->uuid);
	}
}

static void
put(struct record_builder *b, uint32_t element, struct str text)
{
	if (!text.len)
		return;
	record_open_element(b, element);
	record_set_text(b, text);
	record_close(b);
}

/* Escape for a search value (R4, 3.1.1.3), then for a query (RFC 3986). */
static void
put_query(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\' || c == ',' || c == '$' || c == '|')
			buf_puts(out, "%5C");
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~:/", c)))
			buf_put_byte(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

static void
write_request(struct run *run, const struct instance *i, struct str type, struct record_builder *b)
{
	const struct known *k = &run->set->known;
	bool create = i->match && i->match->match->create;
	struct buf url;

	buf_init(&url, 64 << 10);
	record_open_element(b, k->entry_request);
	if (i->value.len) {
		buf_puts(&url, "identifier=");
		put_query(&url, i->system);
		buf_put_byte(&url, '|');
		put_query(&url, i->value);
	}
	if (url.len && !create) {
		struct str text = str_printf(
		    run->arena, "%.*s?%.*s", STR_ARG(type), STR_ARG(buf_str(&url)));

		put(b, k->request_method, STR("PUT"));
		put(b, k->request_url, text);
	} else {
		put(b, k->request_method, STR("POST"));
		put(b, k->request_url, type);
		put(b, k->request_if_none_exist, buf_str(&url));
	}
	run->full |= url.full;
	record_close(b);
	buf_release(&url);
}

static void
write_entry(struct run *run, struct instance *i, struct record_builder *b)
{
	const struct known *k = &run->set->known;
	const struct pack *pack = run->set->pack;
	char url[64];
	int len = snprintf(url, sizeof(url), "urn:uuid:%s", i->uuid);

	record_open_element(b, k->bundle_entry);
	put(b, k->entry_full_url, str_of(url, (size_t)len));
	record_open_element(b, k->entry_resource);
	record_open_root(b, i->type);
	map_tree_write(run, i->root, b);
	record_close(b);
	record_close(b);
	write_request(run, i, pack_text(pack, pack_type_at(pack, i->type)->name), b);
	record_close(b);
}

/* The Bundle's own elements, as maps filled them, but for those that are ours. */
static void
write_own(struct run *run, struct record_builder *b)
{
	const struct known *k = &run->set->known;
	struct node **at = &run->bundle->root->first;

	while (*at) {
		if ((*at)->element == k->bundle_type || (*at)->element == k->bundle_entry)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	map_tree_write(run, run->bundle->root, b);
}

const struct record *
map_run_bundle(struct run *run, struct record_builder *b, struct error *err)
{
	const struct known *k = &run->set->known;

	map_run_foreign(run);
	resolve_all(run);
	map_run_defaults(run);
	resolve_all(run);
	for (struct instance *i = run->instances; i; i = i->next) {
		map_tree_prune(i->root);
		find_identity(run, i);
	}
	unite_all(run);
	map_run_whole(run);
	name_instances(run);
	map_note_all(run);
	if (run->full) {
		error_set(err, ERROR_LIMIT, "the message is too large or too costly to convert");
		return NULL;
	}
	record_builder_reset(b);
	record_open_root(b, k->type_bundle);
	write_own(run, b);
	put(b, k->bundle_type, STR("transaction"));
	for (struct instance *i = run->instances; i; i = i->next)
		if (i != run->bundle && !i->same && map_instance_lives(i))
			write_entry(run, i, b);
	record_close(b);
	if (run->full) {
		error_set(err, ERROR_LIMIT, "the message is too large to convert");
		return NULL;
	}
	return record_builder_finish(b, run->arena, err);
}
