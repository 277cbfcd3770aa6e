/*
 * narrative_active.h - values of attributes that would run something, or fetch
 * it from elsewhere.
 *
 * Inside of narrative only. Any thread may call.
 */
#ifndef PROFILES_NARRATIVE_ACTIVE_H
#define PROFILES_NARRATIVE_ACTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Read a reference, "&lt;" or "&#160;", its '&' at *p, and go behind it. False
 * with *what set to what is wrong, *p at the place.
 */
bool narrative_reference(const char **p, const char *end, uint32_t *out, const char **what);

/* A link that would run something; `followed` when it is clicked, not shown as
 * an image. */
bool narrative_is_active_link(struct str link, bool followed);

bool narrative_is_active_style(struct str style);

#endif
