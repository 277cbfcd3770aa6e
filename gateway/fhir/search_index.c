#include "gateway/fhir/search_index.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "profiles/decimal.h"
#include "profiles/fhirpath.h"
#include "profiles/ucum.h"

#define UCUM_SYSTEM "http://unitsofmeasure.org"
#define CURRENCY_SYSTEM "urn:iso:std:iso:4217"

enum {
	ROWS_MOST = 100000, /* of one resource */
};

/* One part of a search parameter's expression, ready to be evaluated. */
struct entry {
	uint32_t param;
	uint16_t kind;	 /* enum pack_param_type */
	uint32_t target; /* keep references to this type only; PACK_NONE: any */
	struct fhirpath *path;
	struct pack_run homes; /* compartments whose members it tells, in `codes` */
};

struct type_index {
	struct entry *entries;
	uint32_t count;
	struct str *codes; /* codes of compartments, run by run */
	uint32_t code_count;
	bool is_home; /* the type has a compartment of its own */
};

struct search_index {
	const struct pack *pack;
	char *base;
	pthread_mutex_t lock;	   /* while a type is compiled */
	struct type_index **types; /* set once, then constant */
};

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
	return si;
}

void
search_index_free(struct search_index *si)
{
	if (!si)
		return;
	for (uint32_t t = 0; t < pack_type_count(si->pack); t++) {
		struct type_index *ti = si->types[t];

		if (!ti)
			continue;
		for (uint32_t i = 0; i < ti->count; i++)
			fhirpath_free(ti->entries[i].path);
		free(ti->entries);
		free(ti->codes);
		free(ti);
	}
	pthread_mutex_destroy(&si->lock);
	free(si->types);
	free(si->base);
	free(si);
}

/*
 * Expressions. A parameter of several types has one that is a union over all of
 * them; the parts that begin with another resource type's name give nothing
 * here and are left out.
 */

/* Cut *rest at the next | that stands in no parentheses or quotes. */
static bool
split_union(struct str *rest, struct str *part)
{
	unsigned depth = 0;
	bool quoted = false;

	if (!rest->p)
		return false;
	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '\'')
			quoted = !quoted;
		else if (!quoted && c == '(')
			depth++;
		else if (!quoted && c == ')' && depth)
			depth--;
		else if (!quoted && c == '|' && !depth) {
			*part = str_trim(str_of(rest->p, i));
			*rest = str_from_index(*rest, i + 1);
			return true;
		}
	}
	*part = str_trim(*rest);
	rest->p = NULL;
	return true;
}

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool
part_is_of(const struct pack *p, uint32_t type, struct str part)
{
	size_t from = 0, to;
	uint32_t named;

	while (from < part.len && part.p[from] == '(')
		from++;
	for (to = from; to < part.len && is_name_char(part.p[to]); to++)
		;
	named = pack_find_type(p, str_of(part.p + from, to - from));
	return named == PACK_NONE || pack_type_is(p, type, named);
}

/*
 * ".where(resolve() is Patient)" at the end asks for the type of what a
 * reference names, which its text tells: cut it off and give the type.
 */
static struct str
cut_resolve(const struct pack *p, struct str part, uint32_t *target)
{
	static const char where[] = ".where(resolve() is ";
	ptrdiff_t at = str_find_str(part, str_from(where));
	struct str name;

	if (at < 0 || part.p[part.len - 1] != ')')
		return part;
	name = str_from_index(part, (size_t)at + sizeof(where) - 1);
	name.len--;
	*target = pack_find_type(p, name);
	return *target == PACK_NONE ? part : str_of(part.p, (size_t)at);
}

static const struct pack_compartment *
compartment_at(const struct pack *p, uint32_t i)
{
	return (const struct pack_compartment *)p->table[TABLE_COMPARTMENTS] + i;
}

/* Note which compartments the parameter puts resources of the type into. */
static void
find_homes(const struct pack *p, uint32_t type, struct type_index *ti, struct entry *e)
{
	struct str code = pack_text(p, pack_param_at(p, e->param)->code);

	e->homes = (struct pack_run){ ti->code_count, 0 };
	for (uint32_t i = 0; i < p->count[TABLE_COMPARTMENTS]; i++) {
		const struct pack_compartment *c = compartment_at(p, i);
		const struct pack_member *m = pack_members(p, c->members);

		for (uint32_t j = 0; j < c->members.count; j++) {
			if (m[j].type != type || !str_eq(pack_text(p, m[j].param), code))
				continue;
			ti->codes = xrealloc(
			    ti->codes, (ti->code_count + 1) * sizeof(ti->codes[0]));
			ti->codes[ti->code_count++] = pack_text(p, c->code);
			e->homes.count++;
			break;
		}
	}
}

static void
not_compiled(
    const struct pack *p, uint32_t type, const struct pack_param *param, const struct error *err)
{
	log_event(LOG_DEBUG, "search parameter is not supported", "type=%.*s\tcode=%.*s\treason=%s",
	    STR_ARG(pack_text(p, pack_type_at(p, type)->name)), STR_ARG(pack_text(p, param->code)),
	    err->text);
}

static struct entry *
add_entry(struct type_index *ti)
{
	ti->entries = xrealloc(ti->entries, (ti->count + 1) * sizeof(ti->entries[0]));
	ti->entries[ti->count] = (struct entry){ .target = PACK_NONE };
	return &ti->entries[ti->count++];
}

/* Compile the parts of a parameter's expression, an entry each: the union's
 * search for duplicates is not needed, and costs their square. All or none. */
static void
compile_param(const struct pack *p, uint32_t type, struct type_index *ti, uint32_t number)
{
	const struct pack_param *param = pack_param_at(p, number);
	struct str part, rest = pack_text(p, param->expression);
	uint32_t first = ti->count;
	struct error err;

	while (split_union(&rest, &part)) {
		struct entry *e;

		if (!part.len || !part_is_of(p, type, part))
			continue;
		e = add_entry(ti);
		e->param = number;
		e->kind = (uint16_t)param->type;
		if (e->kind == PARAM_REFERENCE)
			part = cut_resolve(p, part, &e->target);
		e->path = fhirpath_compile(p, type, part, &err);
		if (e->path) {
			find_homes(p, type, ti, e);
			continue;
		}
		not_compiled(p, type, param, &err);
		while (ti->count > first)
			fhirpath_free(ti->entries[--ti->count].path);
		return;
	}
}

static bool
is_indexed(uint32_t param_type)
{
	return param_type == PARAM_TOKEN || param_type == PARAM_REFERENCE ||
	       param_type == PARAM_STRING || param_type == PARAM_DATE || param_type == PARAM_URI ||
	       param_type == PARAM_NUMBER || param_type == PARAM_QUANTITY;
}

static struct type_index *
compile_type(const struct pack *p, uint32_t type)
{
	struct type_index *ti = xcalloc(1, sizeof(*ti));
	uint32_t count;
	const uint32_t *params = pack_type_params(p, type, &count);

	ti->is_home = pack_find_compartment(p, pack_text(p, pack_type_at(p, type)->name)) != NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct pack_param *param = pack_param_at(p, params[i]);

		if (is_indexed(param->type) && param->expression.len)
			compile_param(p, type, ti, params[i]);
	}
	return ti;
}

static const struct type_index *
type_of(struct search_index *si, uint32_t type)
{
	struct type_index *ti = __atomic_load_n(&si->types[type], __ATOMIC_ACQUIRE);

	if (ti)
		return ti;
	pthread_mutex_lock(&si->lock);
	ti = si->types[type];
	if (!ti) {
		ti = compile_type(si->pack, type);
		__atomic_store_n(&si->types[type], ti, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&si->lock);
	return ti;
}

bool
search_index_has(struct search_index *si, uint32_t type, uint32_t param)
{
	const struct type_index *ti = type_of(si, type);

	for (uint32_t i = 0; i < ti->count; i++)
		if (ti->entries[i].param == param)
			return true;
	return false;
}

/* Values. */

struct extraction {
	const struct search_index *si;
	const struct pack *p;
	const struct record *r;
	const struct type_index *ti;
	const struct entry *e;
	reference_entry_fn *find;
	void *ctx;
	struct arena *a;
	struct store_index *rows;
	uint32_t count, room;
	bool failed;
};

static struct store_index *
add_row(struct extraction *x, uint16_t kind)
{
	static _Thread_local struct store_index nowhere;
	struct store_index *grown;

	if (x->count == x->room) {
		uint32_t room = x->room ? x->room * 2 : 32;

		grown = room <= ROWS_MOST * 2 ? arena_grow(x->a, x->rows, x->room * sizeof(*grown),
						    room * sizeof(*grown))
					      : NULL;
		if (!grown) {
			x->failed = true;
			return &nowhere;
		}
		x->rows = grown;
		x->room = room;
	}
	grown = &x->rows[x->count++];
	*grown = (struct store_index){
		.kind = kind, .param = x->e ? x->e->param : 0, .entry = PACK_NONE
	};
	return grown;
}

static void
add_token(struct extraction *x, struct str system, struct str value)
{
	struct store_index *row;

	if (!system.len && !value.len)
		return;
	row = add_row(x, PARAM_TOKEN);
	row->system = system;
	row->value = value;
}

static const struct pack_type *
type_at_node(const struct extraction *x, uint32_t node)
{
	return pack_type_at(x->p, record_type(x->r, x->p, node));
}

/* The only code system of the value set that an element is bound to (R4,
 * 3.1.1.4.10: for code, the system is implied). */
static struct str
implied_system(const struct extraction *x, uint32_t node)
{
	const struct pack_detail *d;
	const struct pack_value_set *vs;
	const struct pack_include *in;
	struct str system = STR("");

	if (type_at_node(x, node)->lexical != LEXICAL_CODE)
		return system;
	d = pack_detail_at(x->p, x->r->nodes[node].element);
	if (d->strength != BINDING_REQUIRED || !d->binding.len)
		return system;
	vs = pack_find_value_set(x->p, pack_text(x->p, d->binding));
	in = vs ? pack_includes(x->p, vs->includes) : NULL;
	for (uint32_t i = 0; vs && i < vs->includes.count; i++) {
		struct str one = pack_text(x->p, in[i].system);

		if (in[i].exclude)
			continue;
		if (!one.len || (system.len && !str_eq(one, system)))
			return STR("");
		system = one;
	}
	return system;
}

/* A child that is a namespace: Identifier's system is, ContactPoint's is not. */
static struct str
namespace_of(const struct extraction *x, uint32_t node)
{
	uint32_t child = record_child(x->r, x->p, node, STR("system"));

	if (!child || type_at_node(x, child)->lexical != LEXICAL_URI)
		return STR("");
	return record_text(x->r, child);
}

static void
token_of_node(struct extraction *x, uint32_t node)
{
	uint32_t child;

	if (type_at_node(x, node)->kind == PACK_PRIMITIVE) {
		if (x->r->nodes[node].len)
			add_token(x, implied_system(x, node), record_text(x->r, node));
		return;
	}
	child = record_child(x->r, x->p, node, STR("coding"));
	if (child) {
		for (; child; child = record_next(x->r, node, child))
			add_token(x, namespace_of(x, child),
			    record_value(x->r, x->p, child, STR("code")));
		return;
	}
	child = record_child(x->r, x->p, node, STR("code"));
	if (!child)
		child = record_child(x->r, x->p, node, STR("value"));
	add_token(x, namespace_of(x, node), child ? record_text(x->r, child) : STR(""));
}

static void
add_string(struct extraction *x, struct str value)
{
	if (value.len)
		add_row(x, PARAM_STRING)->value = value;
}

static void
string_of_node(struct extraction *x, uint32_t node)
{
	if (type_at_node(x, node)->kind == PACK_PRIMITIVE) {
		add_string(x, record_text(x->r, node));
		return;
	}
	RECORD_EACH_CHILD(x->r, node, i)
		if (type_at_node(x, i)->lexical == LEXICAL_STRING)
			add_string(x, record_text(x->r, i));
}

static void
add_date(struct extraction *x, struct str low, struct str high)
{
	int64_t from = INT64_MIN, to = INT64_MAX, ignored;
	struct store_index *row;

	if (!low.len && !high.len)
		return;
	if ((low.len && !instant_parse(low, &from, &ignored)) ||
	    (high.len && !instant_parse(high, &ignored, &to)))
		return;
	row = add_row(x, PARAM_DATE);
	row->low = from;
	row->high = to;
}

static void
date_of_node(struct extraction *x, uint32_t node)
{
	uint32_t repeat;

	if (type_at_node(x, node)->kind == PACK_PRIMITIVE) {
		add_date(x, record_text(x->r, node), record_text(x->r, node));
		return;
	}
	add_date(x, record_value(x->r, x->p, node, STR("start")),
	    record_value(x->r, x->p, node, STR("end")));
	for (uint32_t i = record_child(x->r, x->p, node, STR("event")); i;
	     i = record_next(x->r, node, i))
		add_date(x, record_text(x->r, i), record_text(x->r, i));
	repeat = record_child(x->r, x->p, node, STR("repeat"));
	if (repeat) {
		uint32_t bounds = record_child(x->r, x->p, repeat, STR("boundsPeriod"));

		if (bounds)
			date_of_node(x, bounds);
	}
}

/* Numbers. */

int64_t
search_number(const struct decimal *d)
{
	enum {
		DIGITS = 15,
		POWER_BIAS = DECIMAL_POWER_MAX + 1,
	};
	const int64_t ten_to_digits = INT64_C(1000000000000000);
	struct decimal x;
	int32_t power; /* the value is below ten to this */
	int64_t n = 0;

	if (decimal_is_zero(d))
		return 0;
	decimal_abs(d, &x);
	power = decimal_digits(&x) + x.exponent;
	if (decimal_round(&x, DIGITS - power, DECIMAL_HALF_EVEN, &x) < 0)
		x = *d;
	x.exponent += DIGITS - power;
	if (!decimal_to_int(&x, &n))
		n = ten_to_digits;
	if (n >= ten_to_digits) {
		n /= 10;
		power++;
	}
	n += (power + POWER_BIAS) * ten_to_digits;
	return d->negative ? -n : n;
}

int
search_quantity(struct str system, struct str *code, struct decimal *value, struct arena *a)
{
	char text[UCUM_TEXT];
	struct ucum_unit unit;
	struct str canonical;

	if (!str_is(system, UCUM_SYSTEM) || ucum_parse(*code, &unit, NULL) < 0)
		return 0;
	if (ucum_canonical(value, &unit, value) < 0)
		return -1;
	canonical = str_dup(a, str_of(text, ucum_canonical_unit(&unit, text)));
	if (!canonical.p)
		return -1;
	*code = canonical;
	return 0;
}

static void
add_number(struct extraction *x, int64_t low, int64_t high, struct str unit)
{
	struct store_index *row = add_row(x, PARAM_NUMBER);

	row->value = unit;
	row->low = low;
	row->high = high;
}

struct range {
	bool has_low, has_high;
	struct decimal low, high;
};

/* One step up or down: "<5" has 5 itself not in it. */
static void
encode_range(const struct range *q, struct str comparator, int64_t *low, int64_t *high)
{
	*low = q->has_low ? search_number(&q->low) : INT64_MIN;
	*high = q->has_high ? search_number(&q->high) : INT64_MAX;
	if (str_is(comparator, "<"))
		(*high)--;
	if (str_is(comparator, ">"))
		(*low)++;
}

/* The range by its unit in base units; a scale that runs the other way turns
 * it. */
static void
add_quantity(
    struct extraction *x, struct range q, struct str comparator, struct str system, struct str code)
{
	struct str low_code = code, high_code = code;
	struct store_index *row;
	int64_t low, high;

	if (!system.len || !code.len)
		return;
	if ((q.has_low && search_quantity(system, &low_code, &q.low, x->a) < 0) ||
	    (q.has_high && search_quantity(system, &high_code, &q.high, x->a) < 0))
		return;
	if (q.has_low && q.has_high && decimal_compare(&q.low, &q.high) > 0) {
		struct decimal d = q.low;

		q.low = q.high;
		q.high = d;
	}
	encode_range(&q, comparator, &low, &high);
	row = add_row(x, PARAM_QUANTITY);
	row->system = system;
	row->value = q.has_low ? low_code : high_code;
	row->low = low;
	row->high = high;
}

static bool
decimal_at(const struct extraction *x, uint32_t node, struct decimal *out)
{
	return node && type_at_node(x, node)->kind == PACK_PRIMITIVE &&
	       decimal_parse(record_text(x->r, node), out, NULL) == 0;
}

/* A range of which each of these units tells: as written, then by its code. */
static void
add_measure(struct extraction *x, const struct range *q, uint32_t node)
{
	struct str comparator = record_value(x->r, x->p, node, STR("comparator"));
	struct str system = record_value(x->r, x->p, node, STR("system"));
	struct str code = record_value(x->r, x->p, node, STR("code"));
	struct str unit = record_value(x->r, x->p, node, STR("unit"));
	struct str currency = record_value(x->r, x->p, node, STR("currency"));
	int64_t low, high;

	if (currency.len) {
		system = STR(CURRENCY_SYSTEM);
		code = currency;
	}
	encode_range(q, comparator, &low, &high);
	add_number(x, low, high, code);
	if (unit.len && !str_eq(unit, code))
		add_number(x, low, high, unit);
	if (x->e->kind == PARAM_QUANTITY)
		add_quantity(x, *q, comparator, system, code);
}

static void
quantity_of_node(struct extraction *x, uint32_t node)
{
	struct str comparator = record_value(x->r, x->p, node, STR("comparator"));
	struct range q = { .has_low = true, .has_high = true };

	if (!decimal_at(x, record_child(x->r, x->p, node, STR("value")), &q.low))
		return;
	q.high = q.low;
	if (comparator.len && comparator.p[0] == '<')
		q.has_low = false;
	else if (comparator.len)
		q.has_high = false;
	add_measure(x, &q, node);
}

static void
range_of_node(struct extraction *x, uint32_t low, uint32_t high)
{
	struct range q = { 0 };

	q.has_low = low && decimal_at(x, record_child(x->r, x->p, low, STR("value")), &q.low);
	q.has_high = high && decimal_at(x, record_child(x->r, x->p, high, STR("value")), &q.high);
	if (q.has_low || q.has_high)
		add_measure(x, &q, q.has_low ? low : high);
}

static void
number_of_node(struct extraction *x, uint32_t node)
{
	struct decimal d;
	uint32_t low, high;

	if (type_at_node(x, node)->kind == PACK_PRIMITIVE) {
		if (decimal_at(x, node, &d))
			add_number(x, search_number(&d), search_number(&d), STR(""));
		return;
	}
	low = record_child(x->r, x->p, node, STR("low"));
	high = record_child(x->r, x->p, node, STR("high"));
	if (low || high)
		range_of_node(x, low, high);
	else
		quantity_of_node(x, node);
}

struct str
search_reference(const struct search_index *si, struct str reference, bool *versioned)
{
	size_t base = strlen(si->base);
	ptrdiff_t history = str_find_str(reference, STR("/_history/"));

	if (versioned)
		*versioned = history >= 0;
	if (history >= 0)
		reference.len = (size_t)history;
	if (base && reference.len > base && reference.p[base] == '/' &&
	    memcmp(reference.p, si->base, base) == 0)
		reference = str_from_index(reference, base + 1);
	return reference;
}

/* The type name of ".../Type/id"; empty when the text is no such thing. */
static struct str
named_type(const struct extraction *x, struct str reference)
{
	size_t end = reference.len, start;

	while (end && reference.p[end - 1] != '/')
		end--;
	if (!end)
		return STR("");
	for (start = --end; start && reference.p[start - 1] != '/'; start--)
		;
	if (pack_find_resource(x->p, str_of(reference.p + start, end - start)) == PACK_NONE)
		return STR("");
	return str_of(reference.p + start, end - start);
}

/* The compartments that a reference puts the resource into. */
static void
add_homes(struct extraction *x, struct str target, uint32_t entry)
{
	for (uint32_t i = 0; i < x->e->homes.count; i++) {
		struct str code = x->ti->codes[x->e->homes.first + i];
		struct store_index *row;

		if (entry == PACK_NONE && !(str_starts(target, code) && target.len > code.len &&
					      target.p[code.len] == '/'))
			continue;
		row = add_row(x, STORE_COMPARTMENT);
		row->value = target;
		row->entry = entry;
	}
}

static void
add_reference(struct extraction *x, struct str text)
{
	struct store_index *row;
	uint32_t entry = PACK_NONE;
	struct str type;

	/* Contained: no resource of its own to name. */
	if (!text.len || text.p[0] == '#')
		return;
	if (x->find && x->find(x->ctx, text, &entry)) {
		add_row(x, PARAM_REFERENCE)->entry = entry;
		add_homes(x, STR(""), entry);
		return;
	}
	/* A conditional reference that nobody resolves. */
	if (str_find(text, '?') >= 0)
		return;
	text = search_reference(x->si, text, NULL);
	type = named_type(x, text);
	if (x->e->target != PACK_NONE && type.len && pack_find_resource(x->p, type) != x->e->target)
		return;
	row = add_row(x, PARAM_REFERENCE);
	row->value = text;
	add_homes(x, text, PACK_NONE);
}

static void
add_canonical(struct extraction *x, struct str text)
{
	ptrdiff_t bar = str_find(text, '|');

	add_reference(x, text);
	if (bar > 0)
		add_reference(x, str_of(text.p, (size_t)bar));
}

static void
reference_of_node(struct extraction *x, uint32_t node)
{
	uint32_t identifier;

	if (type_at_node(x, node)->kind == PACK_PRIMITIVE) {
		add_canonical(x, record_text(x->r, node));
		return;
	}
	/* A resource itself (Bundle.entry.resource) is no reference to one. */
	if (!(pack_element_at(x->p, x->r->nodes[node].element)->flags & ELEMENT_REFERENCE))
		return;
	add_reference(x, record_value(x->r, x->p, node, STR("reference")));
	identifier = record_child(x->r, x->p, node, STR("identifier"));
	if (identifier && type_at_node(x, identifier)->kind == PACK_COMPLEX)
		token_of_node(x, identifier);
}

static void
extract_node(struct extraction *x, uint32_t node)
{
	switch (x->e->kind) {
	case PARAM_TOKEN:
		token_of_node(x, node);
		break;
	case PARAM_STRING:
		string_of_node(x, node);
		break;
	case PARAM_DATE:
		date_of_node(x, node);
		break;
	case PARAM_REFERENCE:
		reference_of_node(x, node);
		break;
	case PARAM_NUMBER:
	case PARAM_QUANTITY:
		number_of_node(x, node);
		break;
	case PARAM_URI:
		if (x->r->nodes[node].len)
			add_row(x, PARAM_URI)->value = record_text(x->r, node);
		break;
	default:
		break;
	}
}

/* A value that the expression made: "Patient.deceased.exists()". */
static void
extract_made(struct extraction *x, struct str value)
{
	struct decimal d;

	if (!value.len)
		return;
	switch (x->e->kind) {
	case PARAM_TOKEN:
		add_token(x, STR(""), value);
		break;
	case PARAM_STRING:
		add_string(x, value);
		break;
	case PARAM_DATE:
		add_date(x, value, value);
		break;
	case PARAM_NUMBER:
		if (decimal_parse(value, &d, NULL) == 0)
			add_number(x, search_number(&d), search_number(&d), STR(""));
		break;
	case PARAM_URI:
		add_row(x, PARAM_URI)->value = value;
		break;
	default:
		break;
	}
}

static int
extract_param(struct extraction *x, uint32_t node, struct error *err)
{
	struct fhirpath_items items;

	if (fhirpath_eval(x->e->path, x->r, node, x->a, &items, err) < 0)
		return error_prefix(err, "cannot find the values of the search parameter %.*s",
		    STR_ARG(pack_text(x->p, pack_param_at(x->p, x->e->param)->code)));
	for (uint32_t i = 0; i < items.count && !x->failed; i++) {
		if (items.at[i].node == UINT32_MAX)
			extract_made(x, items.at[i].value);
		else
			extract_node(x, items.at[i].node);
	}
	return 0;
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
		.ti = type_of(si, record_type(r, si->pack, node)),
		.find = find,
		.ctx = ctx,
		.a = a,
	};

	if (x.ti->is_home)
		add_row(&x, STORE_COMPARTMENT)->entry = STORE_SELF;
	for (uint32_t i = 0; i < x.ti->count; i++) {
		x.e = &x.ti->entries[i];
		if (extract_param(&x, node, err) < 0)
			return -1;
	}
	if (x.failed)
		return error_set(err, ERROR_LIMIT, "the resource has too many values to search by");
	*rows = x.rows;
	*count = x.count;
	return 0;
}
