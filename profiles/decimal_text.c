/* Decimals read and written. */
#include "base/arena.h"
#include "base/error.h"
#include "profiles/decimal_wide.h"
#include "profiles/decimal_working.h"

/* What a number's text is made of. */
struct scanned {
	char digit[DECIMAL_DIGITS];
	int32_t digits;	 /* significant ones */
	int32_t points;	 /* digits of the fraction */
	int32_t written; /* digits, with leading zeros */
	int32_t power;
	bool negative;
};

enum {
	SCAN_DIGITS = 1 << 20, /* of fraction and leading zeros: more is refused */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
scan_digits(struct str s, size_t i, struct scanned *n, bool fraction)
{
	for (; i < s.len && is_digit(s.p[i]) && n->written < SCAN_DIGITS; i++) {
		n->written++;
		n->points += fraction;
		if (n->digits == 0 && s.p[i] == '0')
			continue;
		if (n->digits < DECIMAL_DIGITS)
			n->digit[n->digits] = s.p[i];
		if (n->digits <= DECIMAL_DIGITS)
			n->digits++;
	}
	return i;
}

/* An exponent behind the 'e' at i. Returns the end, or i when there is none. */
static size_t
scan_exponent(struct str s, size_t i, struct scanned *n)
{
	size_t at = i + 1;
	bool negative = at < s.len && s.p[at] == '-';

	if (at < s.len && (s.p[at] == '-' || s.p[at] == '+'))
		at++;
	if (at >= s.len || !is_digit(s.p[at]))
		return i;
	for (; at < s.len && is_digit(s.p[at]); at++)
		if (n->power < SCAN_DIGITS * 4)
			n->power = n->power * 10 + (s.p[at] - '0');
	if (negative)
		n->power = -n->power;
	return at;
}

static bool
scan_number(struct str s, struct scanned *n)
{
	size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'), from;

	n->digits = n->points = n->written = n->power = 0;
	n->negative = i && s.p[0] == '-';
	i = scan_digits(s, from = i, n, false);
	if (i == from)
		return false;
	if (i < s.len && s.p[i] == '.') {
		i = scan_digits(s, from = i + 1, n, true);
		if (i == from)
			return false;
	}
	if (i < s.len && (s.p[i] == 'e' || s.p[i] == 'E'))
		i = scan_exponent(s, i, n);
	return i == s.len || n->written >= SCAN_DIGITS;
}

/* The coefficient from its digits, nine a limb, from the end. */
static void
pack_digits(const struct scanned *n, struct decimal *out)
{
	for (int32_t end = n->digits; end > 0; end -= BASE_DIGITS) {
		uint32_t limb = 0;

		for (int32_t i = end > BASE_DIGITS ? end - BASE_DIGITS : 0; i < end; i++)
			limb = limb * 10 + (uint32_t)(n->digit[i] - '0');
		out->limb[out->limbs++] = limb;
	}
}

int
decimal_parse(struct str text, struct decimal *out, struct error *err)
{
	struct scanned n;
	int64_t exponent;

	if (!scan_number(text, &n))
		return error_set(err, ERROR_INVALID, "this is not a decimal number");
	exponent = (int64_t)n.power - n.points;
	if (n.digits > DECIMAL_DIGITS || n.written >= SCAN_DIGITS)
		return error_set(
		    err, ERROR_LIMIT, "a decimal has at most %d digits", DECIMAL_DIGITS);
	if (n.digits == 0) {
		exponent = exponent < EXPONENT_MIN ? EXPONENT_MIN : exponent;
		exponent = exponent > DECIMAL_POWER_MAX ? DECIMAL_POWER_MAX : exponent;
	} else if (exponent + n.digits - 1 > DECIMAL_POWER_MAX ||
		   exponent + n.digits - 1 < -DECIMAL_POWER_MAX) {
		return error_set(err, ERROR_LIMIT, "a decimal lies between 10^-%d and 10^%d",
		    DECIMAL_POWER_MAX, DECIMAL_POWER_MAX);
	}
	memset(out, 0, sizeof(*out));
	out->exponent = (int32_t)exponent;
	pack_digits(&n, out);
	out->negative = n.negative && out->limbs > 0;
	return 0;
}

int32_t
decimal_digits(const struct decimal *d)
{
	return d->limbs ? count_digits(d->limb, d->limbs) : 1;
}

int32_t
decimal_places(const struct decimal *d)
{
	return d->exponent < 0 ? -d->exponent : 0;
}

int32_t
decimal_magnitude(const struct decimal *d)
{
	return d->exponent + decimal_digits(d) - 1;
}

/* The coefficient's digits; returns how many. */
static size_t
put_digits(const struct decimal *d, char *out)
{
	size_t n = (size_t)decimal_digits(d), at = n;

	if (d->limbs == 0)
		out[0] = '0';
	for (uint32_t i = 0; i < d->limbs; i++) {
		uint32_t limb = d->limb[i];

		for (int k = 0; k < BASE_DIGITS && at > 0; k++, limb /= 10)
			out[--at] = (char)('0' + limb % 10);
	}
	return n;
}

size_t
decimal_format(const struct decimal *d, char out[DECIMAL_TEXT])
{
	char digit[DECIMAL_DIGITS];
	size_t n = put_digits(d, digit), at = 0, points = (size_t)decimal_places(d);

	if (d->negative)
		out[at++] = '-';
	if (points >= n) {
		out[at++] = '0';
		out[at++] = '.';
		memset(out + at, '0', points - n);
		at += points - n;
		memcpy(out + at, digit, n);
		return at + n;
	}
	memcpy(out + at, digit, n - points);
	at += n - points;
	if (points) {
		out[at++] = '.';
		memcpy(out + at, digit + n - points, points);
		return at + points;
	}
	if (d->limbs && d->exponent > 0) {
		memset(out + at, '0', (size_t)d->exponent);
		at += (size_t)d->exponent;
	}
	return at;
}

size_t
decimal_format_canonical(const struct decimal *d, char out[DECIMAL_TEXT])
{
	struct decimal short_one = *d;

	decimal_strip_fraction(&short_one);
	return decimal_format(&short_one, out);
}

struct str
decimal_text(const struct decimal *d, struct arena *a)
{
	char text[DECIMAL_TEXT];
	size_t n = decimal_format(d, text);

	return str_dup(a, str_of(text, n));
}
