/*
 * admin_client.h - asks a running gateway, over its administration API, for the
 * commands. Blocks; one request a connection.
 */
#ifndef GATEWAY_CLI_ADMIN_CLIENT_H
#define GATEWAY_CLI_ADMIN_CLIENT_H

#include <jansson.h>

#include "base/str.h"

struct arena;
struct buf;
struct error;

/* Where the gateway is, and who asks. NUL-ended texts; NULL: as said. */
struct admin_client {
	const char *config; /* its configuration: the first address of fhir */
	const char *url;    /* "https://host:8443", in the place of that */
	const char *token;  /* file that holds a bearer token; $FIREDOOR_TOKEN */
	const char *ca;	    /* PEM: who signs the gateway's certificate; the system's */
};

/*
 * Send a request; body.p NULL: none. *status is set, and *answer, the caller's,
 * when the answer was JSON. Returns 0, or -1 with *err set: no connection, no
 * answer.
 */
int admin_client_ask(const struct admin_client *c, const char *method, const char *path,
    struct str body, int *status, json_t **answer, struct error *err);

#endif
