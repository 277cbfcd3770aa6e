/* Escape sequences (HL7 v2.9, 2.7). */
#include "base/arena.h"
#include "base/utf8.h"
#include "mappers/hl7v2/er7.h"

/* Where decoded text goes; p is NULL while its length is measured. */
struct sink {
	char *p;
	size_t len;
};

static void
put(struct sink *to, const char *p, size_t len)
{
	if (to->p && len)
		memcpy(to->p + to->len, p, len);
	to->len += len;
}

static void
put_many(struct sink *to, char c, unsigned n)
{
	while (n-- > 0)
		put(to, &c, 1);
}

/* The number in "sp+3" or "ti-2", at most 80; `none` when there is none. */
static unsigned
command_number(struct str s, unsigned none)
{
	unsigned n = 0;
	size_t i = 0;

	if (i < s.len && (s.p[i] == '+' || s.p[i] == '-' || s.p[i] == ' '))
		i++;
	if (i == s.len)
		return none;
	for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9' && n <= 80; i++)
		n = n * 10 + (unsigned)(s.p[i] - '0');
	return n > 80 ? 80 : n;
}

/* 2.7.6, formatting commands. */
static bool
put_format(struct sink *to, struct str s)
{
	struct str rest = str_from_index(s, 3);

	if (str_starts(s, STR(".br")) || str_starts(s, STR(".ce")))
		put(to, "\n", 1);
	else if (str_starts(s, STR(".sp")))
		put_many(to, '\n', command_number(rest, 1));
	else if (str_starts(s, STR(".sk")) || str_starts(s, STR(".ti")))
		put_many(to, ' ', command_number(rest, 1));
	else
		return str_starts(s, STR(".in")) || str_starts(s, STR(".fi")) ||
		       str_starts(s, STR(".nf"));
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \Xhh..\: bytes. UTF-8 stays, other bytes are taken as ISO 8859-1. False (and
 * nothing put) when it is no hex, or has control characters a text cannot
 * hold. */
static bool
put_hex(struct sink *to, struct str hex)
{
	char bytes[256];
	size_t n = hex.len / 2;
	bool whole;

	if (hex.len == 0 || hex.len % 2 || n > sizeof(bytes))
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]), c;

		if (hi < 0 || lo < 0)
			return false;
		c = hi * 16 + lo;
		if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			return false;
		bytes[i] = (char)c;
	}
	whole = utf8_is_valid(str_of(bytes, n));
	for (size_t i = 0; i < n; i++) {
		char c[4];

		if (whole)
			put(to, &bytes[i], 1);
		else
			put(to, c, utf8_encode((unsigned char)bytes[i], c));
	}
	return true;
}

/* One sequence, without its escape characters. False when it is not known. */
static bool
put_sequence(const struct er7_message *m, struct sink *to, struct str s)
{
	char c;

	if (s.len == 0)
		return false;
	if (s.p[0] == '.')
		return put_format(to, s);
	if (s.p[0] == 'X')
		return put_hex(to, str_from_index(s, 1));
	if (s.len != 1)
		return false;
	switch (s.p[0]) {
	case 'F':
		c = m->field;
		break;
	case 'S':
		c = m->component;
		break;
	case 'T':
		c = m->subcomponent ? m->subcomponent : '&';
		break;
	case 'R':
		c = m->repetition ? m->repetition : '~';
		break;
	case 'E':
		c = m->escape;
		break;
	case 'P':
		c = m->truncation ? m->truncation : '#';
		break;
	case 'H':
	case 'N':
		return true;
	default:
		return false;
	}
	put(to, &c, 1);
	return true;
}

static void
decode(const struct er7_message *m, struct str s, struct sink *to)
{
	size_t i = 0;

	while (i < s.len) {
		const char *start = memchr(s.p + i, m->escape, s.len - i), *end;
		size_t at = start ? (size_t)(start - s.p) : s.len;

		put(to, s.p + i, at - i);
		if (!start)
			break;
		end = memchr(start + 1, m->escape, s.len - at - 1);
		if (!end) {
			put(to, start, s.len - at);
			break;
		}
		i = (size_t)(end - s.p) + 1;
		if (!put_sequence(m, to, str_of(start + 1, (size_t)(end - start) - 1))) {
			/* Unknown, or a lone escape character: it stays, and the next
			 * may begin a sequence. */
			put(to, start, (size_t)(end - start));
			i--;
			if (end + 1 == s.p + s.len || end[-1] == m->escape || start[1] == 'Z' ||
			    start[1] == 'C' || start[1] == 'M' || start[1] == 'X') {
				put(to, end, 1);
				i++;
			}
		}
	}
}

struct str
er7_text(const struct er7_message *m, uint32_t i, struct arena *a)
{
	struct str raw = er7_raw(m, i);
	struct sink to = { NULL, 0 };

	if (i != ER7_NONE && m->nodes[i].flags & ER7_TRUNCATED)
		raw.len--;
	if (i == ER7_NONE || !m->escape || memchr(raw.p, m->escape, raw.len) == NULL)
		return raw;
	decode(m, raw, &to);
	to.p = arena_alloc_bytes(a, to.len + 1);
	if (!to.p)
		return raw;
	to.len = 0;
	decode(m, raw, &to);
	return str_of(to.p, to.len);
}
