#include "mappers/hl7v2/er7_write.h"

#include <errno.h>
#include <iconv.h>

#include "base/utf8.h"
#include "mappers/hl7v2/er7_internal.h"

enum {
	PIECE = 4096,
};

/* A segment from its nodes: each value, and between it and the one before the
 * separators that stand there. */
static void
write_segment(const struct er7_message *m, const struct er7_segment *s, struct buf *out)
{
	size_t at = s->at;

	for (uint32_t i = s->first; i < s->end; i++) {
		const struct er7_node *n = &m->nodes[i];

		if (n->flags & ER7_PARENT)
			continue;
		buf_put(out, m->text.p + at, n->at - at);
		buf_put(out, m->text.p + n->at, n->len);
		at = (size_t)n->at + n->len;
	}
	buf_put(out, m->text.p + at, (size_t)s->at + s->len - at);
	buf_put_byte(out, '\r');
}

void
er7_write(const struct er7_message *m, struct buf *out)
{
	for (uint32_t i = 0; i < m->segment_count; i++)
		write_segment(m, &m->segments[i], out);
}

/* The character at p cannot be written in the character set. */
static size_t
put_stranger(struct str rest, char escape, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 1;

	while (len < rest.len && len < 4 && (rest.p[len] & 0xc0) == 0x80)
		len++;
	if (!escape) {
		buf_put_byte(out, '?');
		return len;
	}
	buf_put_byte(out, escape);
	buf_put_byte(out, 'X');
	for (size_t i = 0; i < len; i++) {
		buf_put_byte(out, digits[(unsigned char)rest.p[i] >> 4]);
		buf_put_byte(out, digits[(unsigned char)rest.p[i] & 15]);
	}
	buf_put_byte(out, escape);
	return len;
}

int
er7_encode(struct str utf8, struct str charset, char escape, struct buf *out)
{
	char name[32], piece[PIECE], *from = (char *)utf8.p;
	size_t left = utf8.len;
	iconv_t cd;

	if (!er7_charset_name(charset, name))
		return -1;
	cd = iconv_open(name, "UTF-8");
	if (cd == (iconv_t)-1)
		return -1;
	while (left > 0) {
		char *to = piece;
		size_t room = sizeof(piece);
		size_t rc = iconv(cd, &from, &left, &to, &room);

		buf_put(out, piece, (size_t)(to - piece));
		if (rc == (size_t)-1 && errno != E2BIG) {
			size_t len = put_stranger(str_of(from, left), escape, out);

			from += len;
			left -= len;
		}
	}
	iconv_close(cd);
	return 0;
}

void
er7_writer_init(struct er7_writer *w, struct str separators, struct buf *out)
{
	const char *s = separators.len >= 5 ? separators.p : "|^~\\&";

	*w = (struct er7_writer){
		.out = out,
		.field = s[0],
		.component = s[1],
		.repetition = s[2],
		.escape = s[3],
		.subcomponent = s[4],
		.truncation = separators.len > 5 ? separators.p[5] : 0,
	};
}

void
er7_put_segment(struct er7_writer *w, const char *id)
{
	er7_writer_end(w);
	buf_puts(w->out, id);
	memset(w->at, 0, sizeof(w->at));
	w->inside = true;
	if (strcmp(id, "MSH") != 0 && strcmp(id, "FHS") != 0 && strcmp(id, "BHS") != 0)
		return;
	buf_put_byte(w->out, w->field);
	buf_put_byte(w->out, w->component);
	buf_put_byte(w->out, w->repetition);
	buf_put_byte(w->out, w->escape);
	buf_put_byte(w->out, w->subcomponent);
	if (w->truncation)
		buf_put_byte(w->out, w->truncation);
	w->at[0] = 2;
	w->at[1] = w->at[2] = w->at[3] = 1;
}

/* Separators up to the place. */
static int
advance(struct er7_writer *w, const uint32_t to[4])
{
	const char separators[] = { w->field, w->repetition, w->component, w->subcomponent };
	int level = 0;

	while (level < 4 && to[level] == w->at[level])
		level++;
	if (level == 4 || to[level] < w->at[level])
		return -1;
	for (; level < 4; level++) {
		for (uint32_t i = w->at[level]; i < to[level]; i++)
			buf_put_byte(w->out, separators[level]);
		w->at[level] = to[level];
		/* Below, all begins again. */
		for (int below = level + 1; below < 4; below++)
			w->at[below] = 1;
	}
	return 0;
}

static int
move_to(struct er7_writer *w, uint32_t field, uint32_t rep, uint32_t comp, uint32_t sub)
{
	const uint32_t to[4] = { field, rep, comp, sub };

	return w->inside && field && rep && comp && sub ? advance(w, to) : -1;
}

int
er7_put(struct er7_writer *w, uint32_t field, uint32_t rep, uint32_t comp, uint32_t sub,
    struct str text)
{
	if (!text.len)
		return 0;
	if (move_to(w, field, rep, comp, sub) != 0)
		return -1;
	er7_put_escaped(w, text, w->out);
	return 0;
}

int
er7_put_raw(
    struct er7_writer *w, uint32_t field, uint32_t rep, uint32_t comp, uint32_t sub, struct str raw)
{
	if (!raw.len)
		return 0;
	if (move_to(w, field, rep, comp, sub) != 0)
		return -1;
	buf_put_str(w->out, raw);
	return 0;
}

void
er7_writer_end(struct er7_writer *w)
{
	if (w->inside)
		buf_put_byte(w->out, '\r');
	w->inside = false;
}

static char
escape_of(const struct er7_writer *w, char c)
{
	return c == w->field		 ? 'F'
	       : c == w->component	 ? 'S'
	       : c == w->repetition	 ? 'R'
	       : c == w->escape		 ? 'E'
	       : c == w->subcomponent	 ? 'T'
	       : c && c == w->truncation ? 'P'
					 : 0;
}

void
er7_put_escaped(const struct er7_writer *w, struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i], code = escape_of(w, c);

		if (c == '\r' || c == '\n') {
			i += c == '\r' && i + 1 < text.len && text.p[i + 1] == '\n';
			buf_put_byte(out, w->escape);
			buf_puts(out, ".br");
			buf_put_byte(out, w->escape);
		} else if (code) {
			buf_put_byte(out, w->escape);
			buf_put_byte(out, code);
			buf_put_byte(out, w->escape);
		} else if ((unsigned char)c >= ' ' && c != 0x7f) {
			buf_put_byte(out, c);
		} else {
			static const char digits[] = "0123456789ABCDEF";

			buf_put_byte(out, w->escape);
			buf_put_byte(out, 'X');
			buf_put_byte(out, digits[(unsigned char)c >> 4]);
			buf_put_byte(out, digits[(unsigned char)c & 15]);
			buf_put_byte(out, w->escape);
		}
	}
}
