#include "mappers/map/map_run.h"

static const struct message_map *
find_map(const struct map_set *set, struct str structure)
{
	for (uint32_t i = 0; i < set->message_count; i++)
		if (str_eq(set->messages[i].block->name, structure))
			return &set->messages[i];
	return NULL;
}

static int
fail(struct findings *f, const char *code, const char *place, const struct er7_message *m,
    const char *text)
{
	findings_add(f, SEVERITY_FATAL, code, str_from(place),
	    m->segment_count ? m->segments[0].line : 0, 1, "%s", text);
	return -1;
}

static int
no_map(struct findings *f, const struct er7_message *m)
{
	const struct er7_segment *msh = m->segments;

	findings_add(f, SEVERITY_FATAL, "not-supported", STR("MSH-9"), msh->line, 1,
	    "there is no map for messages of type %.*s^%.*s^%.*s; write one, or say in 'events' "
	    "which structure it has",
	    STR_ARG(er7_value(m, msh, 9, 1, 1, 1)), STR_ARG(er7_value(m, msh, 9, 1, 2, 1)),
	    STR_ARG(er7_value(m, msh, 9, 1, 3, 1)));
	return -1;
}

static int
set_up(struct run *run)
{
	int minutes;

	run->instances_tail = &run->instances;
	run->later_tail = &run->later;
	if (run->options->zone)
		run->zone.place = run->options->zone;
	else if (run->options->has_zone)
		run->zone.minutes = run->options->zone_minutes;
	if (map_value_zone(er7_value(run->m, run->m->segments, 7, 1, 1, 1), &minutes))
		run->zone = (struct map_zone){ .minutes = minutes };
	run->marks = arena_calloc(run->arena, (size_t)run->m->node_count + 1, sizeof(uint32_t));
	if (run->options->list)
		run->landed = arena_calloc(
		    run->arena, (size_t)run->m->node_count + 1, sizeof(struct node *));
	if (!run->marks || (run->options->list && !run->landed))
		return -1;
	run->bundle = map_instance_new(run, run->set->known.type_bundle);
	return run->bundle ? map_run_group(run) : -1;
}

int
map_convert(const struct map_set *set, const struct er7_message *m,
    const struct map_options *options, struct arena *a, struct record_builder *b,
    const struct record **bundle, struct coverage *coverage, struct findings *findings)
{
	static const struct map_options none = { 0 };
	struct run run = { .set = set,
		.m = m,
		.options = options ? options : &none,
		.arena = a,
		.findings = findings };
	struct error err = { 0 };

	*bundle = NULL;
	if (m->segment_count == 0)
		return fail(findings, "structure", "MSH", m, "the message is empty");
	run.map = find_map(set, map_set_structure(set, m));
	if (!run.map)
		return no_map(findings, m);
	if (set_up(&run) != 0)
		return fail(findings, "too-costly", "", m, "the message is too large to convert");
	map_run_rules(&run);
	*bundle = map_run_bundle(&run, b, &err);
	if (!*bundle)
		return fail(findings, "too-costly", "", m, err.text);
	if (coverage)
		map_run_cover(&run, coverage);
	return 0;
}
