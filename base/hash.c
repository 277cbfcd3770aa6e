#include "base/hash.h"

#include <pthread.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <xxhash.h>

#include "base/clock.h"

uint64_t
hash64(struct str s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s.p, s.len, seed);
}

static _Noreturn void
crypto_failed(const char *what)
{
	fprintf(stderr, "firedoor: OpenSSL could not %s\n", what);
	abort();
}

/*
 * One context a thread, set up once: looking the algorithm up and allocating
 * for it takes several times what hashing a short text does.
 */
static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void
free_context(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void
make_context_key(void)
{
	if (pthread_key_create(&context_key, free_context) != 0)
		crypto_failed("prepare SHA-256");
}

static EVP_MD_CTX *
begin_sha256(void)
{
	EVP_MD_CTX *ctx;
	bool good;

	pthread_once(&context_once, make_context_key);
	ctx = pthread_getspecific(context_key);
	if (ctx) {
		good = EVP_DigestInit_ex(ctx, NULL, NULL);
	} else {
		ctx = EVP_MD_CTX_new();
		good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		       pthread_setspecific(context_key, ctx) == 0;
	}
	if (!good)
		crypto_failed("make a SHA-256");
	return ctx;
}

void
sha256(struct str s, uint8_t out[SHA256_BYTES])
{
	sha256_parts(&s, 1, out);
}

void
sha256_parts(const struct str *parts, size_t count, uint8_t out[SHA256_BYTES])
{
	EVP_MD_CTX *ctx = begin_sha256();
	bool good = true;

	for (size_t i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len);
	if (!good || !EVP_DigestFinal_ex(ctx, out, NULL))
		crypto_failed("make a SHA-256");
}

void
random_bytes(void *out, size_t len)
{
	if (RAND_bytes(out, (int)len) != 1)
		crypto_failed("get random bytes");
}

void
hex_encode(const void *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hex_decode(struct str hex, void *out, size_t len)
{
	uint8_t *p = out;

	if (hex.len % 2 || hex.len / 2 != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(hex.p[2 * i]);
		int low = hex_digit(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		p[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void
uuid_format(uint8_t b[16], unsigned version, char out[37])
{
	char hex[33], *to = out;

	b[6] = (uint8_t)((b[6] & 0x0f) | version << 4);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(b, 16, hex);
	for (size_t i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*to++ = '-';
		*to++ = hex[i];
	}
	*to = '\0';
}

void
uuid_make(char out[37])
{
	/* Drawn for many at once. A fork must not give them out twice. */
	static _Thread_local uint8_t pool[64][16];
	static _Thread_local size_t left;
	static _Thread_local pid_t owner;
	uint64_t ms;
	uint8_t *b;

	if (!left || owner != getpid()) {
		random_bytes(pool, sizeof(pool));
		left = sizeof(pool) / sizeof(pool[0]);
		owner = getpid();
	}
	b = pool[--left];
	ms = (uint64_t)clock_wall() / 1000;
	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)(ms >> (40 - 8 * i));
	uuid_format(b, 7, out);
	explicit_bzero(b, sizeof(pool[0]));
}

void
uuid_of(struct str text, char out[37])
{
	uint8_t b[SHA256_BYTES];

	sha256(text, b);
	uuid_format(b, 8, out);
}
