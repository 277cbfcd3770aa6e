/* Values of resources as rows of the index: texts, dates, URIs; the others have
 * files of their own. */
#include "base/clock.h"
#include "gateway/fhir/index_extract.h"

enum {
	ROWS_MOST = 100000, /* of one resource */
};

struct store_index *
search_add_row(struct extraction *x, uint16_t kind)
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
add_string(struct extraction *x, struct str value)
{
	if (value.len)
		search_add_row(x, PARAM_STRING)->value = value;
}

static void
string_of_node(struct extraction *x, uint32_t node)
{
	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		add_string(x, record_text(x->r, node));
		return;
	}
	RECORD_EACH_CHILD(x->r, node, i)
		if (search_type_at(x, i)->lexical == LEXICAL_STRING)
			add_string(x, record_text(x->r, i));
}

/* From the beginning of low to the end of high; empty: open. */
static bool
read_range(struct str low, struct str high, int64_t *from, int64_t *to)
{
	int64_t ignored;

	*from = INT64_MIN;
	*to = INT64_MAX;
	return (low.len || high.len) && (!low.len || instant_parse(low, from, &ignored)) &&
	       (!high.len || instant_parse(high, &ignored, to));
}

static void
add_date(struct extraction *x, struct str low, struct str high)
{
	struct store_index *row;
	int64_t from, to;

	if (!read_range(low, high, &from, &to))
		return;
	row = search_add_row(x, PARAM_DATE);
	row->low = from;
	row->high = to;
}

/* Of a Timing only the outer limits matter (R4, 3.1.1.4.7). */
static void
timing_of_node(struct extraction *x, uint32_t node)
{
	uint32_t repeat = record_child(x->r, x->p, node, STR("repeat")), bounds = 0;
	int64_t low = INT64_MAX, high = INT64_MIN, from, to;
	struct store_index *row;

	for (uint32_t i = record_child(x->r, x->p, node, STR("event")); i;
	     i = record_next(x->r, node, i)) {
		if (!read_range(record_text(x->r, i), record_text(x->r, i), &from, &to))
			continue;
		low = from < low ? from : low;
		high = to > high ? to : high;
	}
	if (repeat)
		bounds = record_child(x->r, x->p, repeat, STR("boundsPeriod"));
	if (bounds && read_range(record_value(x->r, x->p, bounds, STR("start")),
			  record_value(x->r, x->p, bounds, STR("end")), &from, &to)) {
		low = from < low ? from : low;
		high = to > high ? to : high;
	}
	if (low > high)
		return;
	row = search_add_row(x, PARAM_DATE);
	row->low = low;
	row->high = high;
}

static void
date_of_node(struct extraction *x, uint32_t node)
{
	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		add_date(x, record_text(x->r, node), record_text(x->r, node));
		return;
	}
	add_date(x, record_value(x->r, x->p, node, STR("start")),
	    record_value(x->r, x->p, node, STR("end")));
	timing_of_node(x, node);
}

static void
position_of_node(struct extraction *x, uint32_t node)
{
	struct store_index *row;
	int64_t latitude, longitude;

	if (!search_degrees(record_value(x->r, x->p, node, STR("latitude")), 90, &latitude) ||
	    !search_degrees(record_value(x->r, x->p, node, STR("longitude")), 180, &longitude))
		return;
	row = search_add_row(x, PARAM_SPECIAL);
	row->low = latitude;
	row->high = longitude;
}

void
search_add_node(struct extraction *x, uint32_t node)
{
	switch (x->e->kind) {
	case PARAM_TOKEN:
		search_token_of(x, node);
		break;
	case PARAM_STRING:
		string_of_node(x, node);
		break;
	case PARAM_DATE:
		date_of_node(x, node);
		break;
	case PARAM_REFERENCE:
		search_reference_of(x, node);
		break;
	case PARAM_NUMBER:
	case PARAM_QUANTITY:
		search_number_of(x, node);
		break;
	case PARAM_SPECIAL:
		position_of_node(x, node);
		break;
	case PARAM_URI:
		if (x->r->nodes[node].len)
			search_add_row(x, PARAM_URI)->value = record_text(x->r, node);
		break;
	default:
		break;
	}
}

/* A value that the expression made: "Patient.deceased.exists()". */
void
search_add_made(struct extraction *x, struct str value)
{
	if (!value.len)
		return;
	switch (x->e->kind) {
	case PARAM_TOKEN:
		search_add_token(x, STR(""), value);
		break;
	case PARAM_STRING:
		add_string(x, value);
		break;
	case PARAM_DATE:
		add_date(x, value, value);
		break;
	case PARAM_NUMBER:
		search_add_decimal(x, value);
		break;
	case PARAM_URI:
		search_add_row(x, PARAM_URI)->value = value;
		break;
	default:
		break;
	}
}
