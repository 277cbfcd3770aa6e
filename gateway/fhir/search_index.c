#include "gateway/fhir/search_index.h"

#include <pthread.h>

#include "base/arena.h"
#include "gateway/fhir/index_extract.h"

enum {
	SCRATCH_MOST = 256 << 20, /* bytes that one parameter of one resource may take */
};

struct search_index {
	const struct pack *pack;
	char *base;
	pthread_mutex_t lock;			  /* while a type is compiled */
	struct search_type **types;		  /* set once, then constant */
	const struct pack_code_system **caseless; /* whose codes have no case */
	uint32_t caseless_count;
};

static void
find_caseless(struct search_index *si)
{
	const struct pack_code_system *all = si->pack->table[TABLE_CODE_SYSTEMS];
	uint32_t count = si->pack->count[TABLE_CODE_SYSTEMS];

	for (uint32_t i = 0; i < count; i++) {
		if (all[i].case_sensitive)
			continue;
		si->caseless = xrealloc(
		    si->caseless, (si->caseless_count + 1) * sizeof(si->caseless[0]));
		si->caseless[si->caseless_count++] = &all[i];
	}
}

struct search_index *
search_index_new(const struct pack *p, struct str base)
{
	struct search_index *si = xcalloc(1, sizeof(*si));

	while (base.len && base.p[base.len - 1] == '/')
		base.len--;
	si->pack = p;
	si->base = xmalloc(base.len + 1);
	if (base.len)
		memcpy(si->base, base.p, base.len);
	si->base[base.len] = '\0';
	si->types = xcalloc(pack_type_count(p) + 1, sizeof(si->types[0]));
	pthread_mutex_init(&si->lock, NULL);
	find_caseless(si);
	return si;
}

void
search_index_free(struct search_index *si)
{
	if (!si)
		return;
	for (uint32_t t = 0; t < pack_type_count(si->pack); t++)
		search_type_free(si->types[t]);
	pthread_mutex_destroy(&si->lock);
	free(si->caseless);
	free(si->types);
	free(si->base);
	free(si);
}

static const struct search_type *
type_of(struct search_index *si, uint32_t type)
{
	struct search_type *st = __atomic_load_n(&si->types[type], __ATOMIC_ACQUIRE);

	if (st)
		return st;
	pthread_mutex_lock(&si->lock);
	st = si->types[type];
	if (!st) {
		st = search_type_new(si->pack, type);
		__atomic_store_n(&si->types[type], st, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&si->lock);
	return st;
}

bool
search_index_has(struct search_index *si, uint32_t type, uint32_t param)
{
	return search_type_has(type_of(si, type), param);
}

uint32_t
search_index_components(
    struct search_index *si, uint32_t type, uint32_t param, uint32_t out[SEARCH_COMPONENTS])
{
	const struct search_type *st = type_of(si, type);

	for (uint32_t i = 0; i < st->count; i++) {
		if (st->entries[i].param != param)
			continue;
		for (uint32_t k = 0; k < st->entries[i].component_count; k++)
			out[k] = st->entries[i].components[k].param;
		return st->entries[i].component_count;
	}
	return 0;
}

static struct str
lower(struct str s, struct arena *a)
{
	char *p = arena_alloc_bytes(a, s.len + 1);

	if (!p)
		return s;
	for (size_t i = 0; i < s.len; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return str_of(p, s.len);
}

struct str
search_token_value(
    const struct search_index *si, struct str system, struct str code, struct arena *a)
{
	for (uint32_t i = 0; i < si->caseless_count; i++)
		if (str_eq(pack_text(si->pack, si->caseless[i]->url), system))
			return lower(code, a);
	return code;
}

bool
search_token_alike(const struct search_index *si, struct str code, struct arena *a, struct str *out)
{
	for (uint32_t i = 0; i < si->caseless_count; i++)
		if (pack_find_concept(si->pack, si->caseless[i], code)) {
			*out = lower(code, a);
			return true;
		}
	return false;
}

struct str
search_of_type(struct str code, struct str value, struct arena *a)
{
	struct str parts[] = { code, STR("|"), value };

	return str_concat(a, parts, 3);
}

struct str
search_reference_whole(const struct search_index *si, struct str reference)
{
	size_t base = strlen(si->base);

	if (base && reference.len > base && reference.p[base] == '/' &&
	    memcmp(reference.p, si->base, base) == 0)
		reference = str_from_index(reference, base + 1);
	return reference;
}

struct str
search_reference(const struct search_index *si, struct str reference, bool *versioned)
{
	ptrdiff_t history = str_find_str(reference, STR("/_history/"));

	if (versioned)
		*versioned = history >= 0;
	if (history >= 0)
		reference.len = (size_t)history;
	return search_reference_whole(si, reference);
}

int
search_evaluate(struct extraction *x, uint32_t node, struct error *err)
{
	struct fhirpath_items items;

	/* What evaluating leaves behind is many times what the rows need. */
	arena_reset(&x->scratch);
	if (fhirpath_eval(x->e->path, x->r, node, &x->scratch, &items, err) < 0)
		return error_prefix(err, "cannot find the values of the search parameter %.*s",
		    STR_ARG(pack_text(x->p, pack_param_at(x->p, x->e->param)->code)));
	for (uint32_t i = 0; i < items.count && !x->failed; i++) {
		if (items.at[i].node == UINT32_MAX)
			search_add_made(x, str_dup(x->a, items.at[i].value));
		else
			search_add_node(x, items.at[i].node);
	}
	return 0;
}

/* The entry at *i, and on to the next; a composite's entries together. */
static int
extract_entries(struct extraction *x, uint32_t *i, uint32_t node, struct error *err)
{
	uint32_t taken;

	x->e = &x->st->entries[*i];
	if (x->e->kind != PARAM_COMPOSITE) {
		++*i;
		return search_evaluate(x, node, err);
	}
	taken = search_composite_extract(x, *i, node, err);
	*i += taken;
	return taken ? 0 : -1;
}

int
search_index_extract(struct search_index *si, const struct record *r, uint32_t node,
    reference_entry_fn *find, void *ctx, struct arena *a, struct store_index **rows,
    uint32_t *count, struct error *err)
{
	struct extraction x = {
		.si = si,
		.p = si->pack,
		.r = r,
		.st = type_of(si, record_type(r, si->pack, node)),
		.find = find,
		.ctx = ctx,
		.a = a,
	};
	int rc = 0;

	arena_init(&x.scratch, SCRATCH_MOST, ARENA_WIPE);
	if (x.st->is_home)
		search_add_row(&x, STORE_COMPARTMENT)->entry = STORE_SELF;
	for (uint32_t i = 0; rc == 0 && i < x.st->count;)
		rc = extract_entries(&x, &i, node, err);
	arena_release(&x.scratch);
	if (rc < 0)
		return -1;
	if (x.failed)
		return error_set(err, ERROR_LIMIT, "the resource has too many values to search by");
	*rows = x.rows;
	*count = x.count;
	return 0;
}
