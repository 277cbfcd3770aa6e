/*
 * front_mllp.h - HL7 v2 messages that come by MLLP: ACKs out, in the frame of
 * their own each. What becomes of a message is feed/message.h's.
 *
 * A frame that holds a batch (FHS, BHS) is answered with a batch of ACKs.
 */
#ifndef GATEWAY_EXCHANGE_FRONT_MLLP_H
#define GATEWAY_EXCHANGE_FRONT_MLLP_H

#include "gateway/feed/message.h"
#include "gateway/net/mllp_server.h"

/* One listener of the configuration on one address; the handler's ctx. */
struct mllp_listener {
	struct feed feed;
	struct mllp_server *server;
};

/* The handler of a listener, which must outlive its server. */
struct mllp_handler front_mllp_handler(struct mllp_listener *l);

#endif
