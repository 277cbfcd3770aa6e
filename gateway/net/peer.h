/*
 * peer.h - who is at the other end of a connection.
 */
#ifndef GATEWAY_NET_PEER_H
#define GATEWAY_NET_PEER_H

#include "gateway/net/address.h"
#include "gateway/net/tls.h"

struct peer {
	struct address address;
	bool tls;			    /* the connection is encrypted */
	const struct tls_peer *certificate; /* NULL: sent none */
};

#endif
