/*
 * Words of a resource's text: the narrative's, and those of all values. Each is
 * kept once a resource, without case and accents.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "gateway/fhir/index_extract.h"
#include "gateway/store/fold.h"

enum {
	WORD_MOST = 64,	       /* bytes of one that is kept */
	WORDS_MOST = 20000,    /* of one resource */
	WORDS_BYTES = 8 << 20, /* what they may take */
};

/* A character of words: letters and digits of ASCII, and all beyond it but the
 * punctuation and blanks of the first planes. */
static bool
is_word_char(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f) &&
	       !(c >= 0x3000 && c <= 0x3003) && c != 0xfeff;
}

bool
search_next_word(struct str *text, struct arena *a, struct str *word)
{
	while (text->len) {
		const char *start = text->p;
		size_t len = 0;
		uint32_t c = 0;

		while (text->len) {
			size_t n = utf8_decode(*text, &c);

			if (!n || !is_word_char(c))
				break;
			len += n;
			*text = str_from_index(*text, n);
		}
		if (!len) {
			size_t n = utf8_decode(*text, &c);

			*text = str_from_index(*text, n ? n : 1);
			continue;
		}
		if (fold_text(str_of(start, len < WORD_MOST ? len : WORD_MOST), a, word) < 0)
			return false;
		if (word->len)
			return true;
	}
	return false;
}

struct words {
	struct arena *a;
	struct str *at;
	uint32_t count;
};

static void
add_words(struct words *w, struct str text)
{
	while (w->count < WORDS_MOST && search_next_word(&text, w->a, &w->at[w->count]))
		w->count++;
}

/* What stands between the tags. Entities are of no matter: words have none but
 * those of letters, which XHTML in FHIR does not need. */
static void
add_markup(struct words *w, struct str text)
{
	while (text.len) {
		ptrdiff_t tag = str_find(text, '<');

		add_words(w, tag < 0 ? text : str_of(text.p, (size_t)tag));
		if (tag < 0)
			return;
		text = str_from_index(text, (size_t)tag);
		tag = str_find(text, '>');
		text = tag < 0 ? STR("") : str_from_index(text, (size_t)tag + 1);
	}
}

static void
add_value(struct extraction *x, struct words *w, uint32_t node)
{
	const struct pack_type *type = search_type_at(x, node);

	if (type->kind != PACK_PRIMITIVE || type->lexical == LEXICAL_BASE64)
		return;
	if (type->lexical == LEXICAL_XHTML)
		add_markup(w, record_text(x->r, node));
	else
		add_words(w, record_text(x->r, node));
}

static int
by_word(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A row for each, once. */
static void
put_words(struct extraction *x, struct words *w, uint32_t param)
{
	if (w->count)
		qsort(w->at, w->count, sizeof(w->at[0]), by_word);
	for (uint32_t i = 0; i < w->count && !x->failed; i++) {
		struct store_index *row;

		if (i && str_eq(w->at[i - 1], w->at[i]))
			continue;
		row = search_add_row(x, STORE_WORD);
		row->param = param;
		row->value = str_dup(x->a, w->at[i]);
		x->failed |= !row->value.p;
	}
}

void
search_words_of(struct extraction *x, uint32_t node, uint32_t narrative, uint32_t content)
{
	uint32_t text = record_child(x->r, x->p, node, STR("text"));
	uint32_t div = text ? record_child(x->r, x->p, text, STR("div")) : 0;
	struct arena a;
	struct words w = { .a = &a };

	arena_init(&a, WORDS_BYTES, ARENA_WIPE);
	w.at = arena_calloc(&a, WORDS_MOST, sizeof(w.at[0]));
	x->e = NULL;
	if (w.at && div && narrative != PACK_NONE) {
		add_value(x, &w, div);
		put_words(x, &w, narrative);
	}
	w.count = 0;
	if (w.at && content != PACK_NONE) {
		for (uint32_t i = node + 1; i < x->r->nodes[node].end; i++)
			add_value(x, &w, i);
		put_words(x, &w, content);
	}
	arena_release(&a);
}
