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
	pthread_mutex_t lock;	     /* while a type is compiled */
	struct search_type **types;  /* set once, then constant */
	struct search_param *params; /* of the pack, by number */
	struct own_set *own;	     /* changed as a whole */
	struct own_set *retired;     /* that readers may still look at */
	uint64_t generation;
	uint32_t own_numbers; /* given so far */
	enum search_words words;
	struct search_own words_state;
	const struct pack_code_system **caseless; /* whose codes have no case */
	uint32_t caseless_count;
};

/* Parameters of this server's own, with what is compiled of each for its types. */
struct own_set {
	struct own_set *older;
	uint32_t count;
	struct own {
		struct search_own is;
		struct arena texts;
		struct search_type **types; /* by number of the type; NULL: not its */
	} * at[];
};

static void
copy_params(struct search_index *si)
{
	const struct pack *p = si->pack;
	uint32_t count = pack_param_count(p);

	si->params = xcalloc(count + 1, sizeof(si->params[0]));
	for (uint32_t i = 0; i < count; i++) {
		const struct pack_param *from = pack_param_at(p, i);

		si->params[i] = (struct search_param){ .number = i,
			.type = from->type,
			.code = pack_text(p, from->code),
			.url = pack_text(p, from->url),
			.expression = pack_text(p, from->expression),
			.targets = pack_numbers(p, from->targets),
			.target_count = from->targets.count };
	}
}

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
	copy_params(si);
	si->own = xcalloc(1, sizeof(*si->own));
	return si;
}

static void
own_free(struct own *o, uint32_t types)
{
	for (uint32_t t = 0; t < types; t++)
		search_type_free(o->types[t]);
	free(o->types);
	arena_release(&o->texts);
	free(o);
}

/* Each set but the newest was made to drop or add one: the sets together have
 * each parameter, many of them several times. */
static void
own_free_all(struct search_index *si)
{
	struct own_set *set = si->own;

	set->older = si->retired;
	while (set) {
		struct own_set *older = set->older;

		for (uint32_t i = 0; i < set->count; i++) {
			struct own *o = set->at[i];

			for (struct own_set *s = older; s; s = s->older)
				for (uint32_t j = 0; j < s->count; j++)
					if (s->at[j] == o)
						s->at[j] = s->at[--s->count];
			own_free(o, pack_type_count(si->pack));
		}
		free(set);
		set = older;
	}
}

void
search_index_free(struct search_index *si)
{
	if (!si)
		return;
	for (uint32_t t = 0; t < pack_type_count(si->pack); t++)
		search_type_free(si->types[t]);
	pthread_mutex_destroy(&si->lock);
	own_free_all(si);
	free(si->params);
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

static const struct own_set *
own_set(const struct search_index *si)
{
	return __atomic_load_n(&si->own, __ATOMIC_ACQUIRE);
}

const struct search_param *
search_index_find(struct search_index *si, uint32_t type, struct str code)
{
	const struct pack_param *found = pack_find_param(si->pack, type, code);
	const struct own_set *own = own_set(si);

	if (found)
		return &si->params[found - pack_param_at(si->pack, 0)];
	for (uint32_t i = 0; i < own->count; i++)
		if (own->at[i]->types[type] && str_eq(own->at[i]->is.param.code, code))
			return &own->at[i]->is.param;
	return NULL;
}

const struct search_param *
search_index_param(const struct search_index *si, uint32_t number)
{
	const struct own_set *own = own_set(si);

	if (number < pack_param_count(si->pack))
		return &si->params[number];
	for (uint32_t i = 0; i < own->count; i++)
		if (own->at[i]->is.param.number == number)
			return &own->at[i]->is.param;
	return NULL;
}

void
search_index_set_words(struct search_index *si, enum search_words words)
{
	si->words = words;
}

enum search_words
search_index_words(const struct search_index *si)
{
	return si->words;
}

struct search_own *
search_index_words_state(const struct search_index *si)
{
	return si->words ? (struct search_own *)&si->words_state : NULL;
}

/* The number of a parameter of the type, where words are indexed by it. */
static uint32_t
word_param(const struct search_index *si, uint32_t type, enum search_words from, const char *code)
{
	const struct pack_param *found = si->words >= from
					     ? pack_find_param(si->pack, type, str_from(code))
					     : NULL;

	return found ? (uint32_t)(found - pack_param_at(si->pack, 0)) : PACK_NONE;
}

struct search_own *
search_index_own(const struct search_index *si, uint32_t i)
{
	const struct own_set *own = own_set(si);

	return i < own->count ? &own->at[i]->is : NULL;
}

uint64_t
search_index_generation(const struct search_index *si)
{
	return __atomic_load_n(&si->generation, __ATOMIC_ACQUIRE);
}

/* Compile it for each of its types. */
static int
own_compile(struct search_index *si, struct own *o, struct error *err)
{
	for (uint32_t i = 0; i < o->is.type_count; i++) {
		uint32_t type = o->is.types[i];

		if (o->types[type])
			continue;
		o->types[type] = xcalloc(1, sizeof(struct search_type));
		if (search_compile(si->pack, type, o->types[type], &o->is.param, err) < 0)
			return -1;
	}
	return 0;
}

static const uint32_t *
copy_numbers(struct arena *a, const uint32_t *numbers, uint32_t count)
{
	uint32_t *copy = arena_calloc(a, (size_t)count + 1, sizeof(*copy));

	if (copy && count)
		memcpy(copy, numbers, count * sizeof(*copy));
	return copy;
}

/* A copy of its own, compiled; NULL with *err set. */
static struct own *
own_new(struct search_index *si, const struct search_own *from, uint32_t number, struct error *err)
{
	enum {
		TEXTS = 16 << 20,
	};
	struct own *o = xcalloc(1, sizeof(*o));
	struct search_param *param = &o->is.param;

	arena_init(&o->texts, TEXTS, 0);
	o->types = xcalloc(pack_type_count(si->pack) + 1, sizeof(o->types[0]));
	o->is = *from;
	param->number = number;
	param->own = &o->is;
	param->code = str_dup(&o->texts, param->code);
	param->url = str_dup(&o->texts, param->url);
	param->expression = str_dup(&o->texts, param->expression);
	o->is.id = str_dup(&o->texts, from->id);
	o->is.types = copy_numbers(&o->texts, from->types, from->type_count);
	param->targets = copy_numbers(&o->texts, param->targets, param->target_count);
	if (!o->is.id.p || !o->is.types || !param->targets)
		error_set(err, ERROR_LIMIT, "the search parameter is too large");
	else if (own_compile(si, o, err) == 0)
		return o;
	own_free(o, pack_type_count(si->pack));
	return NULL;
}

static void
own_publish(struct search_index *si, struct own_set *set)
{
	si->own->older = si->retired;
	si->retired = si->own;
	__atomic_store_n(&si->own, set, __ATOMIC_RELEASE);
}

struct search_own *
search_index_add_own(struct search_index *si, const struct search_own *own, struct error *err)
{
	const struct own_set *now = si->own;
	struct own_set *set;
	struct own *o;

	if (si->own_numbers == STORE_OWN_PARAMS) {
		error_set(err, ERROR_LIMIT,
		    "there were more than %d search parameters of one's own since the start",
		    STORE_OWN_PARAMS);
		return NULL;
	}
	o = own_new(si, own, pack_param_count(si->pack) + si->own_numbers, err);
	if (!o)
		return NULL;
	si->own_numbers++;
	set = xcalloc(1, sizeof(*set) + (now->count + 1) * sizeof(set->at[0]));
	for (uint32_t i = 0; i < now->count; i++)
		set->at[i] = now->at[i];
	set->at[now->count] = o;
	set->count = now->count + 1;
	own_publish(si, set);
	__atomic_add_fetch(&si->generation, 1, __ATOMIC_RELEASE);
	return &o->is;
}

void
search_index_drop_own(struct search_index *si, struct search_own *own)
{
	const struct own_set *now = si->own;
	struct own_set *set = xcalloc(1, sizeof(*set) + now->count * sizeof(set->at[0]));

	for (uint32_t i = 0; i < now->count; i++)
		if (&now->at[i]->is != own)
			set->at[set->count++] = now->at[i];
	own_publish(si, set);
	__atomic_add_fetch(&si->generation, 1, __ATOMIC_RELEASE);
}

int
search_index_check_own(struct search_index *si, const struct search_own *own, struct error *err)
{
	struct own *o = own_new(si, own, pack_param_count(si->pack), err);

	if (!o)
		return -1;
	own_free(o, pack_type_count(si->pack));
	return 0;
}

bool
search_index_has(struct search_index *si, uint32_t type, uint32_t param)
{
	const struct own_set *own = own_set(si);

	if (param < pack_param_count(si->pack))
		return search_type_has(type_of(si, type), param);
	for (uint32_t i = 0; i < own->count; i++)
		if (own->at[i]->is.param.number == param)
			return own->at[i]->types[type] != NULL;
	return false;
}

bool
search_index_serves(struct search_index *si, uint32_t type, uint32_t param)
{
	struct str code = si->params[param].code;

	return search_index_has(si, type, param) || str_is(code, "_filter") ||
	       param == word_param(si, type, SEARCH_NARRATIVE, "_text") ||
	       param == word_param(si, type, SEARCH_ALL_WORDS, "_content");
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

static struct str
code_of(const struct extraction *x)
{
	const struct search_param *param = search_index_param(x->si, x->e->param);

	return param ? param->code : STR("");
}

int
search_evaluate(struct extraction *x, uint32_t node, struct error *err)
{
	struct fhirpath_items items;

	/* What evaluating leaves behind is many times what the rows need. */
	arena_reset(&x->scratch);
	if (fhirpath_eval(x->e->path, x->r, node, &x->scratch, &items, err) < 0)
		return error_prefix(err, "cannot find the values of the search parameter %.*s",
		    STR_ARG(code_of(x)));
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

static int
extract_type(struct extraction *x, uint32_t node, struct error *err)
{
	for (uint32_t i = 0; i < x->st->count;)
		if (extract_entries(x, &i, node, err) < 0)
			return -1;
	return 0;
}

int
search_index_extract(struct search_index *si, const struct record *r, uint32_t node,
    reference_entry_fn *find, void *ctx, struct arena *a, struct store_index **rows,
    uint32_t *count, struct error *err)
{
	uint32_t type = record_type(r, si->pack, node);
	const struct own_set *own = own_set(si);
	struct extraction x = {
		.si = si,
		.p = si->pack,
		.r = r,
		.st = type_of(si, type),
		.find = find,
		.ctx = ctx,
		.a = a,
	};
	int rc = 0;

	arena_init(&x.scratch, SCRATCH_MOST, ARENA_WIPE);
	if (x.st->is_home)
		search_add_row(&x, STORE_COMPARTMENT)->entry = STORE_SELF;
	rc = extract_type(&x, node, err);
	for (uint32_t i = 0; rc == 0 && i < own->count; i++) {
		x.st = own->at[i]->types[type];
		if (x.st)
			rc = extract_type(&x, node, err);
	}
	arena_release(&x.scratch);
	if (rc < 0)
		return -1;
	if (si->words)
		search_words_of(&x, node, word_param(si, type, SEARCH_NARRATIVE, "_text"),
		    word_param(si, type, SEARCH_ALL_WORDS, "_content"));
	if (x.failed)
		return error_set(err, ERROR_LIMIT, "the resource has too many values to search by");
	*rows = x.rows;
	*count = x.count;
	return 0;
}
