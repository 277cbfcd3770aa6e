/*
 * listeners.h - the gateway's listening addresses, as the configuration has
 * them, with their TLS.
 */
#ifndef GATEWAY_LISTENERS_H
#define GATEWAY_LISTENERS_H

#include "base/str.h"

struct error;
struct gateway;

/* Listen on everything; the loops do not run yet. Logs each address. Returns
 * 0, or -1 with *err set. */
int listeners_open(struct gateway *g, struct error *err);

/* The base URL where no other is configured: of the first HTTP address. */
struct str listeners_base(struct gateway *g);

/* After the loops have ended. */
void listeners_close(struct gateway *g);

#endif
