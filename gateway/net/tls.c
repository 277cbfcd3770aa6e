#include "gateway/net/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/error.h"

struct tls {
	struct tls_config config; /* texts are copies */
	pthread_mutex_t lock;	  /* of context */
	SSL_CTX *context;
};

/* What OpenSSL says last, which tells files and reasons, no secrets. */
static int
tls_error(struct error *err, const char *what, const char *path)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	error_set(err, ERROR_INVALID, "%s %s: %s", what, path,
	    reason ? reason : "the TLS library gives no reason");
	ERR_clear_error();
	return -1;
}

/* HTTP/1.1 is what is spoken here; a client that offers other protocols only
 * goes on without one. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int
load_client_ca(SSL_CTX *context, const struct tls_config *c, struct error *err)
{
	STACK_OF(X509_NAME) * names;

	if (!c->client_ca)
		return 0;
	names = SSL_load_client_CA_file(c->client_ca);
	if (!names || SSL_CTX_load_verify_locations(context, c->client_ca, NULL) != 1)
		return tls_error(err, "cannot read the client CA certificates", c->client_ca);
	if (c->client) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		return 0;
	}
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context,
	    SSL_VERIFY_PEER | (c->require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	return 0;
}

static int
set_up_context(SSL_CTX *context, const struct tls_config *c, struct error *err)
{
	static const unsigned char session_id[] = "firedoor";

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
	/* Buffers are given back while a connection idles. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (!c->certificate)
		return load_client_ca(context, c, err);
	if (SSL_CTX_use_certificate_chain_file(context, c->certificate) != 1)
		return tls_error(err, "cannot read the certificate", c->certificate);
	if (SSL_CTX_use_PrivateKey_file(context, c->key, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, "cannot read the private key", c->key);
	if (SSL_CTX_check_private_key(context) != 1)
		return tls_error(err, "the private key does not fit the certificate", c->key);
	return load_client_ca(context, c, err);
}

static SSL_CTX *
make_context(const struct tls_config *c, struct error *err)
{
	SSL_CTX *context = SSL_CTX_new(c->client ? TLS_client_method() : TLS_server_method());

	if (!context) {
		tls_error(err, "could not make a TLS context for",
		    c->certificate ? c->certificate : c->client_ca);
		return NULL;
	}
	if (set_up_context(context, c, err) < 0) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

struct tls *
tls_new(const struct tls_config *c, struct error *err)
{
	struct tls *t;
	SSL_CTX *context;

	if (c->client && (!c->client_ca || !c->certificate != !c->key)) {
		error_set(err, ERROR_INVALID,
		    "TLS to a server needs the CA that signs its certificate, and a certificate "
		    "of one's own only with its key");
		return NULL;
	}
	if (!c->client && (!c->certificate || !c->key || (c->require_client && !c->client_ca))) {
		error_set(err, ERROR_INVALID, "TLS needs a certificate and a key%s",
		    c->require_client ? ", and client CAs when clients must show one" : "");
		return NULL;
	}
	context = make_context(c, err);
	if (!context)
		return NULL;
	t = xcalloc(1, sizeof(*t));
	t->config.certificate = c->certificate ? xstrdup(c->certificate) : NULL;
	t->config.key = c->key ? xstrdup(c->key) : NULL;
	t->config.client = c->client;
	t->config.server_name = c->server_name ? xstrdup(c->server_name) : NULL;
	t->config.client_ca = c->client_ca ? xstrdup(c->client_ca) : NULL;
	t->config.require_client = c->require_client;
	t->context = context;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	pthread_mutex_destroy(&t->lock);
	free((char *)t->config.certificate);
	free((char *)t->config.key);
	free((char *)t->config.server_name);
	free((char *)t->config.client_ca);
	free(t);
}

int
tls_reload(struct tls *t, struct error *err)
{
	SSL_CTX *fresh = make_context(&t->config, err), *old;

	if (!fresh)
		return -1;
	pthread_mutex_lock(&t->lock);
	old = t->context;
	t->context = fresh;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old); /* connections hold it as long as they need it */
	return 0;
}

SSL *
tls_accept(struct tls *t)
{
	SSL *ssl;

	pthread_mutex_lock(&t->lock);
	ssl = SSL_new(t->context);
	pthread_mutex_unlock(&t->lock);
	if (!ssl)
		abort();
	if (!t->config.client) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (t->config.server_name && (SSL_set1_host(ssl, t->config.server_name) != 1 ||
					 SSL_set_tlsext_host_name(ssl, t->config.server_name) != 1))
		abort();
	return ssl;
}

bool
tls_get_peer(SSL *ssl, struct tls_peer *out)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	uint8_t digest[SHA256_BYTES];
	unsigned len = sizeof(digest);
	BIO *text;
	int got;

	*out = (struct tls_peer){ 0 };
	if (!certificate)
		return false;
	text = BIO_new(BIO_s_mem());
	if (!text || SSL_get_verify_result(ssl) != X509_V_OK ||
	    X509_digest(certificate, EVP_sha256(), digest, &len) != 1) {
		BIO_free(text);
		X509_free(certificate);
		return false;
	}
	X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
	got = BIO_read(text, out->subject, sizeof(out->subject) - 1);
	out->subject[got > 0 ? got : 0] = '\0';
	hex_encode(digest, sizeof(digest), out->fingerprint);
	BIO_free(text);
	X509_free(certificate);
	return true;
}
