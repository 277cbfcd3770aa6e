/* Upper and lower case, and texts that are alike but for case and white space
 * (N1, 5.6 and 6.1.2), in the whole of Unicode. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "profiles/fhirpath_eval.h"

enum {
	FOLD_MOST = 4, /* characters that one becomes when it is folded */
	CASE_ROOM = 8, /* bytes that one byte may become: two make FOLD_MOST of four bytes */
};

/* The character with its case folded, which may be several; how many. */
static int
fold(uint32_t c, int32_t out[FOLD_MOST])
{
	int last = 0;
	utf8proc_ssize_t n;

	if (c < 0x80) {
		out[0] = (int32_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		return 1;
	}
	n = utf8proc_decompose_char((int32_t)c, out, FOLD_MOST, UTF8PROC_CASEFOLD, &last);
	if (n < 1 || n > FOLD_MOST) {
		out[0] = (int32_t)c;
		return 1;
	}
	return (int)n;
}

/* In upper case. What is folded to several characters, as the sharp s is, has
 * several in upper case, too (Unicode, SpecialCasing.txt). */
static int
raise(uint32_t c, int32_t out[FOLD_MOST])
{
	int n = utf8proc_category((int32_t)c) == UTF8PROC_CATEGORY_LU ? 1 : fold(c, out);

	if (n == 1)
		out[0] = (int32_t)c;
	for (int i = 0; i < n; i++)
		out[i] = utf8proc_toupper(out[i]);
	return n;
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

int
eval_case(struct eval *e, struct str text, bool upper)
{
	size_t room = is_ascii(text) ? 1 : CASE_ROOM, len = 0, size;
	char *out = text.len <= SIZE_MAX / CASE_ROOM
			? arena_alloc_bytes(e->arena, text.len * room + 1)
			: NULL;

	if (!out)
		return eval_no_memory(e);
	for (struct str rest = text; rest.len; rest = str_from_index(rest, size)) {
		int32_t all[FOLD_MOST];
		uint32_t c;
		int n = 1;

		size = utf8_decode(rest, &c);
		if (!size)
			break; /* all texts are well-formed */
		if (upper)
			n = raise(c, all);
		else
			all[0] = utf8proc_tolower((int32_t)c);
		for (int i = 0; i < n; i++)
			len += utf8_encode((uint32_t)all[i], out + len);
	}
	return eval_push_made(e, FHIRPATH_STRING, str_of(out, len));
}

/* A text read as it is compared: folded, white space as one blank. */
struct reading {
	struct str rest;
	int32_t due[FOLD_MOST];
	int next, count;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next character; -1 at the end. */
static int32_t
read_folded(struct reading *r)
{
	size_t size;
	uint32_t c;

	if (r->next < r->count)
		return r->due[r->next++];
	if (!r->rest.len)
		return -1;
	if (is_space(r->rest.p[0])) {
		while (r->rest.len && is_space(r->rest.p[0]))
			r->rest = str_from_index(r->rest, 1);
		return ' ';
	}
	size = utf8_decode(r->rest, &c);
	if (!size)
		return -1;
	r->rest = str_from_index(r->rest, size);
	r->count = fold(c, r->due);
	r->next = 1;
	return r->due[0];
}

bool
text_is_equivalent(struct str x, struct str y)
{
	struct reading a = { .rest = x }, b = { .rest = y };
	int32_t c;

	do {
		c = read_folded(&a);
		if (c != read_folded(&b))
			return false;
	} while (c >= 0);
	return true;
}
