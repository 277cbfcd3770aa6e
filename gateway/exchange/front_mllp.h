/*
 * front_mllp.h - exchanges that come by MLLP: HL7 v2 messages in, mapped to
 * transactions, ACKs out.
 *
 * A message that was applied is known by its control id, per sender: the same
 * again is answered with the first ACK and changes nothing. The control id of
 * another message is refused, as nobody could tell which one was meant.
 */
#ifndef GATEWAY_EXCHANGE_FRONT_MLLP_H
#define GATEWAY_EXCHANGE_FRONT_MLLP_H

#include <stdbool.h>

#include "gateway/net/mllp_server.h"

struct config_mllp;
struct gateway;
struct map_set;

/* One listener of the configuration on one address; the handler's ctx. */
struct mllp_listener {
	struct gateway *gateway;
	const struct config_mllp *config;
	const struct map_set *maps;
	struct mllp_server *server;
	bool loopback; /* only this machine reaches it */
};

/* The handler of a listener, which must outlive its server. */
struct mllp_handler front_mllp_handler(struct mllp_listener *l);

#endif
