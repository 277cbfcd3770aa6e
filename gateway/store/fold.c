#include "gateway/store/fold.h"

#include <stdbool.h>
#include <utf8proc.h>

#include "base/arena.h"
#include "base/utf8.h"

struct folding {
	char *out;
	size_t len;
	bool blank; /* a blank is due before the next character */
	bool full;
};

static void
put_char(struct folding *f, uint32_t c)
{
	char bytes[5];
	size_t n = 0;

	if (f->blank && f->len)
		bytes[n++] = ' ';
	n += utf8_encode(c, bytes + n);
	if (n > FOLD_BYTES - f->len) {
		f->full = true;
		return;
	}
	memcpy(f->out + f->len, bytes, n);
	f->len += n;
	f->blank = false;
}

/* Accents of any script that uses them as such. The marks of other scripts (a
 * vowel, a voicing) tell words apart and are kept. */
static bool
is_accent(uint32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
	       (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) ||
	       (c >= 0xfe20 && c <= 0xfe2f);
}

static bool
is_space(uint32_t c, utf8proc_category_t category)
{
	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
	       category == UTF8PROC_CATEGORY_ZP || (c >= '\t' && c <= '\r') || c == ' ';
}

static void
fold_char(struct folding *f, uint32_t c)
{
	enum {
		MOST = 18, /* U+FDFA becomes this many */
	};
	utf8proc_int32_t parts[MOST];
	int last = 0;
	utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, MOST,
	    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &last);

	for (utf8proc_ssize_t i = 0; i < n && i < MOST; i++) {
		utf8proc_category_t category = utf8proc_category(parts[i]);

		if (is_space((uint32_t)parts[i], category))
			f->blank = true;
		else if (!is_accent((uint32_t)parts[i]))
			put_char(f, (uint32_t)parts[i]);
	}
}

static void
fold_ascii(struct folding *f, char c)
{
	if (c == ' ' || (c >= '\t' && c <= '\r'))
		f->blank = true;
	else
		put_char(f, (uint32_t)(c >= 'A' && c <= 'Z' ? c + 32 : c));
}

int
fold_text(struct str s, struct arena *a, struct str *out)
{
	struct folding f = { 0 };

	/* A character's folded form is at most 11 times as long (U+FDFA). */
	f.out = arena_alloc_bytes(a, s.len < FOLD_BYTES / 12 ? s.len * 12 + 4 : FOLD_BYTES);
	if (!f.out)
		return -1;
	for (size_t i = 0; i < s.len && !f.full;) {
		uint32_t c;
		size_t n;

		if ((unsigned char)s.p[i] < 0x80) {
			fold_ascii(&f, s.p[i++]);
			continue;
		}
		n = utf8_decode(str_from_index(s, i), &c);
		if (n)
			fold_char(&f, c);
		i += n ? n : 1;
	}
	*out = str_of(f.out, f.len);
	return 0;
}
