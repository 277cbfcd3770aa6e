/*
 * fhir_reader.h - what the readers of FHIR JSON and FHIR XML share: the frames
 * of open elements, and what they find wrong. One reader lives on the stack of
 * fhir_json_read() or fhir_xml_read().
 */
#ifndef MAPPERS_FHIR_FHIR_READER_H
#define MAPPERS_FHIR_FHIR_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/json_lex.h"
#include "profiles/record_build.h"

/*
 * JSON only: marks in a node's element while the object it stands in is open. Values and
 * their companions ("given" and "_given") become nodes each; they are joined
 * when the object ends. The `text` of a marked node is where it stood in the
 * input.
 */
enum {
	MARK_NULL = 0x40000000,	     /* holds the place of a null */
	MARK_COMPANION = 0x80000000, /* from "_given" */
};

/* An object or element that is being read; its path is that of the frames up to it. */
struct frame {
	struct frame *up;
	const char *start; /* of it in the input */
	uint32_t node;
	uint32_t element; /* whose value the object is */
	uint32_t index;	  /* which repetition of it */
	uint32_t type;
	uint32_t last;	/* element of the newest member; the root of the type
			 * before there was one */
	uint32_t value; /* node of the newest single value */
	uint32_t found; /* how many required elements came */
	unsigned depth; /* from 1 */
	bool last_companion;
	bool disorder;	 /* members out of the specification's order */
	bool marks;	 /* there are marked nodes */
	bool resource;	 /* has a resourceType */
	bool type_named; /* and it was read */
	uint64_t *seen;	 /* members that came, a bit each; NULL while `last`
			  * tells, because they came in order */
};

/* A place in the input of which line and column are known. */
struct place {
	const char *at;
	uint32_t line, column; /* from 1, in characters */
};

struct level_bits;

struct reader {
	/* Of XML only where the text starts and ends, and where and why the
	 * reading ended. */
	struct json_lex lex;
	const char *format; /* "JSON" */
	struct record_builder *b;
	const struct pack *pack;
	const struct pack_type *types;
	const struct pack_element *elements;
	const char *names; /* the pack's texts */
	const struct fhir_read_options *options;
	struct findings *findings;
	struct arena *arena;
	struct frame *top;
	const char *high; /* end of what was ever put into the builder's text */
	unsigned depth;
	bool told;		 /* the fatal finding was made */
	bool spoiled;		 /* one was made, and the reading goes on */
	struct level_bits *bits; /* for frames that are tracked, by depth */
	struct place place;
};

/* No element: the finding is about the object itself. */
#define NO_LEAF UINT32_MAX
/* Not one of its repetitions: the element. */
#define NO_INDEX UINT32_MAX

static inline struct str
element_name(const struct reader *r, const struct pack_element *e)
{
	return str_of(r->names + e->name.offset, e->name.len);
}

/*
 * Something is wrong at `at`, in element `leaf` (repetition `index`) of the
 * newest frame. An error, or in lenient mode a warning.
 */
void reader_finds(struct reader *r, const char *code, uint32_t leaf, uint32_t index, const char *at,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* As reader_finds(), but nothing is lost by it: a warning, strict or not. */
void reader_warns(struct reader *r, const char *code, uint32_t leaf, uint32_t index, const char *at,
    const char *text);

/* No more findings are kept: they need no text. */
static inline bool
reader_is_full(const struct reader *r)
{
	return r->findings->count >= r->findings->most;
}

/*
 * The text cannot be a value of the kind: told, with why. control: it has a
 * character that XML does not allow.
 */
void reader_finds_value(struct reader *r, enum pack_lexical kind, struct str text, bool control,
    uint32_t element, uint32_t index, const char *at);

/* A name that no element of the frame's type has. */
void reader_finds_unknown(struct reader *r, const struct frame *f, struct str name, const char *at);

/* The reading ends here: the lexer's fault, or the builder's, is told once.
 * Returns false. */
bool reader_stops(struct reader *r, uint32_t leaf, uint32_t index);

/*
 * The value at p is a string that is no JSON, whose fault the lexer has: told,
 * and when its end is certain the reading goes on behind it, to find what else
 * is wrong; there will be no record. Returns whether it goes on.
 */
bool reader_spoils(struct reader *r, uint32_t leaf, uint32_t index);

/* As reader_stops(), for another reason. */
bool reader_refuses(struct reader *r, const char *code, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A name of the input, fit to be shown: cut, and without odd characters. */
enum {
	SHOWN_NAME = 68,
};
const char *shown_name(struct str name, char out[SHOWN_NAME]);

/* Join values with their companions among the frame's children, which stand
 * in the order of their elements. */
void reader_join(struct reader *r, struct frame *f);

/* Tell which required elements of the frame's type did not come. */
void reader_tells_missing(struct reader *r, struct frame *f);

/* Keep track of the frame's members by bits from now on. False: no memory. */
bool frame_track(struct reader *r, struct frame *f);

/* The bit of a member. */
static inline uint32_t
frame_bit(const struct reader *r, const struct frame *f, uint32_t element, bool companion)
{
	return 2 * (element - r->types[f->type].elements.first) + companion;
}

static inline bool
frame_has(const struct frame *f, uint32_t bit)
{
	return f->seen[bit / 64] >> bit % 64 & 1;
}

/* Whether another type of the element's choice came already; the frame is
 * tracked. */
bool frame_has_other_choice(const struct reader *r, const struct frame *f, uint32_t element);

/* The member of that element was dropped: it is not among the nodes, but is
 * not missing either. */
void frame_drops(struct reader *r, struct frame *f, uint32_t element);

#endif
