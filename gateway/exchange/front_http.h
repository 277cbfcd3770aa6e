/*
 * front_http.h - exchanges that come by HTTP: the FHIR API under /fhir, and
 * /health.
 */
#ifndef GATEWAY_EXCHANGE_FRONT_HTTP_H
#define GATEWAY_EXCHANGE_FRONT_HTTP_H

#include <stdbool.h>

#include "gateway/net/http_server.h"

struct gateway;

/* One listener; the handler's ctx. */
struct http_listener {
	struct gateway *gateway;
	struct http_server *server;
	bool loopback; /* only this machine reaches it */
};

/* The handler of a listener, which must outlive its server. */
struct http_handler front_http_handler(struct http_listener *l);

#endif
