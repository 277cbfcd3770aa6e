/*
 * store.h - where resources are kept: the interface every backend implements.
 *
 * Each create, update and delete makes a version: a row with a row id that
 * only grows, valid from one moment to the next. Nothing is changed in place
 * but the end of the version before, so that a page of a search and the next
 * page can see one moment. Bodies are the exact bytes that are served.
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

struct store;
struct store_reader;

struct store_options {
	const char *path; /* of the database file */
	const struct pack *pack;
	unsigned busy_ms; /* how long to wait for another process */
};

/*
 * Open the store, made when it is not there. A file that is not a firedoor
 * store, or of a newer version, is refused and left as it is.
 */
struct store *store_open(const struct store_options *o, struct error *err);
void store_close(struct store *s);

/* What a write does to one resource. */
enum store_verb {
	STORE_CREATE, /* POST: a new id */
	STORE_UPDATE, /* PUT: the id is given */
	STORE_DELETE,
};

/* One value of one search parameter of a resource. */
struct store_index {
	uint16_t kind;	/* enum pack_param_type */
	uint32_t param; /* number in the pack */
	struct str system, value;
	/*
	 * token: system and code (system empty: none);
	 * string: value as written; the store normalises it;
	 * reference: value "Type/id", or a canonical or absolute URL; or, when
	 *   entry is not PACK_NONE, the resource of that entry;
	 * uri: value;
	 * date: low and high, microseconds since 1970 (INT64_MIN/MAX: open);
	 */
	uint32_t entry;
	int64_t low, high;
};

/* What must be found for a conditional write: all of tokens, of the type. */
struct store_match {
	struct store_index *index; /* AND of these; count 0: unconditional */
	uint32_t count;
};

struct store_op {
	/* Asked for: */
	enum store_verb verb;
	uint32_t type;		  /* resource type number */
	struct str id;		  /* create: the id it will have */
	uint64_t if_match;	  /* version that must be current; 0: any */
	bool must_exist;	  /* update: refuse to create */
	struct store_match match; /* conditional: If-None-Exist of a create;
				 * an update's or delete's search */
	struct str body;	  /* compact JSON without the spliced texts */
	struct splices splices;
	struct store_index *index;
	uint32_t index_count;

	/* Answered: */
	enum store_outcome {
		STORE_CREATED,
		STORE_UPDATED,
		STORE_DELETED,
		STORE_UNCHANGED, /* conditional create found one;
					 * delete of what is not there */
	} outcome;
	struct str final_id; /* in the write's arena */
	uint64_t version;
	int64_t updated;       /* wall time, microseconds */
	struct str final_body; /* in the write's arena, spliced */
};

/* A transaction: all ops or none. */
struct store_write {
	struct arena *arena; /* owned by the caller; answers go there */
	struct store_op *ops;
	uint32_t count;
	struct str dedup_key;	/* not empty: applied once; see below */
	struct str dedup_value; /* kept with it (the ACK, say) */

	int result;	    /* 0, or -1 with error set: nothing was done */
	struct error error; /* kind says: ERROR_CONFLICT (if_match),
				 * ERROR_MISSING (must_exist), ERROR_INVALID
				 * (several matches), … */
	uint32_t failed_op; /* the op that failed */
	bool duplicate;	    /* dedup_key was seen: nothing was done, and
				 * dedup_value is what was kept with it */
};

/*
 * Carry out the transactions in one commit: each succeeds or fails by itself,
 * and all that succeeded are on disk when this returns 0. Returns -1 with *err
 * set when the commit itself failed: then none was done. Writer thread only.
 *
 * In a transaction, conditional matches see what earlier ops and earlier
 * transactions of the batch have written; ids are settled first, then bodies
 * are spliced.
 */
int store_commit(struct store *s, struct store_write **writes, size_t count, struct error *err);

/* The dedup value kept under key; false when there is none. Keys are kept for
 * as long as store_forget_keys() leaves them. */
bool store_find_key(struct store_reader *r, struct str key, struct arena *a, struct str *value);

/* Drop dedup keys of before that wall time. Writer thread only. */
int store_forget_keys(struct store *s, int64_t before, struct error *err);

/* A reader for one thread. */
struct store_reader *store_reader_open(struct store *s, struct error *err);
void store_reader_close(struct store_reader *r);

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
 * one (deleted or not), 0 when there is none, -1 with *err set.
 */
int store_read(struct store_reader *r, uint32_t type, struct str id, uint64_t version,
    struct arena *a, struct store_version *out, struct error *err);

struct store_page {
	struct store_version *at;
	uint32_t count;
	uint64_t total; /* UINT64_MAX: not counted */
	bool more;
	uint64_t next_row; /* continue here */
	int64_t moment;	   /* what moment this page shows */
};

/*
 * A resource's versions, newest first, from `before_row` downwards (0: the
 * newest), as they were at `moment` (0: now). type PACK_NONE: the whole
 * system's; id empty: the whole type's. since: wall time, 0: all.
 */
struct store_history {
	uint32_t type;
	struct str id;
	int64_t since, moment;
	uint64_t before_row;
	uint32_t count;
};
int store_read_history(struct store_reader *r, const struct store_history *h, struct arena *a,
    struct store_page *out, struct error *err);

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
		TEST_URI,
		TEST_DATE,    /* overlaps low..high, as `compare` says */
		TEST_MISSING, /* value "true" or "false" */
	} kind;
	uint32_t param;
	struct str system, value;
	bool any_system, any_value, no_system;
	int64_t low, high;
	enum store_compare {
		COMPARE_EQ,
		COMPARE_NE,
		COMPARE_GT,
		COMPARE_LT,
		COMPARE_GE,
		COMPARE_LE,
		COMPARE_SA,
		COMPARE_EB,
	} compare;
	bool negate; /* :not */
};

/* Any of the tests. */
struct store_clause {
	struct store_test *tests;
	uint32_t count;
};

/*
 * What somebody may see. SQL enforces it: what is not visible does not exist
 * for a query.
 */
struct store_visibility {
	enum { SEES_NOTHING, SEES_EVERYTHING, SEES_COMPARTMENT } kind;
	struct str compartment; /* "Patient/123" */
};

struct store_query {
	uint32_t type;
	struct store_clause *clauses; /* all of them */
	uint32_t clause_count;
	struct store_visibility visibility;
	bool sort_updated, ascending; /* default: newest first */
	uint32_t count;		      /* 0: only the total */
	bool want_total;
	uint64_t from_row; /* continue behind this row; 0: start */
	int64_t moment;	   /* 0: now */
};

/* Search current (at `moment`) versions. Returns 0, or -1 with *err set. */
int store_search(struct store_reader *r, const struct store_query *q, struct arena *a,
    struct store_page *out, struct error *err);

/* For /metrics and tests: current resources of the type (PACK_NONE: all). */
int store_count(struct store_reader *r, uint32_t type, uint64_t *out, struct error *err);

#endif
