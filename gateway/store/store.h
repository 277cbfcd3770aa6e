/*
 * store.h - where resources are kept: the interface every backend implements.
 *
 * Each create, update and delete makes a version: a row with a row id that
 * only grows, valid from one moment to the next. Nothing is changed in place
 * but the end of the version before, so that a page of a search and the next
 * page can see one moment. Bodies are the exact bytes that are served.
 *
 * A moment is a number that grows with every version written: what a page
 * shows is what was current at its moment. It is no wall time. meta.lastUpdated
 * is: milliseconds, never going back from one version to any later one.
 *
 * Writing is done by one thread (the writer lane), many transactions to a
 * commit. Reading is done by as many threads as have a reader, while writing
 * goes on. No type of a backend appears here.
 */
#ifndef GATEWAY_STORE_STORE_H
#define GATEWAY_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/pack.h"

struct buf;
struct store;
struct store_filter;
struct store_reader;

struct store_index;

/*
 * Find the search values of a stored body, as a write of it would have them now:
 * for a store that makes its index anew. The rows lie in the arena. Returns 0, or
 * -1 with *err set.
 */
typedef int store_extract_fn(void *ctx, uint32_t type, struct str body, struct arena *a,
    struct store_index **rows, uint32_t *count, struct error *err);

struct store_options {
	const char *path; /* of the database file */
	const struct pack *pack;
	store_extract_fn *extract; /* NULL: a store that needs it is refused */
	void *extract_ctx;
	unsigned busy_ms;   /* how long to wait for another process */
	unsigned query_ms;  /* a search or history may take so long; 0: any time */
	uint64_t max_bytes; /* the file may grow so large; 0: no limit */
	bool reindex;	    /* forget the index and make it anew, as for an older file */
};

/*
 * Open the store, made when it is not there; one process at a time. A file
 * that is not a firedoor store, or of a newer version, is refused and left as
 * it is; one that was not closed properly is checked first, and refused when
 * it is damaged. One of an older version is brought to this one, which may take
 * long and is told in log lines; cut off, it goes on the next time. The pack is
 * borrowed.
 */
struct store *store_open(const struct store_options *o, struct error *err);

/*
 * Look into the store beside the process that has it open: for a reader, and
 * nothing else. One of another layout is refused. Returns NULL with *err set.
 */
struct store *store_open_beside(const struct store_options *o, struct error *err);

/* Close its readers first. */
void store_close(struct store *s);

/* What a write does to one resource. */
enum store_verb {
	STORE_CREATE, /* POST: a new id */
	STORE_UPDATE, /* PUT: the id is given */
	STORE_DELETE,
	STORE_FIND, /* writes nothing: its match must find one resource, which
		     * other ops of the transaction refer to */
};

/*
 * What somebody may see. SQL enforces it: what is not visible does not exist
 * for a read or a query. Zeroed, it is SEES_NOTHING. A compartment holds the
 * resources whose index has a row of STORE_COMPARTMENT for it.
 */
struct store_visibility {
	enum { SEES_NOTHING, SEES_EVERYTHING, SEES_COMPARTMENT } kind;
	struct str compartment; /* "Patient/123" */
	/* What else a resource must pass, by type number; NULL: nothing. */
	const struct store_filter *filters;
};

enum {
	/* Kinds of a store_index beside enum pack_param_type: */
	STORE_COMPARTMENT = 100,
	STORE_TEXT = 101,
	/* what is said of a token in words */ STORE_OF_TYPE = 102, /* an identifier by its type */
	STORE_WORD = 103,	     /* a word of the resource's text, without case */
	STORE_SELF = UINT32_MAX - 1, /* entry of a store_index: the op itself */
};

/* The note of how far resources are indexed by search parameters of one's own; an
 * upgrade that makes the index anew forgets it. */
#define STORE_OWN_NOTE "own-search-parameters"

enum {
	STORE_OWN_PARAMS = 1000, /* numbers behind the pack's: store_define_param() */
};

/* One value of one search parameter of a resource. */
struct store_index {
	uint16_t kind;	/* enum pack_param_type, or one of those above */
	uint32_t param; /* number in the pack, or one that was defined; of a
			 * compartment: not used */
	struct str system, value;
	/*
	 * token: system and code (system empty: none); under a parameter of
	 *   type reference: its identifier (:identifier);
	 * string: value as written; the store normalises it;
	 * reference: value "Type/id", or a canonical or absolute URL; or, when
	 *   entry is not PACK_NONE, the resource of that op (STORE_SELF: this);
	 * uri: value;
	 * date: low and high, microseconds since 1970 (INT64_MIN/MAX: open);
	 * number: low and high, numbers encoded so that they order (equal: one
	 *   value); value: the unit as written, empty: none. Under a parameter of
	 *   type quantity there is one for each way its unit is written;
	 * quantity: low and high in the unit system|value;
	 * special: low and high, latitude and longitude in 10^-7 degrees;
	 * compartment: as reference: the resource whose compartment it is in;
	 * text: value as written, of a token;	 * word: value, of _text or _content;
	 * of type: system of the type, value "code|value" of the identifier.
	 */
	uint32_t entry;
	int64_t low, high;
	/*
	 * 0, or, for a value of a composite's component in one of several elements,
	 * the component's number from 1, `element` being the same for what stands in
	 * one element; param is the composite. Such rows of one param stand together,
	 * those of an element too. kind PARAM_COMPOSITE: no element has all.
	 */
	uint16_t component;
	uint32_t element;
};

/* A token that is asked for; value empty: any of that system. */
struct store_token {
	struct str system, value;
};

/* One comparison of a search. */
struct store_test {
	enum store_test_kind {
		TEST_ID,	/* value */
		TEST_UPDATED,	/* _lastUpdated: from low to high */
		TEST_TOKEN,	/* system|value; any_system, any_value */
		TEST_REFERENCE, /* value "Type/id" or a URL */
		TEST_STRING,	/* starts with value, normalised */
		TEST_STRING_EXACT,
		TEST_STRING_CONTAINS,
		TEST_STRING_ENDS,    /* normalised, as are these two: */
		TEST_STRING_EQUAL,   /* the whole */
		TEST_STRING_UNEQUAL, /* there is one that is another */
		TEST_TOKEN_SET,	     /* one of set */
		TEST_TOKEN_TEXT,
		/* a text of a token starts with value, normalised */
		TEST_WORD,    /* value, as of STORE_WORD */
		TEST_OF_TYPE, /* system, value as of STORE_OF_TYPE */
		TEST_URI,
		TEST_URI_BELOW,	     /* value, or a URI that goes on with "/" behind it */
		TEST_DATE,	     /* against low..high, as `compare` says */
		TEST_NUMBER,	     /* against low..high; value: unit as written, empty: any */
		TEST_QUANTITY,	     /* against low..high, of system|value */
		TEST_IN_COMPARTMENT, /* of value ("Patient/123") */
		TEST_NEAR,	     /* within distance of low (latitude), high (longitude) */
		TEST_CHAIN,	     /* refers by param to a resource that inner finds */
		TEST_HAS,	     /* is referred to by param of a resource that inner finds */
		TEST_MISSING,	     /* value "true" or "false" */
		TEST_ALL,	     /* the resource itself passes all clauses of inner */
		TEST_TUPLE,	     /* of the composite param: some element passes all clauses of
				* inner, one for each component; or no elements are told
				* apart. In a clause, TEST_MISSING: has any value */
	} kind;
	uint32_t param;
	struct str system, value;
	bool any_system, any_value, no_system;
	int64_t low, high;
	int64_t distance; /* millimetres */
	enum store_compare {
		COMPARE_EQ,
		COMPARE_NE,
		COMPARE_GT,
		COMPARE_LT,
		COMPARE_GE,
		COMPARE_LE,
		COMPARE_SA,
		COMPARE_EB,
		COMPARE_AP, /* the ranges overlap */
	} compare;
	bool negate; /* :not */
	const struct store_token *set;
	uint32_t set_count;
	const struct store_inner *inner;
};

/* Any of the tests. */
struct store_clause {
	struct store_test *tests;
	uint32_t count;
};

/* All of the clauses, none of which has a visibility: of one type's resources.
 * Made once, constant then. */
struct store_filter {
	struct store_clause *clauses;
	uint32_t count;
};

enum {
	STORE_DEPTH = 8,	/* of inner searches in each other */
	STORE_GONE_MOST = 1000, /* that one op deletes; more is ERROR_LIMIT */
	STORE_NESTING = 32,	/* of those and TEST_ALL together */
};

/* A search within one: current resources of another type that pass all clauses
 * and are visible. Of TEST_ALL and TEST_TUPLE: clauses, of the resource itself. */
struct store_inner {
	uint32_t type;
	struct store_clause *clauses;
	uint32_t count;
	struct store_visibility visibility;
};

/*
 * What must be found for a conditional write: resources of the op's type that
 * pass all of these, and are visible to the transaction. count 0: the write is
 * unconditional.
 */
struct store_match {
	struct store_clause *clauses;
	uint32_t count;
};

/* A resource that another refers to. */
struct store_target {
	uint32_t type;
	struct str id;
	uint64_t version; /* 0: any that is current */
};

struct store_op {
	/* Asked for: */
	enum store_verb verb;
	uint32_t type;			    /* resource type number */
	struct str id;			    /* create: the id it will have; also of an
				   * update whose match finds nothing */
	bool id_given;			    /* conditional update: id is the sender's,
				   * and must be that of what is found */
	uint64_t if_match;		    /* version that must be current; 0: any */
	bool must_exist;		    /* update: refuse to create */
	bool many;			    /* conditional delete: all that match, else one */
	struct store_match match;	    /* conditional: If-None-Exist of a create;
				   * an update's, delete's or find's search */
	struct str within;		    /* not empty: "Patient/1", the compartment that the
				   * resource must be in as it is, or it is not there
				   * (ERROR_MISSING), and as it becomes (ERROR_DENIED) */
	const struct store_target *targets; /* that must be there when all ops are
					     * done; references to ops are none of them */
	uint32_t target_count;
	struct str body; /* compact JSON without the spliced texts */
	struct splices splices;
	const struct store_index *index;
	uint32_t index_count;
	uint64_t generation; /* what index was extracted by */

	/* Answered: */
	enum store_outcome {
		STORE_CREATED,
		STORE_UPDATED,
		STORE_DELETED,
		STORE_UNCHANGED, /* conditional create or find found one;
				  * delete of what is not there */
	} outcome;
	struct str final_id; /* in the write's arena; empty: delete of nothing */
	uint64_t version;    /* what is current now; 0: delete of nothing */
	int64_t updated;     /* wall time, microseconds */
	struct store_gone {  /* what a delete of many has deleted; final_id is empty */
		struct str id;
		uint64_t version;
	} * gone;
	uint32_t gone_count;
	struct str final_body; /* in the write's arena, spliced; or of what was found */
};

/*
 * A message kept until somebody takes it away: a dead letter, one of a
 * destination's queue, a part of a message that goes on. It is in a box, in the
 * order of its number; numbers only grow, over all boxes.
 */
struct store_letter {
	struct str box;	 /* "dead", "out/laboratory" */
	struct str key;	 /* one letter of a box has it: a second takes the
			  * first's place and number; empty: none */
	struct str head; /* what is said of it: JSON */
	struct str body;
	uint32_t most; /* so many may be in the box: one more is ERROR_LIMIT; 0: any */

	uint64_t number;   /* answered, or read, as what follows */
	int64_t at, last;  /* wall time: put first, put last */
	uint32_t times;	   /* it was put */
	uint64_t body_len; /* also when the body was not asked for */
};

/* A letter to be taken away; the transaction fails (ERROR_MISSING) when it is
 * not there, unless it may be gone. */
struct store_take {
	struct str box;
	uint64_t number;
	bool may_be_gone;
};

/* A small thing to remember, in the place of what was under that key. */
struct store_note {
	struct str key, value; /* value empty: forget it */
	struct str before;     /* what must be there, with `checked`; else the
				* transaction fails (ERROR_CONFLICT) */
	bool checked;
};

/* A transaction: all ops or none. */
struct store_write {
	struct arena *arena; /* owned by the caller; answers go there */
	struct store_op *ops;
	uint32_t count;
	struct store_visibility visibility; /* of matches; a conditional op with
					     * SEES_NOTHING is ERROR_DENIED. Ops by
					     * id are not held against it */
	bool keep_referenced;		    /* refuse to delete what current resources
					     * refer to by a search parameter */
	struct str dedup_key;		    /* not empty: applied once; see below */
	struct str dedup_value;		    /* kept with it (the ACK, say) */
	bool dedup_for_good;		    /* store_forget_keys() leaves the key */
	struct store_letter *letters;	    /* put, in this order */
	uint32_t letter_count;
	const struct store_take *takes; /* before letters are put */
	uint32_t take_count;
	const struct store_note *notes;
	uint32_t note_count;

	int result;	    /* 0, or -1 with error set: nothing was done */
	struct error error; /* kind says: ERROR_CONFLICT (if_match; an
			     * id that is taken), ERROR_MISSING
			     * (must_exist; a find without a match),
			     * ERROR_INVALID (several matches; two ops on
			     * one resource; id_given is not what was
			     * found), ERROR_LIMIT (the arena is full) */
	uint32_t failed_op; /* the op that failed */
	bool id_failed;	    /* because of ids: id_given is not that of what was found, or one
			     * resource would be written twice */
	bool link_failed;   /* because of a reference: its target is not there
			     * (ERROR_INVALID), it is to what is deleted (ERROR_CONFLICT) */
	bool duplicate;	    /* dedup_key was seen: nothing was done, and
				 * dedup_value is what was kept with it */
};

/*
 * Carry out the transactions in one commit: each succeeds or fails by itself,
 * and all that succeeded are on disk when this returns 0. Returns -1 with *err
 * set when the commit itself failed: then none was done. Writer thread only.
 *
 * In a transaction all ids are settled first, op by op, then bodies are
 * spliced and written. Conditional matches see what earlier transactions of
 * the batch have written, what earlier ops delete, and, by token parameters,
 * what earlier ops create or update: two conditional creates of one identifier
 * make one resource. A find is settled behind all others, wherever it stands.
 */
int store_commit(struct store *s, struct store_write **writes, size_t count, struct error *err);

/* The dedup value kept under key; false when there is none. Keys are kept for
 * as long as store_forget_keys() leaves them. */
bool store_find_key(struct store_reader *r, struct str key, struct arena *a, struct str *value);

/* Drop dedup keys of before that wall time. Writer thread only. */
int store_forget_keys(struct store *s, int64_t before, struct error *err);

/*
 * For an import that has the store to itself: let index rows of commits wait in
 * memory, to be written in long runs. Commits are durable as ever, and conditions
 * of writes see everything; searches of readers see what was flushed. When the
 * program ends before store_end_bulk() has returned 0, the next opening makes the
 * index rows that are missing. Writer thread only. Return 0, or -1 with *err set.
 */
int store_begin_bulk(struct store *s, struct error *err);
int store_flush_bulk(struct store *s, struct error *err);
int store_end_bulk(struct store *s, struct error *err);

/*
 * What makes the store better and need not be done at once: called now and then, by
 * the writer thread, between commits. May take a second.
 */
int store_upkeep(struct store *s, struct error *err);

/*
 * A search parameter beside the pack's, by a number from pack_param_count() on,
 * fewer than STORE_OWN_PARAMS of them; for good. Its name tells it from all
 * others that there ever were in this store. Writer thread, before any row or
 * test has the number. Returns 0, or -1 with *err set.
 */
int store_define_param(
    struct store *s, uint32_t number, uint32_t type, struct str name, struct error *err);

/*
 * From here on versions are indexed by all that this generation has: an op
 * whose index is of an earlier one gets its rows from extract, of its final
 * body. Writer thread. ctx must be good until the store closes.
 */
void store_set_generation(
    struct store *s, uint64_t generation, store_extract_fn *extract, void *extract_ctx);

/* The newest row there is. Writer thread. */
int64_t store_last_row(const struct store *s);

/*
 * Index anew some current versions with rows above *row, up to last, in one
 * commit: with all that extract gives for them. *row is how far it came. Returns
 * 1 when there is more, 0 when not, -1 with *err set. Writer thread.
 */
int store_reindex(struct store *s, int64_t *row, int64_t last, struct error *err);

/* A reader for one thread. */
struct store_reader *store_reader_open(struct store *s, struct error *err);
void store_reader_close(struct store_reader *r);

/*
 * Let the reads that follow see one moment, until store_reader_let_go(), which
 * makes many short ones much cheaper; may be nested. For an instant only: what
 * the writer would tidy up waits. Returns 0, or -1 with *err set.
 */
int store_reader_hold(struct store_reader *r, struct error *err);
void store_reader_let_go(struct store_reader *r);

/* One version of one resource. */
struct store_version {
	uint64_t row;
	uint32_t type;
	struct str id;
	uint64_t version;
	int64_t updated;
	enum store_verb verb;
	bool deleted;	 /* no body */
	struct str body; /* in the arena asked for */
};

/*
 * Read the current version (version 0) or that one. Returns 1 when there is
 * one (deleted or not) that is visible, 0 when there is none, -1 with *err set.
 * A deleted version is visible when the one before it was.
 */
int store_read(struct store_reader *r, uint32_t type, struct str id, uint64_t version,
    const struct store_visibility *v, struct arena *a, struct store_version *out,
    struct error *err);

struct store_page {
	struct store_version *at;
	uint32_t count;
	uint64_t total;	   /* UINT64_MAX: not counted */
	bool more;	   /* behind this page; of one that was asked for backward: before it */
	uint64_t next_row; /* of the last: before_row or from_row of the next page */
	int64_t moment;	   /* what this page shows: moment of the next page */
};

/*
 * A resource's versions, newest first, from `before_row` downwards (0: the
 * newest), as they were at `moment` (0: now). type PACK_NONE: the whole
 * system's; id empty: the whole type's. since: wall time, 0: all; at_low to
 * at_high: only what was current at some time of these. Of a resource that was
 * never there, the page is empty.
 */
struct store_history {
	uint32_t type;
	struct str id;
	int64_t since, moment;
	int64_t at_low, at_high; /* wall time, both in it; at_high 0: any */
	uint64_t before_row;
	uint32_t count;
	bool want_total;
	bool bodiless; /* leave the bodies out: store_read_body() */
	struct store_visibility visibility;
};
int store_read_history(struct store_reader *r, const struct store_history *h, struct arena *a,
    struct store_page *out, struct error *err);

/* What is in a compartment ("Patient/123"), of all types. */
struct store_members {
	struct str compartment;
	int64_t moment; /* 0: now */
	uint32_t most;	/* no more than so many; out->more tells that there are */
	struct store_visibility visibility;
};

/*
 * The members that are current at the moment, the newest first, without bodies.
 * Returns 0, or -1 with *err set.
 */
int store_read_members(struct store_reader *r, const struct store_members *m, struct arena *a,
    struct store_page *out, struct error *err);

/*
 * By what a search's results are sorted. Of several values the least counts, or
 * descending the greatest; resources without any come last. References are
 * sorted by type and id, texts by the first 60 bytes of their folded form.
 * Resources that are equal so are in the order of their rows, the newest first.
 */
struct store_sort {
	enum {
		SORT_UPDATED, /* meta.lastUpdated */
		SORT_ID,
		SORT_PARAM,
	} by;
	uint32_t param;
	bool descending;
};

enum {
	STORE_SORTS = 8, /* keys of one search, at most */
};

struct store_query {
	uint32_t type;
	struct store_clause *clauses; /* all of them */
	uint32_t clause_count;
	struct store_visibility visibility;
	const struct store_sort *sort; /* the first first; none: newest first */
	uint32_t sort_count;
	bool backward;			  /* the page before from_row, in the same order */
	const struct store_inner *others; /* resources of other types, too */
	uint32_t other_count;
	uint32_t count; /* 0: only the total */
	bool want_total;
	bool total_if_short; /* count only where that is a matter of few rows */
	bool bodiless;	     /* as of a history */
	struct buf *explain; /* not NULL: how it is searched is told there, in lines that
			      * hold no values */
	uint64_t from_row;   /* continue behind this row (backward: before it); 0: start */
	int64_t moment;	     /* 0: now */
};

/*
 * Search versions that are current at `moment`. Returns 0, or -1 with *err set (ERROR_LIMIT: it took
 * longer than query_ms, or the arena is full).
 */
int store_search(struct store_reader *r, const struct store_query *q, struct arena *a,
    struct store_page *out, struct error *err);

/* What else is found because of a page. */
struct store_include {
	bool reverse;	 /* what refers to it, not what it refers to */
	bool iterate;	 /* also because of what was so found */
	uint32_t source; /* type that refers; PACK_NONE: any */
	uint32_t param;	 /* by this reference; PACK_NONE: by any */
	uint32_t target; /* type that is referred to; PACK_NONE: any */
};

struct store_includes {
	struct store_include *at;
	uint32_t count;
	const struct store_visibility *visible; /* by type number */
	uint32_t most;				/* no more than so many are found */
};

/*
 * Find what a page's resources refer to and what refers to them, as they were
 * at the page's moment: each once, none that is on the page, without bodies.
 * *cut: there are more than most. Returns 0, or -1 with *err set.
 */
int
store_include(struct store_reader *r, const struct store_page *page, const struct store_includes *q,
    struct arena *a, struct store_version **out, uint32_t *count, bool *cut, struct error *err);

/*
 * Read the body of a version that a page without bodies gave (and that is not
 * deleted): versions never change. Returns 0, or -1 with *err set.
 */
int store_read_body(struct store_reader *r, const struct store_version *v, struct arena *a,
    struct str *body, struct error *err);

/*
 * The resources that are current at a moment, with their bodies, in the order in
 * which they were written: everything, whoever may see it. moment 0 is now, and
 * becomes a number; after is the row behind which the next page begins. Returns
 * 0, or -1 with *err set.
 */
struct store_scan {
	int64_t moment;
	uint64_t after;
	uint32_t count;
};
int store_scan(struct store_reader *r, struct store_scan *scan, struct arena *a,
    struct store_page *out, struct error *err);

/* How far something is: done of total. */
typedef void store_progress_fn(void *ctx, uint64_t done, uint64_t total);

/*
 * Copy the store at path, as it is at one moment, to dest, which is replaced: also
 * while another process has it open and writes. The copy is checked and on disk
 * when 0 is returned; else -1 with *err set, and dest is as it was. progress may be
 * NULL.
 */
int store_backup(
    const char *path, const char *dest, store_progress_fn *progress, void *ctx, struct error *err);

/* What is to be removed for good: one resource with its history. */
struct store_purge {
	struct arena *arena;
	uint32_t type;
	struct str id;
	bool force; /* also when something refers to it */

	/* Answered: */
	uint64_t versions;	/* that were removed; 0: it was never there */
	uint32_t referrer_type; /* who refers to it; PACK_NONE: not known */
	struct str referrer_id;
};

/*
 * Remove it, and every index row of it. Returns 0; or -1 with *err set, and
 * nothing was removed (ERROR_CONFLICT: a current resource refers to it). Bytes of
 * it may be in the file until store_shred(). Writer thread only; no reader may be
 * on a page of a search.
 */
int store_purge(struct store *s, struct store_purge *p, struct error *err);

/*
 * Write the whole file and its journal anew, so that nothing of what was removed
 * is left in them. Takes as long, and for a while as much room on disk, as the
 * file is large. Without readers.
 */
int store_shred(struct store *s, struct error *err);

/* Would store_write.keep_referenced refuse to delete it? 1, 0, or -1 with *err set.
 * The arena is for what it needs on the way. */
int store_is_referred_to(
    struct store_reader *r, uint32_t type, struct str id, struct arena *a, struct error *err);

/* For /metrics and tests: current resources of the type (PACK_NONE: all). */
int store_count(struct store_reader *r, uint32_t type, uint64_t *out, struct error *err);

/* Letters of a box behind number `after`, at most `most`; newest first when
 * `backwards` (from the end when after is 0). Bodies only when asked for. */
struct store_letters {
	struct str box;
	uint64_t after;
	uint32_t most;
	bool backwards, bodies;
};
int store_read_letters(struct store_reader *r, const struct store_letters *q, struct arena *a,
    struct store_letter **out, uint32_t *count, struct error *err);

/* One letter with its body: 1; 0 when there is none; -1 with *err set. */
int store_read_letter(struct store_reader *r, struct str box, uint64_t number, struct arena *a,
    struct store_letter *out, struct error *err);

/* As store_read_letter(), by its key. */
int store_find_letter(struct store_reader *r, struct str box, struct str key, struct arena *a,
    struct store_letter *out, struct error *err);

/* How many letters the box has, and when the oldest was put (0: none). */
int store_count_letters(
    struct store_reader *r, struct str box, uint64_t *count, int64_t *oldest, struct error *err);

/* What was noted under the key; false when there is nothing. */
bool store_read_note(struct store_reader *r, struct str key, struct arena *a, struct str *value);

#endif
