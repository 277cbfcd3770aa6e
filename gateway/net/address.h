/*
 * address.h - where to listen and who calls: numeric IP addresses with ports.
 */
#ifndef GATEWAY_NET_ADDRESS_H
#define GATEWAY_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/str.h"

struct error;

enum {
	ADDRESS_TEXT = 64, /* room for an address and its NUL */
};

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};

/*
 * Read "127.0.0.1:8080", "[::1]:0", "localhost:80" (is 127.0.0.1) or "*:80"
 * (every IPv4 address). Port 0 lets the system choose. Host names are refused:
 * what is listened on must not depend on a name service. Returns 0, or -1 with
 * *err set.
 */
int address_parse(struct str text, struct address *out, struct error *err);

/* Write it as it is read. Returns the length. */
size_t address_format(const struct address *a, char out[ADDRESS_TEXT]);

/* The host alone, without brackets and port. Returns the length. */
size_t address_format_host(const struct address *a, char out[ADDRESS_TEXT]);

/* Can it be reached from this machine only (127/8, ::1, and 127/8 mapped into
 * IPv6)? */
bool address_is_loopback(const struct address *a);

uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);

#endif
