/*
 * fold.h - text as it is compared in searches: without case, accents and
 * differences of white space (FHIR R4, 3.1.1.4.8).
 */
#ifndef GATEWAY_STORE_FOLD_H
#define GATEWAY_STORE_FOLD_H

#include <stddef.h>

#include "base/str.h"

struct arena;

enum {
	FOLD_BYTES = 1000, /* a folded text is cut here, between characters */
};

/*
 * The folded form of s in the arena, at most FOLD_BYTES long: decomposed
 * (NFKD), accents dropped, case folded, runs of white space one blank,
 * none at the start or the end. Bytes that are no UTF-8 are dropped. Returns
 * 0; -1 when the arena is full.
 */
int fold_text(struct str s, struct arena *a, struct str *out);

#endif
