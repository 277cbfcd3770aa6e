/* gateway/net/tls: HTTP and MLLP over TLS, client certificates, reload. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/net/http_server.h"
#include "gateway/net/mllp_server.h"
#include "tests/tap.h"
#include "tests/unit/net_client.h"

/* Certificates of our own making. */

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct identity
make_identity(const char *name, const struct identity *issuer, bool is_ca)
{
	struct identity id = { EVP_EC_gen("P-256"), X509_new() };
	X509_NAME *subject = X509_get_subject_name(id.certificate);
	static long serial = 1;

	X509_set_version(id.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(id.certificate), 3600);
	X509_NAME_add_entry_by_txt(
	    subject, "O", MBSTRING_ASC, (const unsigned char *)"Test", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(
	    id.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
	X509_set_pubkey(id.certificate, id.key);
	if (is_ca) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(
		    NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

		X509_add_ext(id.certificate, e, -1);
		X509_EXTENSION_free(e);
	}
	X509_sign(id.certificate, issuer ? issuer->key : id.key, EVP_sha256());
	return id;
}

static void
free_identity(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
}

static void
write_identity(const struct identity *id, const char *certificate, const char *key)
{
	FILE *f = fopen(certificate, "w");

	PEM_write_X509(f, id->certificate);
	fclose(f);
	if (!key)
		return;
	f = fopen(key, "w");
	PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

/* A blocking client. */

struct client {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	bool connected;
};

static struct client
dial(const struct address *a, const struct identity *id, int version)
{
	struct client c = { .fd = client_connect(a), .context = SSL_CTX_new(TLS_client_method()) };

	if (version) {
		SSL_CTX_set_security_level(c.context, 0);
		SSL_CTX_set_min_proto_version(c.context, version);
		SSL_CTX_set_max_proto_version(c.context, version);
	}
	if (id) {
		SSL_CTX_use_certificate(c.context, id->certificate);
		SSL_CTX_use_PrivateKey(c.context, id->key);
	}
	c.ssl = SSL_new(c.context);
	SSL_set_fd(c.ssl, c.fd);
	c.connected = SSL_connect(c.ssl) == 1;
	return c;
}

static void
hang_up(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	close(c->fd);
	ERR_clear_error();
}

/* Send, in parts, and read to the end. Returns whether it was a proper one. */
static bool
converse(struct client *c, struct str in, size_t step, struct buf *b)
{
	char part[20000];
	int n;

	buf_clear(b);
	while (in.len) {
		size_t len = step < in.len ? step : in.len;

		if (SSL_write(c->ssl, in.p, (int)len) <= 0)
			return false;
		in = str_from_index(in, len);
	}
	while ((n = SSL_read(c->ssl, part, sizeof(part))) > 0)
		buf_put(b, part, (size_t)n);
	return SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN;
}

/* The applications. */

static char big[3 << 20];

static enum http_take
on_head(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return HTTP_COLLECT;
}

static void
on_request(void *ctx, struct http_request *r)
{
	const struct tls_peer *p = r->peer->certificate;
	struct http_answer a = { .status = 200 };

	(void)ctx;
	a.body = str_is(r->head->path, "/big") ? str_of(big, sizeof(big))
		 : r->body.len		       ? r->body
			       : str_printf(r->arena, "<%s> <%s>", p ? p->subject : "none",
				     p ? p->fingerprint : "");
	http_answer(r, &a);
}

static void
on_refused(void *ctx, struct http_request *r, int status, const char *reason)
{
	(void)ctx;
	http_answer_text(r, status, reason);
}

static void
on_message(void *ctx, struct mllp_message *m)
{
	const struct tls_peer *p = m->peer->certificate;

	(void)ctx;
	mllp_answer(m, str_printf(m->arena, "%.*s %s", STR_ARG(m->bytes), p ? p->subject : "none"));
}

static char folder[] = "/tmp/firedoor-test-XXXXXX";
static char server_pem[64], key_pem[64], ca_pem[64];
static struct identity ca, server_id, client_id, stranger;

static void
make_files(void)
{
	if (!mkdtemp(folder))
		exit(1);
	snprintf(server_pem, sizeof(server_pem), "%s/server.pem", folder);
	snprintf(key_pem, sizeof(key_pem), "%s/key.pem", folder);
	snprintf(ca_pem, sizeof(ca_pem), "%s/ca.pem", folder);
	ca = make_identity("CA", NULL, true);
	server_id = make_identity("first", &ca, false);
	client_id = make_identity("sender, 1", &ca, false);
	stranger = make_identity("stranger", NULL, false);
	write_identity(&server_id, server_pem, key_pem);
	write_identity(&ca, ca_pem, NULL);
}

static void
remove_files(void)
{
	unlink(server_pem);
	unlink(key_pem);
	unlink(ca_pem);
	rmdir(folder);
	free_identity(&ca);
	free_identity(&server_id);
	free_identity(&client_id);
	free_identity(&stranger);
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static void
test_http(const struct address *a, struct buf *b)
{
	struct client c = dial(a, NULL, 0);
	struct buf in, want;
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	unsigned len = sizeof(digest);

	ok(c.connected && converse(&c, STR(GET), 1000, b) && has(b, "<none>"),
	    "HTTP over TLS, ended properly");
	ok(SSL_version(c.ssl) >= TLS1_2_VERSION, "TLS 1.2 or above");
	hang_up(&c);
	c = dial(a, NULL, TLS1_2_VERSION);
	ok(c.connected && converse(&c, STR(GET), 1, b) && has(b, "<none>"),
	    "TLS 1.2, a byte a record");
	hang_up(&c);
	c = dial(a, NULL, TLS1_1_VERSION);
	ok(!c.connected, "TLS 1.1 is refused");
	hang_up(&c);
	X509_digest(client_id.certificate, EVP_sha256(), digest, &len);
	hex_encode(digest, sizeof(digest), hex);
	buf_init(&want, 1000);
	/* RFC 2253, 2.1 and 2.4: last first, the comma escaped. */
	buf_printf(&want, "<CN=sender\\, 1,O=Test> <%s>", hex);
	buf_put_byte(&want, '\0');
	c = dial(a, &client_id, 0);
	ok(c.connected && converse(&c, STR(GET), 1000, b) && has(b, want.p),
	    "a client's subject and fingerprint");
	hang_up(&c);
	c = dial(a, &stranger, 0);
	ok(!converse(&c, STR(GET), 1000, b) && b->len == 0,
	    "a certificate of another CA is refused");
	hang_up(&c);
	buf_init(&in, 8 << 20);
	buf_printf(&in, "POST /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Content-Length: 2000000\r\n\r\n");
	buf_put(&in, big, 2000000);
	c = dial(a, NULL, 0);
	ok(converse(&c, buf_str(&in), 30000, b) && b->len > sizeof(big) &&
		memcmp(b->p + b->len - sizeof(big), big, sizeof(big)) == 0,
	    "large bodies both ways");
	hang_up(&c);
	buf_release(&in);
	buf_release(&want);
	c.fd = client_connect(a);
	client_send(c.fd, STR(GET));
	buf_clear(b);
	client_drain(c.fd, b);
	ok(!has(b, "200 OK"), "plain HTTP is not answered there");
	close(c.fd);
}

/* Its application has no on_abort(): the server must end such a request, or the
 * drain would wait for it. */
static void
test_cut_body(const struct address *a)
{
	static const char half[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
	struct client c = dial(a, NULL, 0);

	SSL_write(c.ssl, half, sizeof(half) - 1);
	usleep(50000);
	hang_up(&c);
}

static void
test_mllp(const struct address *a, struct buf *b)
{
	struct client c = dial(a, &client_id, 0);
	char part[100];
	int n;

	buf_clear(b);
	SSL_write(c.ssl, "\x0bHI\x1c\r", 5);
	n = SSL_read(c.ssl, part, sizeof(part));
	is_str(str_of(part, n > 0 ? (size_t)n : 0), STR("\x0bHI CN=sender\\, 1,O=Test\x1c\r"),
	    "MLLP with a client certificate");
	hang_up(&c);
	c = dial(a, NULL, 0);
	ok(!converse(&c, STR("\x0bHI\x1c\r"), 100, b) && b->len == 0, "none without one");
	hang_up(&c);
}

static bool
server_is(const struct address *a, const char *name)
{
	struct client c = dial(a, NULL, 0);
	X509 *x = SSL_get1_peer_certificate(c.ssl);
	char text[100] = "";

	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof(text));
	X509_free(x);
	hang_up(&c);
	return strcmp(text, name) == 0;
}

static void
test_reload(struct tls *tls, const struct address *a, struct buf *b)
{
	struct identity second = make_identity("second", &ca, false);
	struct client old = dial(a, NULL, 0);
	struct error err;

	write_identity(&second, server_pem, NULL);
	ok(tls_reload(tls, &err) < 0 && str_find_str(str_from(err.text), STR("key")) >= 0,
	    "a key that does not fit is refused");
	ok(server_is(a, "first"), "the old certificate stays");
	write_identity(&second, server_pem, key_pem);
	is_int(tls_reload(tls, &err), 0, "reload");
	ok(server_is(a, "second"), "new connections get the new one");
	ok(converse(&old, STR(GET), 1000, b) && has(b, "200 OK"), "old connections go on");
	hang_up(&old);
	unlink(key_pem);
	ok(tls_reload(tls, &err) < 0 && str_find_str(str_from(err.text), str_from(key_pem)) >= 0,
	    "a missing file is named");
	free_identity(&second);
}

int
main(void)
{
	struct http_config http = { .handler = { .on_head = on_head,
					.on_request = on_request,
					.on_refused = on_refused } };
	struct mllp_config mllp = { .handler = { .on_message = on_message } };
	struct http_server *https;
	struct mllp_server *mllps;
	struct tls *optional, *required;
	struct loop *loop;
	struct error err;
	struct buf b;
	int64_t from;

	log_setup(LOG_ERROR, LOG_TEXT);
	buf_init(&b, 16 << 20);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 19);
	make_files();
	optional = tls_new(
	    &(struct tls_config){ .certificate = server_pem, .key = key_pem, .client_ca = ca_pem },
	    &err);
	required = tls_new(&(struct tls_config){ .certificate = server_pem,
			       .key = key_pem,
			       .client_ca = ca_pem,
			       .require_client = true },
	    &err);
	ok(optional && required, "certificates are loaded");
	ok(!tls_new(&(struct tls_config){ .certificate = "/nowhere.pem", .key = key_pem }, &err) &&
		str_find_str(str_from(err.text), STR("/nowhere.pem")) >= 0,
	    "a missing certificate is named");
	ok(!tls_new(
	       &(struct tls_config){
		   .certificate = server_pem, .key = key_pem, .require_client = true },
	       &err),
	    "clients cannot be required without CAs");
	address_parse(STR("127.0.0.1:0"), &http.address, NULL);
	mllp.address = http.address;
	http.tls = optional;
	mllp.tls = required;
	loop = loop_new(0, &err);
	https = http_server_new(&loop, 1, &http, &err);
	mllps = mllp_server_new(&loop, 1, &mllp, &err);
	loop_start(loop, &err);
	test_http(http_server_address(https), &b);
	test_mllp(mllp_server_address(mllps), &b);
	test_reload(optional, http_server_address(https), &b);
	test_cut_body(http_server_address(https));
	from = clock_monotonic();
	loop_stop(loop, 5000);
	loop_join(loop);
	ok(clock_monotonic() - from < 4000000, "a request cut in mid-body holds nobody up");
	http_server_free(https);
	mllp_server_free(mllps);
	loop_free(loop);
	tls_free(optional);
	tls_free(required);
	remove_files();
	buf_release(&b);
	return tap_done();
}
