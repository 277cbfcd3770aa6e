/*
 * outcome.h - OperationOutcome (R4, 2.28.6.8): what was wrong, where, and what
 * would help, made of findings.
 */
#ifndef GATEWAY_FHIR_OUTCOME_H
#define GATEWAY_FHIR_OUTCOME_H

#include "base/buf.h"
#include "base/error.h"
#include "base/finding.h"
#include "profiles/record.h"

struct pack;

/*
 * Build an OperationOutcome with an issue for each finding: severity, code,
 * expression, and diagnostics with the text and the line and column (which
 * also stand in the extensions operationoutcome-issue-line and -issue-col).
 * No finding at all makes one informational issue "all ok". Returns the
 * record, in the arena; NULL when that is full.
 */
const struct record *outcome_build(const struct pack *p, const struct findings *f, struct arena *a);

/*
 * As outcome_build(), written as JSON to out; flags as fhir_json_write(). What
 * it needs on the way it takes from elsewhere, so that it works when the
 * findings' arena is full. Returns 0, or -1 when out is full.
 */
int outcome_write(const struct pack *p, const struct findings *f, int flags, struct buf *out);

/* The HTTP status that fits a kind of error: 400, 404, 409, 413, 503, … */
int outcome_status(enum error_kind kind);

/* The issue-type code that fits an HTTP status: "not-found", "login", … */
const char *outcome_code(int status);

#endif
