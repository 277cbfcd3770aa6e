#include "gateway/config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

struct unit {
	const char *name;
	uint64_t worth;
};

/* Largest first of each kind, for value_format_…(). */
static const struct unit size_units[] = {
	{ "GiB", 1 << 30 },
	{ "MiB", 1 << 20 },
	{ "KiB", 1 << 10 },
	{ "GB", 1000000000 },
	{ "MB", 1000000 },
	{ "kB", 1000 },
	{ "bytes", 1 },
	{ "B", 1 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "min", 60000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ NULL, 0 },
};

static bool
split_number(struct str s, uint64_t *number, struct str *unit)
{
	size_t digits = 0;
	int64_t n;

	while (digits < s.len && isdigit((unsigned char)s.p[digits]))
		digits++;
	if (digits == 0 || !str_to_int(str_of(s.p, digits), &n))
		return false;
	*number = (uint64_t)n;
	*unit = str_trim(str_from_index(s, digits));
	return true;
}

static bool
value_with_unit(struct str s, const struct unit *units, uint64_t *out)
{
	struct str unit;
	uint64_t n;

	if (!split_number(s, &n, &unit))
		return false;
	for (; units->name; units++)
		if (str_is(unit, units->name))
			return !__builtin_mul_overflow(n, units->worth, out);
	return false;
}

bool
value_size(struct str s, uint64_t *out)
{
	return value_with_unit(s, size_units, out);
}

bool
value_duration(struct str s, uint64_t *out)
{
	if (str_is(s, "0")) {
		*out = 0;
		return true;
	}
	return value_with_unit(s, duration_units, out) && *out <= INT64_MAX;
}

static void
format_with_unit(uint64_t n, const struct unit *units, char out[32])
{
	while (units->worth > 1 && (n == 0 || n % units->worth))
		units++;
	snprintf(out, 32, "%" PRIu64 " %s", n / units->worth, units->name);
}

void
value_format_size(uint64_t bytes, char out[32])
{
	format_with_unit(bytes, size_units, out);
}

void
value_format_duration(uint64_t ms, char out[32])
{
	format_with_unit(ms, duration_units, out);
}

bool
value_bool(struct str s, bool *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (unsigned i = 0; i < 6; i++)
		if (str_eq_nocase(s, str_from(words[i]))) {
			*out = i % 2;
			return true;
		}
	return false;
}

static bool
value_port(struct str s, uint16_t *out)
{
	int64_t n;

	if (s.len == 0 || s.len > 5 || !isdigit((unsigned char)s.p[0]) || !str_to_int(s, &n) ||
	    n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool
address4(const char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->sockaddr;

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "*") == 0)
		host = "0.0.0.0";
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	out->len = sizeof(*in);
	out->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return true;
}

static bool
address6(const char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&out->sockaddr;

	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return false;
	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	out->len = sizeof(*in);
	out->loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
	return true;
}

bool
value_address(struct str s, struct config_address *out)
{
	char host[INET6_ADDRSTRLEN];
	struct str name = s;
	uint16_t port;
	size_t colon = s.len;
	bool bracketed = s.len > 0 && s.p[0] == '[';

	*out = (struct config_address){ .text = s };
	while (colon > 0 && s.p[colon - 1] != ':')
		colon--;
	if (colon < 2 || !value_port(str_from_index(s, colon), &port))
		return false;
	name.len = colon - 1;
	if (bracketed) {
		if (name.len < 3 || name.p[name.len - 1] != ']')
			return false;
		name = str_of(name.p + 1, name.len - 2);
	}
	if (name.len >= sizeof(host) || memchr(name.p, '\0', name.len))
		return false;
	memcpy(host, name.p, name.len);
	host[name.len] = '\0';
	return bracketed ? address6(host, port, out) : address4(host, port, out);
}

bool
value_zone(struct str s, int32_t *out)
{
	int32_t hours, minutes;

	if (str_is(s, "Z")) {
		*out = 0;
		return true;
	}
	if (s.len != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
		return false;
	for (unsigned i = 1; i < 6; i++)
		if (i != 3 && !isdigit((unsigned char)s.p[i]))
			return false;
	hours = (s.p[1] - '0') * 10 + s.p[2] - '0';
	minutes = (s.p[4] - '0') * 10 + s.p[5] - '0';
	/* XML Schema and FHIR have offsets up to 14:00. */
	if (minutes > 59 || hours * 60 + minutes > 14 * 60)
		return false;
	*out = (s.p[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

bool
value_sha256(struct str s, uint8_t out[32])
{
	char hex[2 * SHA256_BYTES];
	size_t n = 0;

	if (!str_starts(s, STR("sha256:")))
		return false;
	s = str_from_index(s, 7);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == ':' && n % 2 == 0 && n > 0 && n < sizeof(hex) && s.p[i - 1] != ':')
			continue;
		if (n == sizeof(hex))
			return false;
		hex[n++] = s.p[i];
	}
	return n == sizeof(hex) && hex_decode(str_of(hex, n), out, SHA256_BYTES);
}

bool
value_is_name(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) && !(s.p[i] && strchr("._-", s.p[i])))
			return false;
	return true;
}
