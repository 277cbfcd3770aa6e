#include "base/base64.h"

#include "base/arena.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct str
base64url_encode(struct str bytes, struct arena *a)
{
	const uint8_t *in = (const uint8_t *)bytes.p;
	char *out = bytes.len < SIZE_MAX / 2 ? arena_alloc_bytes(a, bytes.len / 3 * 4 + 5) : NULL;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	if (!out)
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < bytes.len; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			out[len++] = digits[bits >> (have - 6) & 63];
	}
	if (have)
		out[len++] = digits[bits << (6 - have) & 63];
	out[len] = '\0';
	return str_of(out, len);
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool
base64url_decode(struct str text, struct arena *a, struct str *out)
{
	char *p = arena_alloc_bytes(a, text.len / 4 * 3 + 4);
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	if (!p || text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.p[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			p[len++] = (char)(bits >> have);
		}
	}
	if (bits & ((1U << have) - 1))
		return false;
	*out = str_of(p, len);
	return true;
}
