/*
 * listeners.h - the gateway's listening addresses, as the configuration has
 * them, with their TLS and their maps.
 */
#ifndef GATEWAY_LISTENERS_H
#define GATEWAY_LISTENERS_H

#include "base/str.h"

struct config;
struct error;
struct gateway;
struct map_set;
struct pack;

/* The maps of the configuration's folders, and over them those of one more,
 * which may be NULL. Returns NULL with *err set. */
struct map_set *listeners_maps(
    const struct config *c, const struct pack *pack, const char *over, struct error *err);

/* Load the shared maps, and those of listeners that lay others over them.
 * Returns 0, or -1 with *err set. */
int listeners_load_maps(struct gateway *g, struct error *err);

/* Listen on everything; the loops do not run yet. Logs each address. Returns
 * 0, or -1 with *err set. */
int listeners_open(struct gateway *g, struct error *err);

/* The base URL where no other is configured: of the first HTTP address. */
struct str listeners_base(struct gateway *g);

/* After the loops have ended. */
void listeners_close(struct gateway *g);

#endif
