/*
 * map_run.h - one conversion at work.
 *
 * The message's segments are put into the groups of its structure
 * (map_group.c); rules run over them (map_run.c) and fill trees of elements,
 * one a resource (map_tree.c), which are finished (references, defaults,
 * doublets) and written as a Bundle (map_bundle.c). All lives in the arena of
 * the conversion.
 */
#ifndef MAPPERS_MAP_MAP_RUN_H
#define MAPPERS_MAP_MAP_RUN_H

#include "base/finding.h"
#include "mappers/map/map_internal.h"

struct instance;

/* An element being filled. */
struct node {
	struct node *parent, *next, *first, *last;
	struct node *chain; /* in the slot table */
	uint32_t element;
	uint32_t slot, rep, run; /* who may fill it too; see README.md */
	uint32_t order;
	struct str text;
	struct str url;		     /* of an extension */
	struct instance *opens;	     /* resource it refers to */
	const struct resource *refs; /* the same, by name: found at the end */
	uint32_t refs_from;	     /* from which segment */
	bool weak;		     /* made by a default */
};

/* A resource being filled. */
struct instance {
	struct instance *next;	 /* in order of making */
	struct instance *beside; /* in the same scope */
	struct instance *same;	 /* the one this is a doublet of */
	struct instance *owner;	 /* whose path opened it */
	const struct resource *resource;
	const struct program *match;
	struct node *root;
	uint32_t type, number;
	bool fed;  /* got something from the message */
	bool dead; /* left out: it lacks what it must have */
	uint64_t hash;
	struct str system, value; /* of the identifier it is matched by */
	char uuid[37];
};

/* An occurrence of a group. */
struct group {
	struct group *parent;
	const struct part *part;
	const struct part *last; /* where the reader is in it */
	struct instance *instances;
};

/* A segment in its group. */
struct segment {
	const struct er7_segment *s;
	struct group *group;
	const struct part *part; /* NULL: it has no place */
	struct instance *instances;
	uint16_t id;
};

/* A rule put off to the end. */
struct later;

/* Minutes east of UTC, or those of a place at the time in question. */
struct map_zone {
	int minutes;
	const struct zone *place; /* NULL: minutes */
};

/* An element that "" deletes. */
struct deletion {
	struct deletion *next;
	struct instance *inst;
	uint32_t element;
};

struct run {
	const struct map_set *set;
	const struct message_map *map;
	const struct er7_message *m;
	const struct map_options *options;
	struct arena *arena;
	struct findings *findings;
	struct segment *segments;
	uint32_t *at_first; /* by id: where its segments begin in `at` */
	uint32_t *at;	    /* segments by id, in order */
	struct group *root;
	struct instance *instances, **instances_tail;
	uint32_t instance_count;
	struct instance *bundle;
	struct node **slots;
	uint32_t slot_count, slot_room;
	uint32_t node_count;
	struct later *later, **later_tail;
	struct deletion *deletions;
	uint32_t *marks;      /* by node of the message: what became of it */
	struct node **landed; /* the same: where it went, when asked for */
	uint32_t touched[64]; /* what the value at work was made from */
	uint32_t touched_count;
	uint32_t counted, count; /* the field whose repetitions were counted last */
	uint64_t work;
	struct map_zone zone; /* of times without one */
	bool full;	      /* the arena is, or too much was done */
};

enum {
	MARK_DROPPED = 1u << 31,
	MAX_WORK = 100000000,
};

/* ---- map_group.c ---- */

/* Put each segment into its group; report those without place. */
int map_run_group(struct run *run);

/* The segment of that id that `from` sees: its own, else the nearest before,
 * else behind, not across repeating groups. UINT32_MAX when there is none. */
uint32_t map_run_find_segment(const struct run *run, uint32_t from, uint16_t id);

/* ---- map_tree.c ---- */

struct node *map_tree_root(struct run *run, uint32_t type);
/* The child in that slot, made when it is not there. NULL when full. */
struct node *map_tree_child(
    struct run *run, struct node *parent, const struct step *s, uint32_t rep, uint32_t segment);
/* Follow a path; *inst becomes the resource that its end is in. */
struct node *map_tree_open(struct run *run, struct node *at, const struct path *p, uint32_t rep,
    uint32_t segment, struct instance **inst);
/* A child of that element with a text, put behind. */
void map_tree_put(struct run *run, struct node *parent, uint32_t element, struct str text);
/* Whether something stands in the element (or another type of the choice). */
bool map_tree_has(const struct run *run, const struct node *parent, const struct step *s);
struct node *map_tree_find(const struct node *parent, uint32_t element);
/* Take away what is empty; whether anything is left. */
bool map_tree_prune(struct node *n);
uint64_t map_tree_hash(const struct node *n);
bool map_tree_equal(const struct node *a, const struct node *b);
/* Put into a what only b has. */
void map_tree_merge(const struct run *run, struct node *a, struct node *b);
void map_tree_write(struct run *run, struct node *n, struct record_builder *b);
/* "Patient.name[0].family". */
struct str map_tree_path(const struct run *run, const struct node *n, struct arena *a);

/* A new resource. */
struct instance *map_instance_new(struct run *run, uint32_t type);
struct instance *map_instance_real(struct instance *i);
/* Whether it will be in the Bundle. */
bool map_instance_lives(const struct instance *i);
/* It, and whose path opened it, got something from the message. */
void map_instance_feed(struct instance *i);

/* ---- map_run.c ---- */

/* Run all rules over all segments. */
void map_run_rules(struct run *run);
/* The resource of that name that the segment sees, or NULL. */
struct instance *map_run_find(const struct run *run, const struct resource *r, uint32_t segment);

/* Run the rules that were put off: what fills other resources than the rule's
 * own, and the defaults of whole resources. */
void map_run_foreign(struct run *run);
void map_run_defaults(struct run *run);

/* ---- map_bundle.c ---- */

/* Settle references, defaults and doublets, and write the Bundle. */
const struct record *map_run_bundle(struct run *run, struct record_builder *b, struct error *err);
/* ---- map_note.c ---- */

/* A rule that fills an element of inst read "". Whether that deletes it: not
 * what must be there, nor extensions, which are one list. */
bool map_note_deleted(struct run *run, struct instance *inst, const struct path *path);
/* Put the notes together, when the entries have their ids. */
void map_note_all(struct run *run);

/* ---- map_whole.c ---- */

/* Leave out, with a finding, resources and parts that lack what FHIR requires. */
void map_run_whole(struct run *run);

/* ---- map_cover.c ---- */

void map_run_cover(struct run *run, struct coverage *c);

/* ---- map_value.c ---- */

/* Bring a text into the form of a primitive type. Returns NULL and *out, or
 * why it cannot be done. */
const char *map_value_convert(enum pack_lexical lexical, struct str in, struct map_zone zone,
    struct arena *a, struct str *out);
bool map_value_is_oid(struct str s);
bool map_value_is_uuid(struct str s);
bool map_value_is_uri(struct str s);
bool map_value_is_number(struct str s);
/* The zone in a date and time, in minutes; false when it has none. */
bool map_value_zone(struct str dtm, int *minutes);
struct str map_value_base64(struct str s, struct arena *a);

/* ---- map_date.c ---- */

/* The v2 date and time that is so many units later (or earlier), in the form
 * of `from`; empty when it is no date, no whole number or no unit. Units are
 * those of time as senders write them: "MIN", "min", "h", "hours", "d", "wk". */
struct str
map_value_later(struct str from, struct str count, struct str unit, bool earlier, struct arena *a);
/* So many units in minutes, a whole number; empty when it is none. */
struct str map_value_minutes(struct str count, struct str unit, struct arena *a);

#endif
