/*
 * access.h - who is it, and may they.
 *
 * Senders come from the configuration. Each is known by bearer tokens (their
 * SHA-256 only is kept), by client certificates, or by the MLLP listener that
 * is theirs, and has scopes. What no scope permits is refused. Without an
 * access section there is one sender, "loopback", who may do everything, and
 * the gateway listens on loopback addresses only.
 *
 * A struct access is immutable and may be used by all threads. It keeps
 * pointers into the configuration and the pack, which must outlive it.
 */
#ifndef GATEWAY_ACCESS_ACCESS_H
#define GATEWAY_ACCESS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "gateway/access/scope.h"
#include "gateway/store/store.h"
#include "profiles/pack.h"

struct access;
struct access_sender;
struct arena;
struct config;
struct config_sender;
struct error;

/*
 * Make a sender's filters, by type number, in the arena: filter_make(), given
 * by the caller so that access does not stand on searches. Returns 0, or -1 with
 * *err set.
 */
typedef int access_filter_fn(const struct config *c, const struct config_sender *sender,
    const struct pack *pack, struct arena *a, struct store_filter **out, struct error *err);

/*
 * Make the senders of the configuration. Returns NULL with *err set when a
 * scope or compartment names a resource type that the pack does not have.
 */
struct access *access_new(const struct config *c, const struct pack *pack,
    access_filter_fn *make_filters, struct error *err);
void access_free(struct access *a);

/*
 * Without an access section every listener must be on loopback. Returns 0, or
 * -1 with *err naming the first that is not and saying what to do.
 */
int access_check_listeners(const struct config *c, struct error *err);

/* What a connection and its request show. Zeroed: nothing. */
struct access_credentials {
	struct str authorization; /* value of the Authorization header field */
	bool has_authorization;
	bool has_certificate;		   /* a client certificate that TLS has verified */
	uint8_t fingerprint[SHA256_BYTES]; /* SHA-256 of the certificate (DER) */
	struct str subject;		   /* its subject, RFC 4514 */
	struct str listener_sender;	   /* config_mllp.sender; empty: none */
	bool loopback;			   /* the listener is on loopback */
};

enum access_answer {
	ACCESS_IDENTIFIED,
	ACCESS_MISSING,	  /* 401: credentials are needed and none were given */
	ACCESS_INVALID,	  /* 401: credentials that nobody here has */
	ACCESS_MALFORMED, /* 400: an Authorization header that cannot be read */
};

enum {
	ACCESS_CHALLENGE_TEXT = 256,
};

/*
 * Find out who it is. Everything shown must agree: a token of one sender over
 * a connection of another is invalid. Sets *sender when it returns
 * ACCESS_IDENTIFIED, else NULL; *rule always: a word for the audit entry
 * ("token", "certificate", "listener", "loopback"; or why not). Takes a time
 * that does not depend on which token is right.
 */
enum access_answer access_identify(const struct access *a, const struct access_credentials *c,
    const struct access_sender **sender, const char **rule);

/*
 * The WWW-Authenticate header field of an answer that refuses (RFC 6750,
 * section 3): for ACCESS_MISSING, ACCESS_INVALID and ACCESS_MALFORMED.
 */
void access_challenge(enum access_answer answer, char out[ACCESS_CHALLENGE_TEXT]);

/*
 * The same for a 403: identified, but no scope permits it (insufficient_scope,
 * and which scope would). type PACK_NONE: the whole system.
 */
void access_challenge_scope(const struct access *a, enum access_right right, uint32_t type,
    char out[ACCESS_CHALLENGE_TEXT]);

/* The sender of that name; the one of a configuration without an access section
 * has none to be asked for (an empty name). NULL: there is none. */
const struct access_sender *access_find(const struct access *a, struct str name);

/* The sender's name: for logs, audit entries, and keys of duplicates. */
struct str access_sender_name(const struct access_sender *s);

/* "Patient/123", when it sees no more than that; empty: no such limit. */
struct str access_sender_compartment(const struct access_sender *s);

struct access_decision {
	bool permitted;
	const char *rule; /* why, a word for the audit entry */
	struct str scope; /* the scope that permitted it, as written in SMART 2's
			   * form; empty when refused */
	/* What of the type may be seen. The one who carries it out must keep to
	 * it for everything that leaves. */
	struct store_visibility visibility;
};

/*
 * Decide whether the sender (NULL: nobody, refused) may do what needs `right`
 * with resources of the type; PACK_NONE: with all types, which only a scope
 * for "*" permits. A transaction or batch is decided entry by entry. Returns
 * d->permitted.
 */
bool access_decide(const struct access_sender *s, enum access_right right, uint32_t type,
    struct access_decision *d);

/*
 * Whether the sender has any scope with the right: to refuse a request by its
 * head, before a Bundle is read.
 */
bool access_may_ever(const struct access_sender *s, enum access_right right);

/* May the sender (NULL: nobody) administer the gateway: dead letters, queues? */
bool access_may_administer(const struct access_sender *s);

/* The sender of that name; NULL: there is none. */
const struct access_sender *access_find_sender(const struct access *a, struct str name);

enum {
	ACCESS_TOKEN_TEXT = 48, /* "fd_", 43 characters of base64url, a NUL */
};

/* Make a new bearer token of 256 random bits, and its SHA-256. */
void access_make_token(char token[ACCESS_TOKEN_TEXT], uint8_t hash[SHA256_BYTES]);

#endif
