/*
 * Where the next page of a history or an operation starts, signed.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/hash.h"
#include "gateway/fhir/search_query.h"

enum {
	MAC_BYTES = 16,
};

static void
put_number(uint8_t *p, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

static uint64_t
get_number(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

/* HMAC over both numbers and the context's hash, cut to 128 bits. */
static bool
sign(struct str key, struct str context, const uint8_t numbers[16], uint8_t mac[MAC_BYTES])
{
	uint8_t message[16 + SHA256_BYTES], whole[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	memcpy(message, numbers, 16);
	sha256(context, message + 16);
	if (!HMAC(EVP_sha256(), key.p, (int)key.len, message, sizeof(message), whole, &len) ||
	    len < MAC_BYTES)
		return false;
	memcpy(mac, whole, MAC_BYTES);
	return true;
}

void
search_cursor_make(
    struct str key, struct str context, int64_t moment, uint64_t row, char out[SEARCH_CURSOR_TEXT])
{
	uint8_t bytes[16 + MAC_BYTES];

	put_number(bytes, (uint64_t)moment);
	put_number(bytes + 8, row);
	if (!sign(key, context, bytes, bytes + 16))
		random_bytes(bytes, sizeof(bytes)); /* one that is not taken back */
	hex_encode(bytes, sizeof(bytes), out);
}

bool
search_cursor_parse(
    struct str key, struct str context, struct str text, int64_t *moment, uint64_t *row)
{
	uint8_t bytes[16 + MAC_BYTES], mac[MAC_BYTES];

	if (!hex_decode(text, bytes, sizeof(bytes)) || !sign(key, context, bytes, mac) ||
	    !str_eq_secret(
		str_of((const char *)bytes + 16, MAC_BYTES), str_of((const char *)mac, MAC_BYTES)))
		return false;
	*moment = (int64_t)get_number(bytes);
	*row = get_number(bytes + 8);
	return true;
}
