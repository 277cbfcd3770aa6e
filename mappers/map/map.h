/*
 * map.h - maps: from an HL7 v2 message to a Bundle of FHIR resources.
 *
 * A map set is all maps of some folders, compiled against one pack. The
 * notation is in mappers/README.md. A set is immutable and may be used by any
 * number of threads; it must not outlive its pack.
 */
#ifndef MAPPERS_MAP_MAP_H
#define MAPPERS_MAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "mappers/hl7v2/er7.h"
#include "profiles/record.h"

struct arena;
struct error;
struct findings;
struct map_set;
struct pack;
struct zone;

/*
 * Read every *.map file of the folders and compile them. What a later folder
 * says wins. Returns NULL with *err set: "FILE:LINE:COLUMN: what is wrong, and
 * what would be right" (ERROR_INVALID), a line for each map that is wrong as far as
 * there is room; a folder that cannot be read, or no map
 * of any message (ERROR_MISSING).
 */
struct map_set *
map_set_load(const struct pack *pack, const char *const *folders, size_t count, struct error *err);

/* The same from texts in memory. */
struct map_source {
	const char *name; /* for errors; copied */
	struct str text;
};
struct map_set *map_set_compile(
    const struct pack *pack, const struct map_source *sources, size_t count, struct error *err);

void map_set_free(struct map_set *set);

/* Whether there is a map for a message structure: "ADT_A01". */
bool map_set_has(const struct map_set *set, struct str structure);

/*
 * The structure a message will be mapped as: MSH-9.3 if there is a map for it,
 * else what `events` says of MSH-9.1 and MSH-9.2. Empty when there is none.
 */
struct str map_set_structure(const struct map_set *set, const struct er7_message *m);

/* What a namespace (HD.1) stands for at a site. */
struct map_namespace {
	struct str name, uri;
};

/*
 * What a message says of an element beside its value: that it is to be deleted
 * (""), or that its value is a map's default, for a resource that is new. The
 * element is one of the resource, or of a part of it that does not repeat.
 */
struct map_note {
	struct str full_url; /* of the Bundle's entry */
	uint32_t element;
	bool deleted; /* else a default */
};

struct map_notes {
	const struct map_note *items;
	uint32_t count;
};

struct map_options {
	int zone_minutes;	 /* of times without a zone in a message whose MSH-7
			      * has none, east of UTC; see has_zone */
	bool has_zone;		 /* false: UTC */
	const struct zone *zone; /* a place's, with its summer time, instead; NULL */
	struct str seed;	 /* goes into ids with sender and control id: what
			      * tells feeds apart; may be empty */
	int64_t received;	 /* wall time, microseconds; 0: not known */
	const struct map_namespace *namespaces;
	size_t namespace_count;
	bool list;		 /* fill coverage's list, not only its counts */
	bool refuse_values;	 /* a value that is not of its data type is an error;
			     * else it is left out, with a warning */
	struct map_notes *notes; /* filled, in the arena, when not NULL */
};

enum coverage_kind {
	COVERAGE_UNMAPPED,
	COVERAGE_MAPPED,
	COVERAGE_DROPPED,
};

/* What became of one populated component. */
struct coverage_item {
	enum coverage_kind kind;
	struct str place;      /* "PID-3[2].4.1" */
	uint32_t line, column; /* in the message */
	struct str rule;       /* "FILE:LINE"; empty when unmapped */
	struct str target;     /* mapped: "Patient.identifier[1].system" */
	struct str reason;     /* dropped: why */
};

struct coverage {
	uint32_t populated; /* leaves of the message: the sum of the others */
	uint32_t mapped, dropped, unmapped;
	const struct coverage_item *items; /* populated of them, when asked for */
};

/*
 * Convert a message to a transaction Bundle. Results are in the arena; the
 * builder is used as a workplace. options and coverage may be NULL. Values that
 * cannot be converted or translated, and segments that have no place, become
 * findings (warnings) with their v2 place, line and column. Returns 0; -1 when
 * there is no Bundle: the last finding, fatal, says why (no map for the
 * structure, a limit passed).
 */
int map_convert(const struct map_set *set, const struct er7_message *m,
    const struct map_options *options, struct arena *a, struct record_builder *b,
    const struct record **bundle, struct coverage *coverage, struct findings *findings);

#endif
