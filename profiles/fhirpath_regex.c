/* FHIRPath's regular expressions, by PCRE2 within limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "profiles/fhirpath_eval.h"

enum {
	/* Of backtracking, for one match: tried with few, then with more and more. */
	REGEX_FEW = 200,
	REGEX_MORE = 10,
	REGEX_STEPS = 2000000,
	REGEX_COST = 4, /* so many of them count as one of the evaluation's */
	REGEX_KIBIBYTES = 16384,
	REGEX_BYTES = 8192, /* of a pattern */
};

/* What one call needs; freed as a whole. */
struct regex {
	pcre2_code *code, *own; /* own: compiled for this call */
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

static void
regex_release(struct regex *r)
{
	pcre2_match_data_free(r->match);
	pcre2_match_context_free(r->limits);
	pcre2_code_free(r->own);
}

/* Single line mode, where a point is any character, as N1, 5.6.9 has it. */
void *
regex_compile(struct str pattern, bool full, struct error *err)
{
	uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_UCHAR8 what[128] = "";
	pcre2_code *code;
	PCRE2_SIZE at;
	int why;

	if (full)
		flags |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	if (pattern.len > REGEX_BYTES) {
		error_set(err, ERROR_LIMIT, "the regular expression is longer than %d bytes",
		    REGEX_BYTES);
		return NULL;
	}
	code = pcre2_compile(
	    (PCRE2_SPTR)(pattern.len ? pattern.p : ""), pattern.len, flags, &why, &at, NULL);
	if (code)
		return code;
	pcre2_get_error_message(why, what, sizeof(what));
	error_set(err, ERROR_INVALID, "that is no regular expression: %s, at character %zu of it",
	    (const char *)what, at + 1);
	return NULL;
}

void
regex_free(void *code)
{
	pcre2_code_free(code);
}

static int
regex_init(struct regex *r, struct eval *e, const struct op *op, struct str pattern)
{
	struct error why;

	if (op->c != NO_OP) {
		r->code = e->f->patterns[op->c];
	} else {
		if (eval_count(e, 100 + (uint32_t)(pattern.len < REGEX_BYTES ? pattern.len : 0)))
			return -1;
		r->code = r->own = regex_compile(pattern, op->code == FN_MATCHES_FULL, &why);
		if (!r->code)
			return eval_fail(e, op, why.text);
	}
	r->limits = pcre2_match_context_create(NULL);
	r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
	if (!r->limits || !r->match)
		return eval_no_memory(e);
	pcre2_set_heap_limit(r->limits, REGEX_KIBIBYTES);
	return 0;
}

/*
 * PCRE2 does not tell how many steps a match took. So it gets few, and when they
 * were not enough, it begins again with more: each try counts for what it may
 * have taken. limit: 0 before the first try. 1, 0 when there is no more, or -1.
 */
static int
next_try(struct regex *r, struct eval *e, uint32_t *limit)
{
	if (*limit == REGEX_STEPS)
		return 0;
	*limit = *limit == 0 ? REGEX_FEW : *limit * REGEX_MORE;
	if (*limit > REGEX_FEW && eval_count(e, *limit / REGEX_COST))
		return -1;
	pcre2_set_match_limit(r->limits, *limit);
	return 1;
}

/* Whether there is a match: 1, 0 or -1. */
static int
regex_match(struct regex *r, struct eval *e, const struct op *op, struct str text)
{
	uint32_t limit = 0;
	int more, rc = PCRE2_ERROR_MATCHLIMIT;

	if (eval_count(e, 16 + (uint32_t)(text.len / 16)))
		return -1;
	while (rc == PCRE2_ERROR_MATCHLIMIT && (more = next_try(r, e, &limit)) != 0) {
		if (more < 0)
			return -1;
		rc = pcre2_match(r->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, 0,
		    PCRE2_NO_UTF_CHECK, r->match, r->limits);
	}
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0)
		return eval_fail(
		    e, op, "the regular expression was stopped: it takes too many steps");
	return 1;
}

/* "$1" and "${name}" in the replacement stand for what was captured. */
static int
substitute(
    struct regex *r, struct eval *e, const struct op *op, struct str text, struct str replacement)
{
	PCRE2_SIZE room = text.len * 2 + replacement.len * 4 + 64;

	uint32_t limit = 0;

	if (next_try(r, e, &limit) < 0)
		return -1;
	for (int tries = 0; tries < 2;) {
		PCRE2_SIZE len = room;
		char *out = arena_alloc_bytes(e->arena, room);
		int rc;

		if (!out)
			return eval_no_memory(e);
		rc = pcre2_substitute(r->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, 0,
		    PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH |
			PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_SUBSTITUTE_UNKNOWN_UNSET |
			PCRE2_NO_UTF_CHECK,
		    r->match, r->limits, (PCRE2_SPTR)(replacement.len ? replacement.p : ""),
		    replacement.len, (PCRE2_UCHAR *)out, &len);
		if (eval_count(e, 16 + (uint32_t)((text.len + room) / EVAL_STEP_BYTES)))
			return -1;
		/* Each place that was replaced may have taken all the steps. */
		if (rc > 0 && limit > REGEX_FEW &&
		    eval_count(e, (uint32_t)rc < UINT32_MAX / limit
				      ? (uint32_t)rc * (limit / REGEX_COST)
				      : UINT32_MAX))
			return -1;
		if (rc >= 0)
			return eval_push_made(e, FHIRPATH_STRING, str_of(out, len));
		if (rc == PCRE2_ERROR_MATCHLIMIT) {
			int more = next_try(r, e, &limit);

			if (more < 0)
				return -1;
			if (more == 0)
				break;
			continue;
		}
		if (rc != PCRE2_ERROR_NOMEMORY)
			break;
		tries++;
		room = len;
	}
	return eval_fail(e, op, "the replacement is wrong, or takes too many steps");
}

int
eval_regex(struct eval *e, const struct op *op, struct str text, struct str pattern,
    struct str replacement)
{
	struct regex r = { 0 };
	int rc;

	/* An empty pattern replaces nothing, as the official tests have it. */
	if (op->code == FN_REPLACE_MATCHES && pattern.len == 0)
		return eval_push_made(e, FHIRPATH_STRING, text);
	rc = regex_init(&r, e, op, pattern);
	if (rc == 0 && op->code == FN_REPLACE_MATCHES) {
		rc = substitute(&r, e, op, text, replacement);
	} else if (rc == 0) {
		rc = regex_match(&r, e, op, text);
		rc = rc < 0 ? -1 : eval_push_bool(e, rc == 1);
	}
	regex_release(&r);
	return rc;
}
