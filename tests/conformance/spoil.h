/*
 * spoil.h - for tests that spoil a text in one place and look whether the
 * finding is there.
 */
#ifndef TESTS_CONFORMANCE_SPOIL_H
#define TESTS_CONFORMANCE_SPOIL_H

#include "base/buf.h"

static uint32_t
next_random(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % below;
}

/* Line and column of a byte, counted in characters. */
static void
place_of(struct str text, size_t at, uint32_t *line, uint32_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at; i++) {
		if (text.p[i] == '\n') {
			++*line;
			*column = 1;
		} else if ((text.p[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

/* How deep a FHIRPath goes. */
static unsigned
steps(struct str path)
{
	unsigned n = 1;

	for (size_t i = 0; i < path.len; i++)
		n += path.p[i] == '.';
	return n;
}

/* The text with c put in at `at`. */
static void
insert(struct buf *out, struct str text, size_t at, char c)
{
	buf_clear(out);
	buf_put(out, text.p, at);
	buf_put_byte(out, c);
	buf_put(out, text.p + at, text.len - at);
}

#endif
