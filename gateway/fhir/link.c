#include "gateway/fhir/link.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "gateway/fhir/search_query.h"

#define SEALED "sealed~"

enum {
	SALT = 16,
	TAG = 16,
	PLAIN_MOST = 1 << 20,
	PAGE_HEAD = 26, /* bytes before the query */
	PAGE_FORM = 1,
};

static int
make_key(const char *path, struct error *err)
{
	uint8_t key[LINK_KEY];
	char text[LINK_KEY * 2 + 2];

	random_bytes(key, sizeof(key));
	hex_encode(key, sizeof(key), text);
	text[LINK_KEY * 2] = '\n';
	return file_replace(path, str_of(text, LINK_KEY * 2 + 1), 0600, err);
}

int
link_key_load(const char *path, uint8_t key[LINK_KEY], struct error *err)
{
	struct stat st;
	struct buf text;
	int rc;

	if (stat(path, &st) != 0 && make_key(path, err) != 0)
		return -1;
	if (stat(path, &st) != 0)
		return error_set_errno(err, ERROR_IO, "could not read %s", path);
	if (st.st_mode & 077)
		return error_set(err, ERROR_DENIED,
		    "the key of links %s may be read by others: give it to its owner alone with "
		    "chmod 600",
		    path);
	buf_init(&text, 4096);
	text.wipe = true;
	rc = file_read(path, &text, err);
	if (rc == 0 && !hex_decode(str_trim(buf_str(&text)), key, LINK_KEY))
		rc = error_set(err, ERROR_INVALID,
		    "the file %s is no key of links: remove it, and another is made; links given "
		    "out before end then",
		    path);
	buf_release(&text);
	return rc;
}

static bool
derive(struct str key, const uint8_t salt[SALT], uint8_t out[32])
{
	unsigned len = 0;

	return HMAC(EVP_sha256(), key.p, (int)key.len, salt, SALT, out, &len) && len == 32;
}

/* One direction or the other; the tag is taken or checked behind the text. */
static bool
run_cipher(struct str key, const uint8_t salt[SALT], struct str context, struct str in,
    uint8_t *out, uint8_t tag[TAG], bool sealing)
{
	static const uint8_t iv[12]; /* each message has a key of its own */
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t own[32];
	int len = 0, end = 0;
	bool good = c && derive(key, salt, own) &&
		    EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, own, iv, sealing) &&
		    EVP_CipherUpdate(c, NULL, &len, (const uint8_t *)context.p, (int)context.len) &&
		    EVP_CipherUpdate(c, out, &len, (const uint8_t *)in.p, (int)in.len) &&
		    (sealing || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag)) &&
		    EVP_CipherFinal_ex(c, out + len, &end) &&
		    (!sealing || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag));

	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(own, sizeof(own));
	return good;
}

/* salt, tag, text */
struct str
link_seal(struct str key, struct str context, struct str plain, struct arena *a)
{
	const struct str nothing = { NULL, 0 };
	uint8_t *p;

	if (plain.len > PLAIN_MOST)
		return nothing;
	p = (uint8_t *)arena_alloc_bytes(a, SALT + TAG + plain.len + 16);
	if (!p)
		return nothing;
	random_bytes(p, SALT);
	if (!run_cipher(key, p, context, plain, p + SALT + TAG, p + SALT, true))
		return nothing;
	return base64url_encode(str_of((const char *)p, SALT + TAG + plain.len), a);
}

bool
link_open(struct str key, struct str context, struct str text, struct arena *a, struct str *plain)
{
	struct str bytes;
	uint8_t *in, *out;

	if (text.len > 2 * (size_t)PLAIN_MOST || !base64url_decode(text, a, &bytes) ||
	    bytes.len < SALT + TAG)
		return false;
	in = (uint8_t *)arena_alloc_bytes(a, bytes.len + 16);
	out = (uint8_t *)arena_alloc_bytes(a, bytes.len + 16);
	if (!in || !out)
		return false;
	memcpy(in, bytes.p, bytes.len);
	*plain = str_of((const char *)out, bytes.len - SALT - TAG);
	return run_cipher(key, in, context, str_of((const char *)in + SALT + TAG, plain->len), out,
	    in + SALT, false);
}

/* Parameters whose values say nothing of a patient. */
static bool
is_open(struct str name)
{
	static const char *const open[] = { "_count", "_sort", "_total", "_summary", "_elements",
		"_format", "_pretty", "_include", "_include:iterate", "_revinclude",
		"_revinclude:iterate", "_type", "_contained", "_containedType" };
	struct str end = STR(":missing");

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (str_is(name, open[i]))
			return true;
	return name.len > end.len && str_eq(str_from_index(name, name.len - end.len), end);
}

struct str
link_value(struct str key, const struct query_pair *pair, struct arena *a)
{
	struct str parts[2] = { STR(SEALED), STR("") };

	if (is_open(pair->name))
		return pair->value;
	parts[1] = link_seal(key, pair->name, pair->value, a);
	return parts[1].p ? str_concat(a, parts, 2) : parts[1];
}

bool
link_open_values(struct str key, struct query_pair *pairs, uint32_t count, struct arena *a,
    const struct query_pair **bad)
{
	for (uint32_t i = 0; i < count; i++) {
		struct query_pair *pair = &pairs[i];

		if (!str_starts(pair->value, STR(SEALED)))
			continue;
		*bad = pair;
		if (!link_open(key, pair->name, str_from_index(pair->value, sizeof(SEALED) - 1), a,
			&pair->value))
			return false;
	}
	return true;
}

static void
put_number(struct buf *b, uint64_t n)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_put_byte(b, (char)(n >> shift));
}

static uint64_t
get_number(const char *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | (uint8_t)p[i];
	return n;
}

struct str
link_seal_page(struct str key, struct str context, const struct link_page *page, struct arena *a)
{
	struct str text = { NULL, 0 };
	struct buf b;

	buf_init(&b, PLAIN_MOST);
	b.wipe = true;
	buf_put_byte(&b, PAGE_FORM);
	buf_put_byte(&b, (char)page->backward);
	put_number(&b, (uint64_t)page->moment);
	put_number(&b, page->row);
	put_number(&b, page->total);
	buf_put_str(&b, page->query);
	if (!b.full)
		text = link_seal(key, context, buf_str(&b), a);
	buf_release(&b);
	return text;
}

bool
link_open_page(
    struct str key, struct str context, struct str text, struct arena *a, struct link_page *page)
{
	struct str plain;

	if (!link_open(key, context, text, a, &plain) || plain.len < PAGE_HEAD ||
	    plain.p[0] != PAGE_FORM)
		return false;
	*page = (struct link_page){
		.backward = plain.p[1],
		.moment = (int64_t)get_number(plain.p + 2),
		.row = get_number(plain.p + 10),
		.total = get_number(plain.p + 18),
		.query = str_from_index(plain, PAGE_HEAD),
	};
	return true;
}
