/*
 * value.h - values of the configuration as people write them.
 *
 * Each returns false when the text is none; what is right then stands in the
 * note, for the error's text.
 */
#ifndef GATEWAY_CONFIG_VALUE_H
#define GATEWAY_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/config.h"

/* "4096", "16 MiB", "64KiB", "10 MB": bytes. */
bool value_size(struct str s, uint64_t *out);
#define VALUE_SIZE_NOTE "a size: bytes, or a number and KiB, MiB, GiB, kB, MB or GB"

/* "500ms", "30 s", "5min", "2 h", "7d", "0": milliseconds. */
bool value_duration(struct str s, uint64_t *out);
#define VALUE_DURATION_NOTE "a duration: a number and ms, s, min, h or d"

/* "true", "false", "yes", "no", "on", "off". */
bool value_bool(struct str s, bool *out);
#define VALUE_BOOL_NOTE "true or false"

/* Sets all of *out but place; text is s. See struct config_address. */
bool value_address(struct str s, struct config_address *out);
#define VALUE_ADDRESS_NOTE                                                                         \
	"an address and port: '127.0.0.1:8080', '[::1]:8080', 'localhost:8080' or '*:8080'"

/* "+01:00", "-05:00", "Z": minutes east of Greenwich. */
bool value_zone(struct str s, int32_t *out);
#define VALUE_ZONE_NOTE "an offset from UTC: '+01:00', '-05:00' or 'Z'"

/* "sha256:" and 64 hex digits, which may be in pairs with colons. */
bool value_sha256(struct str s, uint8_t out[32]);
#define VALUE_SHA256_NOTE "'sha256:' and 64 hex digits"

/* Letters, digits, '.', '_' and '-', 64 at most. */
bool value_is_name(struct str s);
#define VALUE_NAME_NOTE "a name of letters, digits, '.', '_' and '-', 64 at most"

/* The largest unit that gives a whole number: "16 MiB", "30 s". */
void value_format_size(uint64_t bytes, char out[32]);
void value_format_duration(uint64_t ms, char out[32]);

#endif
