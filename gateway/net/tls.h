/*
 * tls.h - TLS (OpenSSL), 1.2 and above, of servers and clients.
 *
 * A struct tls holds the context that new connections get; tls_reload() puts
 * a new one in its place, and connections that exist keep theirs. Any thread.
 */
#ifndef GATEWAY_NET_TLS_H
#define GATEWAY_NET_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/str.h"

struct error;
struct tls;

/* Paths are of PEM files, NUL-ended. */
struct tls_config {
	const char *certificate; /* with its chain behind it */
	const char *key;
	const char *client_ca; /* NULL: no client certificate is asked for */
	bool require_client;   /* refuse those without; needs client_ca */

	/* Of a client: client_ca says who signs servers' certificates, and must be
	 * given; certificate and key are what it shows, if any. */
	bool client;
	const char *server_name; /* the server's certificate must be for it; NULL: any */
};

/*
 * Load what c names; c is copied. Refuses a key that does not fit the
 * certificate. Returns NULL with *err set.
 */
struct tls *tls_new(const struct tls_config *c, struct error *err);
void tls_free(struct tls *t);

/* Load the same files again. On failure the old context stays. Returns 0, or
 * -1 with *err set. */
int tls_reload(struct tls *t, struct error *err);

/* A session for a connection just accepted, or, of a client, just begun, without
 * a socket yet; aborts when there is no memory. */
SSL *tls_accept(struct tls *t);

/* Who is at the other end: set when the client sent a certificate that the
 * client CAs vouch for. */
struct tls_peer {
	char subject[256];			/* RFC 2253 form; "" without certificate */
	char fingerprint[2 * SHA256_BYTES + 1]; /* SHA-256, lower-case hex */
};

/* After the handshake. Returns false when there is no client certificate. */
bool tls_get_peer(SSL *ssl, struct tls_peer *out);

#endif
