/*
 * Decimals. What is expected is what hand arithmetic gives, or the examples of
 * FHIRPath N1 and of its official test cases; digits of e, pi, the roots and
 * logarithms are those that tables print.
 */
#include "profiles/decimal.h"
#include "profiles/decimal_working.h"
#include "tests/tap.h"

static struct decimal
of(const char *text)
{
	struct decimal d = { 0 };
	struct error err = { 0 };

	if (decimal_parse(str_from(text), &d, &err))
		ok(false, "%s: %s", text, err.text);
	return d;
}

static void
is_text(const struct decimal *d, const char *want, const char *name)
{
	char text[DECIMAL_TEXT];
	size_t n = decimal_format(d, text);

	is_str(str_of(text, n), str_from(want), "%s", name);
}

static void
test_text(void)
{
	static const char *const same[] = { "0", "0.010", "-0.010", "1.00", "100", "-1",
		"123456789012345678", "0.000000001", "1000000000", "999999999.999999999",
		"3.14159265358979323846264338327950288419716939937510582097494459230781640" };
	static const char *const as[][2] = { { "1e2", "100" }, { "1.50e1", "15.0" }, { "-0", "0" },
		{ "-0.00", "0.00" }, { "007", "7" }, { "+5", "5" }, { "12E-3", "0.012" },
		{ "0e5", "0" }, { "1.0e-3", "0.0010" },
		{ "6.02e+23", "602000000000000000000000" } };
	static const char *const wrong[] = { "", "-", ".5", "5.", "1e", "1e+", "1.2.3", "0x1", " 1",
		"1 ", "--1", "1,5", "NaN", "e5" };
	struct decimal d;
	char text[DECIMAL_TEXT];

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		d = of(same[i]);
		is_text(&d, same[i], "digits are kept");
	}
	for (size_t i = 0; i < sizeof(as) / sizeof(*as); i++) {
		d = of(as[i][0]);
		is_text(&d, as[i][1], as[i][0]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct error err = { 0 };

		ok(decimal_parse(str_from(wrong[i]), &d, &err) == -1 && err.kind == ERROR_INVALID &&
			err.text[0],
		    "no number: '%s'", wrong[i]);
	}
	d = of("1.500");
	is_str(str_of(text, decimal_format_canonical(&d, text)), STR("1.5"), "canonical");
	d = of("100");
	is_str(str_of(text, decimal_format_canonical(&d, text)), STR("100"), "canonical");
	d = of("0.00");
	is_str(str_of(text, decimal_format_canonical(&d, text)), STR("0"), "canonical");
}

static void
test_limits(void)
{
	static char longest[DECIMAL_DIGITS + 2], zeros[3 << 20];
	struct error err = { 0 };
	struct decimal d, e;

	memset(longest, '9', DECIMAL_DIGITS);
	d = of(longest);
	is_text(&d, longest, "as many digits as there may be");
	e = of("1");
	ok(decimal_add(&d, &e, &d) == 0, "a carry over all digits");
	e = of("1e72");
	ok(decimal_equal(&d, &e), "… makes the next power of ten");
	longest[DECIMAL_DIGITS] = '1';
	ok(decimal_parse(str_from(longest), &d, &err) == -1 && err.kind == ERROR_LIMIT,
	    "one digit too many");
	ok(decimal_parse(STR("1e1000"), &d, &err) == -1 && err.kind == ERROR_LIMIT, "too large");
	ok(decimal_parse(STR("1e-1000"), &d, &err) == -1 && err.kind == ERROR_LIMIT, "too small");
	ok(decimal_parse(STR("1e99999999999999999999"), &d, &err) == -1 && err.kind == ERROR_LIMIT,
	    "an exponent out of bounds");
	memset(zeros, '0', sizeof(zeros));
	zeros[1] = '.';
	ok(decimal_parse(str_of(zeros, sizeof(zeros)), &d, &err) == -1 && err.kind == ERROR_LIMIT,
	    "no end of zeros");
	d = of("9e999");
	ok(decimal_add(&d, &d, &e) == -1 && decimal_multiply(&d, &d, &e) == -1, "overflow");
	d = of("1e-999");
	ok(decimal_multiply(&d, &d, &e) == 0 && decimal_is_zero(&e), "underflow gives zero");
}

static void
test_compare(void)
{
	static const struct {
		const char *a, *b;
		int order;
	} pairs[] = {
		{ "1.0", "1", 0 },
		{ "0.1", "0.10000000000000000000000001", -1 },
		{ "-1", "1", -1 },
		{ "-2", "-1", -1 },
		{ "0", "-0.0", 0 },
		{ "1e3", "1000.000", 0 },
		{ "1e999", "1e-999", 1 },
		{ "999999999", "1000000000", -1 },
		{ "0.30000000000000004", "0.3", 1 },
		{ "12345678901234567890", "12345678901234567891", -1 },
		{ "-0.001", "0", -1 },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct decimal a = of(pairs[i].a), b = of(pairs[i].b);

		is_int(
		    decimal_compare(&a, &b), pairs[i].order, "%s and %s", pairs[i].a, pairs[i].b);
		is_int(
		    decimal_compare(&b, &a), -pairs[i].order, "%s and %s", pairs[i].b, pairs[i].a);
		if (pairs[i].order == 0)
			ok(decimal_hash(&a) == decimal_hash(&b), "equals have one hash");
	}
}

static void
test_equivalent(void)
{
	static const struct {
		const char *a, *b;
		bool is;
	} pairs[] = { { "1.2", "1.25", false }, { "1.3", "1.25", true }, { "1.20", "1.2", true },
		{ "1.0", "1", true }, { "4", "4.04", true }, { "4.00", "4.4", true },
		{ "4", "4.6", false }, { "1", "1.5", false }, { "2", "1.5", true },
		{ "0.67", "0.666666667", true } };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct decimal a = of(pairs[i].a), b = of(pairs[i].b);

		ok(decimal_is_equivalent(&a, &b) == pairs[i].is &&
			decimal_is_equivalent(&b, &a) == pairs[i].is,
		    "%s %s %s", pairs[i].a, pairs[i].is ? "~" : "!~", pairs[i].b);
	}
}

typedef int operation_fn(const struct decimal *a, const struct decimal *b, struct decimal *out);

static int
negate(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	(void)b;
	decimal_negate(a, out);
	return 0;
}

#define ONE_OPERAND(name)                                                                          \
	static int do_##name(                                                                      \
	    const struct decimal *a, const struct decimal *b, struct decimal *out)                 \
	{                                                                                          \
		(void)b;                                                                           \
		return decimal_##name(a, out);                                                     \
	}
ONE_OPERAND(sqrt)
ONE_OPERAND(exp)
ONE_OPERAND(ln)
ONE_OPERAND(truncate)
ONE_OPERAND(floor)
ONE_OPERAND(ceiling)

static void
test_operations(void)
{
	static const struct {
		operation_fn *fn;
		const char *name, *a, *b, *want; /* NULL: there is none */
	} cases[] = {
		{ decimal_add, "+", "0.1", "0.2", "0.3" },
		{ decimal_add, "+", "1.10", "1", "2.10" },
		{ decimal_add, "+", "1e50", "1e-20",
		    "100000000000000000000000000000000000000000000000000.00000000000000000001" },
		{ decimal_add, "+", "-5", "5.00", "0.00" },
		{ decimal_subtract, "-", "1.8", "1.2", "0.6" },
		{ decimal_subtract, "-", "1000000000000000000", "1", "999999999999999999" },
		{ decimal_multiply, "*", "1.2", "1.8", "2.16" },
		{ decimal_multiply, "*", "-0.5", "4", "-2.0" },
		{ decimal_multiply, "*", "111111111111111111", "111111111111111111",
		    "12345679012345678987654320987654321" },
		{ decimal_divide, "/", "1", "3", "0.3333333333333333333333333333333333" },
		{ decimal_divide, "/", "2", "3", "0.6666666666666666666666666666666667" },
		{ decimal_divide, "/", "1.8", "1.2", "1.5" },
		{ decimal_divide, "/", "100", "1", "100" },
		{ decimal_divide, "/", "0", "5", "0" },
		{ decimal_divide, "/", "-1", "8", "-0.125" },
		{ decimal_divide, "/", "1000000000000000000000000000000",
		    "1000000000000000000000000000000", "1" },
		{ decimal_divide, "/", "5", "0", NULL },
		{ decimal_div, "div", "5", "2", "2" },
		{ decimal_div, "div", "-5", "2", "-2" },
		{ decimal_div, "div", "2.2", "1.8", "1" },
		{ decimal_div, "div", "5", "0", NULL },
		{ decimal_div, "div", "1e999", "1", NULL },
		{ decimal_mod, "mod", "5", "2", "1" },
		{ decimal_mod, "mod", "-5", "2", "-1" },
		{ decimal_mod, "mod", "2.2", "1.8", "0.4" },
		{ decimal_mod, "mod", "5.5", "0.7", "0.6" },
		{ decimal_mod, "mod", "5", "0", NULL },
		{ negate, "negate", "0.0", "0", "0.0" },
		{ negate, "negate", "1.50", "0", "-1.50" },
		{ do_sqrt, "sqrt", "81", "0", "9" },
		{ do_sqrt, "sqrt", "2", "0", "1.414213562373095048801688724209698" },
		{ do_sqrt, "sqrt", "0.0625", "0", "0.25" },
		{ do_sqrt, "sqrt", "1e-998", "0",
		    "0.000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000000000000000000000000000000000000000000000001" },
		{ do_sqrt, "sqrt", "0.0", "0", "0" },
		{ do_sqrt, "sqrt", "-1", "0", NULL },
		{ do_exp, "exp", "0", "0", "1" },
		{ do_exp, "exp", "-0.0", "0", "1" },
		{ do_exp, "exp", "1", "0", "2.718281828459045235360287471352662" },
		{ do_exp, "exp", "-1", "0", "0.3678794411714423215955237701614609" },
		{ do_exp, "exp", "5000", "0", NULL },
		{ do_exp, "exp", "1e900", "0", NULL },
		{ do_exp, "exp", "-1e900", "0", "0" },
		{ do_ln, "ln", "1.0", "0", "0" },
		{ do_ln, "ln", "2", "0", "0.6931471805599453094172321214581766" },
		{ do_ln, "ln", "10", "0", "2.302585092994045684017991454684364" },
		{ do_ln, "ln", "0", "0", NULL },
		{ do_ln, "ln", "-1", "0", NULL },
		{ decimal_log, "log", "16", "2", "4" },
		{ decimal_log, "log", "100.0", "10.0", "2" },
		{ decimal_log, "log", "0.001", "10", "-3" },
		{ decimal_log, "log", "5", "1", NULL },
		{ decimal_power, "power", "2", "3", "8" },
		{ decimal_power, "power", "2.5", "2", "6.25" },
		{ decimal_power, "power", "2", "-2", "0.25" },
		{ decimal_power, "power", "4", "0.5", "2" },
		{ decimal_power, "power", "24", "50",
		    "1024618246531448192529486101931556275808450117982966277666337116389376" },
		{ decimal_power, "power", "0", "0", "1" },
		{ decimal_power, "power", "-1", "0.5", NULL },
		{ decimal_power, "power", "-2", "3", "-8" },
		{ decimal_power, "power", "0", "-1", NULL },
		{ decimal_power, "power", "0", "1.5", "0" },
		{ decimal_power, "power", "10", "1000", NULL },
		{ decimal_power, "power", "10", "-5000", "0" },
		{ decimal_power, "power", "1", "999999999999", "1" },
		{ do_truncate, "truncate", "-1.56", "0", "-1" },
		{ do_truncate, "truncate", "1.00000001", "0", "1" },
		{ do_floor, "floor", "-2.1", "0", "-3" },
		{ do_floor, "floor", "2.1", "0", "2" },
		{ do_ceiling, "ceiling", "-1.1", "0", "-1" },
		{ do_ceiling, "ceiling", "1.1", "0", "2" },
		{ do_ceiling, "ceiling", "0.0000000000000000000000001", "0", "1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct decimal a = of(cases[i].a), b = of(cases[i].b);
		int done = cases[i].fn(&a, &b, &a); /* onto its operand */

		if (!cases[i].want)
			ok(done == -1, "%s %s %s has no result", cases[i].a, cases[i].name,
			    cases[i].b);
		else if (ok(done == 0, "%s %s %s", cases[i].a, cases[i].name, cases[i].b))
			is_text(&a, cases[i].want, cases[i].name);
	}
}

static void
test_angles(void)
{
	struct decimal d = of("1"), four = of("4"), x;

	ok(decimal_working_atan(&d, &x) == 0 && decimal_multiply(&x, &four, &x) == 0 &&
		decimal_round_to(&x, 50, &x) == 0,
	    "four times the arc tangent of 1");
	is_text(&x, "3.1415926535897932384626433832795028841971693993751", "is pi");
	d = of("1000000.5");
	decimal_working_atan(&d, &x);
	decimal_working_tan(&x, &x);
	decimal_round_to(&x, 40, &x);
	ok(decimal_equal(&x, &d), "the tangent of the arc tangent");
	d = of("-0.25");
	decimal_working_atan(&d, &x);
	decimal_working_tan(&x, &x);
	decimal_round_to(&x, 50, &x);
	ok(decimal_equal(&x, &d), "the tangent of the arc tangent, below zero");
}

static void
test_round(void)
{
	static const struct {
		const char *value;
		int32_t places;
		enum decimal_rounding how;
		const char *want;
	} cases[] = {
		{ "3.14159", 3, DECIMAL_HALF_AWAY, "3.142" },
		{ "0.5", 0, DECIMAL_HALF_AWAY, "1" },
		{ "0.5", 0, DECIMAL_HALF_EVEN, "0" },
		{ "1.5", 0, DECIMAL_HALF_EVEN, "2" },
		{ "-0.5", 0, DECIMAL_HALF_AWAY, "-1" },
		{ "-0.5", 0, DECIMAL_HALF_UP, "0" },
		{ "2.50000000000000000001", 0, DECIMAL_HALF_EVEN, "3" },
		{ "0.999999999999", 3, DECIMAL_HALF_AWAY, "1.000" },
		{ "1234.5", -2, DECIMAL_HALF_AWAY, "1200" },
		{ "1.5", 4, DECIMAL_HALF_AWAY, "1.5" },
		{ "-1.29", 1, DECIMAL_DOWN, "-1.2" },
		{ "-1.21", 1, DECIMAL_FLOOR, "-1.3" },
		{ "-1.29", 1, DECIMAL_CEILING, "-1.2" },
		{ "0.4", -3, DECIMAL_HALF_AWAY, "0" },
	};
	struct decimal d;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		d = of(cases[i].value);
		ok(decimal_round(&d, cases[i].places, cases[i].how, &d) == 0, "round");
		is_text(&d, cases[i].want, cases[i].value);
	}
	d = of("0.1");
	ok(decimal_round(&d, INT32_MIN, DECIMAL_HALF_AWAY, &d) == 0 && decimal_is_zero(&d),
	    "rounded beyond all digits");
}

static void
test_int(void)
{
	int64_t n = 7;
	struct decimal d = of("-9223372036854775808");

	ok(decimal_to_int(&d, &n) && n == INT64_MIN, "the least that fits");
	d = decimal_of(INT64_MIN);
	is_text(&d, "-9223372036854775808", "of it");
	d = of("9223372036854775808");
	ok(!decimal_to_int(&d, &n), "one that does not fit");
	d = of("12.00");
	ok(decimal_to_int(&d, &n) && n == 12 && decimal_is_whole(&d), "12.00 is whole");
	d = of("12.01");
	ok(!decimal_to_int(&d, &n) && !decimal_is_whole(&d), "12.01 is not");
	d = of("1e18");
	ok(decimal_to_int(&d, &n) && n == 1000000000000000000, "1e18");
	d = of("0e900");
	ok(decimal_to_int(&d, &n) && n == 0, "0e900");
	d = of("1.58700");
	is_int(decimal_places(&d), 5, "digits of the fraction");
	is_int(decimal_digits(&d), 6, "digits");
}

/* FHIRPath's official test cases, groups LowBoundary and HighBoundary. */
static void
test_boundaries(void)
{
	static const struct {
		const char *value;
		int32_t places;
		const char *low, *high; /* NULL: empty */
	} cases[] = {
		{ "1.587", 8, "1.58650000", "1.58750000" },
		{ "1.587", 6, "1.586500", "1.587500" },
		{ "1.587", 2, "1.58", "1.59" },
		{ "1.587", 0, "1", "2" },
		{ "1.587", -1, NULL, NULL },
		{ "1.587", 32, NULL, NULL },
		{ "-1.587", 8, "-1.58750000", "-1.58650000" },
		{ "-1.587", 2, "-1.59", "-1.58" },
		{ "-1.587", 0, "-2", "-1" },
		{ "1", 8, "0.50000000", "1.50000000" },
		{ "1", 0, "0", "2" },
		{ "1", 5, "0.50000", "1.50000" },
		{ "12.587", 2, "12.58", "12.59" },
		{ "12.500", 4, "12.4995", "12.5005" },
		{ "120", 2, "119.50", "120.50" },
		{ "-120", 2, "-120.50", "-119.50" },
		{ "0.0034", 1, "0.0", "0.0" },
		{ "-0.0034", 1, "0.0", "0.0" },
		{ "0.0", 8, "-0.05000000", "0.05000000" },
		{ "1e60", 31, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct decimal d = of(cases[i].value), low, high;

		ok(decimal_low_boundary(&d, cases[i].places, &low) == (cases[i].low != NULL) &&
			decimal_high_boundary(&d, cases[i].places, &high) ==
			    (cases[i].high != NULL),
		    "%s has boundaries to %d", cases[i].value, cases[i].places);
		if (!cases[i].low)
			continue;
		is_text(&low, cases[i].low, "low");
		is_text(&high, cases[i].high, "high");
	}
}

static void
test_interval(void)
{
	struct decimal d = of("100.00"), low, high;

	ok(decimal_interval(&d, &low, &high) == 0, "an interval");
	is_text(&low, "99.995", "low");
	is_text(&high, "100.005", "high");
	d = of("1e2");
	ok(decimal_interval(&d, &low, &high) == 0, "an interval");
	is_text(&low, "50", "low");
	is_text(&high, "150", "high");
}

int
main(void)
{
	test_text();
	test_limits();
	test_compare();
	test_equivalent();
	test_operations();
	test_angles();
	test_round();
	test_int();
	test_boundaries();
	test_interval();
	return tap_done();
}
