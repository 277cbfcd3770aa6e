/* FHIRPath's regular expressions, by PCRE2 within limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "profiles/fhirpath_eval.h"

enum {
	REGEX_STEPS = 1000000, /* of backtracking, for one match */
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
	pcre2_set_match_limit(r->limits, REGEX_STEPS);
	pcre2_set_heap_limit(r->limits, REGEX_KIBIBYTES);
	return 0;
}

/* One match from `from` on: 1, 0 or -1. A match may take as many steps as its
 * limit, so that is what it counts for when it finds nothing in a long text. */
static int
regex_match(struct regex *r, struct eval *e, const struct op *op, struct str text, size_t from,
    uint32_t flags)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, from,
	    flags | PCRE2_NO_UTF_CHECK, r->match, r->limits);

	if (eval_count(e, 16 + (uint32_t)((text.len - from) / 16)))
		return -1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0) {
		(void)eval_count(e, REGEX_STEPS);
		return eval_fail(
		    e, op, "the regular expression was stopped: it takes too many steps");
	}
	return 1;
}

/* "$1" and "${name}" in the replacement stand for what was captured. */
static int
substitute(
    struct regex *r, struct eval *e, const struct op *op, struct str text, struct str replacement)
{
	PCRE2_SIZE room = text.len * 2 + replacement.len * 4 + 64;

	for (int tries = 0; tries < 2; tries++) {
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
		if (eval_count(e, 16 + (uint32_t)((text.len + room) / 16)))
			return -1;
		if (rc >= 0)
			return eval_push_made(e, FHIRPATH_STRING, str_of(out, len));
		if (rc != PCRE2_ERROR_NOMEMORY)
			break;
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
		rc = regex_match(&r, e, op, text, 0, 0);
		rc = rc < 0 ? -1 : eval_push_bool(e, rc == 1);
	}
	regex_release(&r);
	return rc;
}
