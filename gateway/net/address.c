#include "gateway/net/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/error.h"

static int
no_address(struct error *err)
{
	return error_set(err, ERROR_INVALID,
	    "not an address to listen on; write an IP address and a port, "
	    "such as 127.0.0.1:8080 or [::1]:8080");
}

static bool
parse_port(struct str text, uint16_t *out)
{
	int64_t n;

	if (text.len == 0 || text.len > 5 || text.p[0] == '-' || !str_to_int(text, &n) ||
	    n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool
parse_host(struct str host, bool bracketed, struct address *out)
{
	char text[INET6_ADDRSTRLEN + 1];

	if (host.len >= sizeof(text))
		return false;
	if (!bracketed && str_eq_nocase(host, STR("localhost")))
		host = STR("127.0.0.1");
	else if (!bracketed && str_is(host, "*"))
		host = STR("0.0.0.0");
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	*out = (struct address){ 0 };
	if (bracketed) {
		out->u.in6.sin6_family = AF_INET6;
		out->len = sizeof(out->u.in6);
		return inet_pton(AF_INET6, text, &out->u.in6.sin6_addr) == 1;
	}
	out->u.in.sin_family = AF_INET;
	out->len = sizeof(out->u.in);
	return inet_pton(AF_INET, text, &out->u.in.sin_addr) == 1;
}

int
address_parse(struct str text, struct address *out, struct error *err)
{
	bool bracketed = text.len && text.p[0] == '[';
	struct str host, port;
	uint16_t number;
	ptrdiff_t at;

	at = str_find(text, bracketed ? ']' : ':');
	if (at < 0)
		return no_address(err);
	host = str_of(text.p + bracketed, (size_t)at - bracketed);
	port = str_from_index(text, (size_t)at + bracketed);
	if (port.len == 0 || port.p[0] != ':' || !parse_port(str_from_index(port, 1), &number) ||
	    !parse_host(host, bracketed, out))
		return no_address(err);
	address_set_port(out, number);
	return 0;
}

size_t
address_format_host(const struct address *a, char out[ADDRESS_TEXT])
{
	const char *text;

	if (a->u.sa.sa_family == AF_INET6)
		text = inet_ntop(AF_INET6, &a->u.in6.sin6_addr, out, ADDRESS_TEXT);
	else
		text = inet_ntop(AF_INET, &a->u.in.sin_addr, out, ADDRESS_TEXT);
	if (!text)
		out[0] = '\0';
	return strlen(out);
}

size_t
address_format(const struct address *a, char out[ADDRESS_TEXT])
{
	char host[ADDRESS_TEXT];
	bool v6 = a->u.sa.sa_family == AF_INET6;
	int len;

	address_format_host(a, host);
	len = snprintf(out, ADDRESS_TEXT, v6 ? "[%.46s]:%u" : "%.46s:%u", host, address_port(a));
	return (size_t)len;
}

bool
address_is_loopback(const struct address *a)
{
	const uint8_t *v6 = a->u.in6.sin6_addr.s6_addr;

	if (a->u.sa.sa_family == AF_INET)
		return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
	if (a->u.sa.sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return v6[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

uint16_t
address_port(const struct address *a)
{
	return ntohs(a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void
address_set_port(struct address *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}
