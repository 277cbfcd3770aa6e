/*
 * finding.h - what is wrong with data.
 *
 * A list of findings in an arena: each says how bad, of what kind (a code of
 * FHIR's issue-type system), where (a path, and line and column of the input)
 * and what would be right. Findings become an OperationOutcome, a NAK or a
 * line on the terminal. One thread at a time.
 */
#ifndef BASE_FINDING_H
#define BASE_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct arena;

enum severity {
	SEVERITY_FATAL,
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_INFORMATION,
};

struct finding {
	struct finding *next;
	enum severity severity;
	const char *code;      /* issue-type, a literal: "structure", … */
	struct str path;       /* FHIRPath or v2 place; may be empty */
	uint32_t line, column; /* from 1; 0 when there is none */
	struct str text;
};

struct findings {
	struct arena *arena;
	struct finding *first, **tail;
	unsigned count;	 /* kept in the list */
	unsigned errors; /* fatal and error, kept or not */
	unsigned errors_kept;
	unsigned most; /* keep no more than this */
	bool more;     /* some were not kept */
};

/* An empty list that keeps at most `most` findings in the arena. */
void findings_init(struct findings *f, struct arena *arena, unsigned most);

/*
 * Add a finding. path is copied. Past `most`, or when the arena is full, it is
 * only counted and f->more is set; but an error takes the place of the last
 * warning that was kept.
 */
void findings_add(struct findings *f, enum severity severity, const char *code, struct str path,
    uint32_t line, uint32_t column, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* "fatal", "error", "warning", "information": FHIR's issue-severity. */
const char *severity_name(enum severity s);

#endif
