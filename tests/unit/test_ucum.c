/*
 * Units and quantities. What is expected comes from the UCUM specification's
 * tables and text, from the definitions of the units by hand arithmetic, and
 * from FHIRPath N1 and its official test cases.
 */
#include "base/arena.h"
#include "profiles/quantity.h"
#include "profiles/ucum.h"
#include "profiles/ucum_table.h"
#include "tests/tap.h"

static struct arena arena;

static struct decimal
of(const char *text)
{
	struct decimal d = { 0 };

	if (decimal_parse(str_from(text), &d, NULL))
		ok(false, "a number: %s", text);
	return d;
}

static struct ucum_unit
unit(const char *code)
{
	struct ucum_unit u = ucum_one();
	struct error err = { 0 };

	if (ucum_parse(str_from(code), &u, &err))
		ok(false, "%s", err.text);
	return u;
}

static void
test_table(void)
{
	struct ucum_unit u;
	char text[UCUM_TEXT];

	for (int i = 1; i < UCUM_ATOMS; i++)
		if (strcmp(ucum_atoms[i - 1].code, ucum_atoms[i].code) >= 0)
			ok(false, "%s stands in order", ucum_atoms[i].code);
	for (int i = 0; i < UCUM_ATOMS; i++) {
		struct error err = { 0 };

		if (ucum_parse(str_from(ucum_atoms[i].code), &u, &err))
			ok(false, "%s", err.text);
	}
	ok(true, "every atom can be read");
	u = unit("N");
	is_str(str_of(text, ucum_canonical_unit(&u, text)), STR("g.m.s-2"), "the newton");
	u = unit("[iU]/L");
	is_str(str_of(text, ucum_canonical_unit(&u, text)), STR("[iU].m-3"), "units by volume");
	u = unit("mol");
	is_str(str_of(text, ucum_canonical_unit(&u, text)), STR("1"), "the mole is a number");
	u = unit("[degF]");
	is_str(str_of(text, ucum_canonical_unit(&u, text)), STR("K"), "Fahrenheit");
	u = unit("[pH]");
	is_str(str_of(text, ucum_canonical_unit(&u, text)), STR("[pH]"), "the pH stays");
}

static void
test_conversions(void)
{
	static const struct {
		const char *value, *from, *to, *want;
	} cases[] = {
		{ "1", "[in_i]", "cm", "2.54" },
		{ "1", "[ft_i]", "m", "0.3048" },
		{ "3937", "[ft_us]", "m", "1200" },
		{ "185", "[lb_av]", "kg", "83.91458845" },
		{ "1", "kg", "[lb_av]", "2.20462262184877580722973801345027" },
		{ "4000.0", "mg", "g", "4" },
		{ "1", "h", "s", "3600" },
		{ "1", "a", "d", "365.25" },
		{ "1", "mo", "d", "30.4375" },
		{ "1", "cm3", "mL", "1" }, /* §9: the prefix is raised as well */
		{ "1", "cm3", "m3", "0.000001" },
		{ "1", "10*3/uL", "10*9/L", "1" },
		{ "5.5", "mmol/L", "umol/mL", "5.5" },
		{ "1", "mol", "10*23", "6.0221367" },
		{ "1", "mm[Hg]", "Pa", "133.322" },
		{ "1", "J", "N.m", "1" },
		{ "1", "erg", "J", "0.0000001" },
		{ "1", "[gal_us]", "L", "3.785411784" },
		{ "1", "[c]", "m/s", "299792458" },
		{ "180", "deg", "[pi].rad", "1" },
		{ "180", "deg", "rad", "3.141592653589793238462643383279503" },
		{ "1", "circ", "deg", "360" },
		{ "60", "''", "'", "1" },
		{ "37", "Cel", "K", "310.15" },
		{ "98.6", "[degF]", "Cel", "37" },
		{ "-40", "Cel", "[degF]", "-40" },
		{ "80", "[degRe]", "Cel", "100" },
		{ "37000", "mCel", "[degF]", "98.6" },
		{ "1", "[diop]", "m-1", "1" },
		{ "7", "[pH]", "mol/l", "0.0000001" },
		{ "0.001", "mol/l", "[pH]", "3" },
		{ "1", "Np", "1", "2.718281828459045235360287471352662" },
		{ "2", "B", "1", "100" },
		{ "30", "dB", "1", "1000" },
		{ "6", "B[V]", "V", "1000" },
		{ "60", "dB[V]", "V", "1000" },
		{ "3", "B[W]", "kW", "1" },
		{ "0", "B[SPL]", "Pa", "0.00002" },
		{ "1", "uV", "B[10.nV]", "4" },
		{ "10", "bit_s", "1", "1024" },
		{ "45", "deg", "%[slope]", "100" },
		{ "100", "[p'diop]", "deg", "45" },
		{ "4", "m2/s4/Hz", "[m/s2/Hz^(1/2)]", "2" },
		{ "6", "[hp'_X]", "[ppm]", "1" },
		{ "3", "[hp'_C]", "[ppm]", "1" },
		{ "5", "[IU]", "[iU]", "5" },
		{ "5", "k[IU]/L", "[iU]/mL", "5" },
		{ "50", "%", "1", "0.5" },
		{ "1", "mg%", "mg/dL", "1" },
		{ "1", "KiBy", "bit", "8192" },
		{ "1", "2+10", "1", "1024" }, /* §9 */
		{ "1", "2.5", "1", "10" },    /* §8: no fraction, a product */
		{ "1", "kg/m.s2", "kg.s2/m", "1" },
		{ "1", "kg/(m.s2)", "kg/m/s2", "1" },
		{ "1", "/m.s", "s/m", "1" },
		{ "1", "%{vol}", "%", "1" },
		{ "1", "{RBC}/uL", "/uL", "1" },
		{ "5", "/100{WBCs}", "%", "5" },
		{ "1.20", "m+1", "m", "1.20" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ucum_unit from = unit(cases[i].from), to = unit(cases[i].to);
		struct decimal value = of(cases[i].value);
		struct error err = { 0 };
		char text[DECIMAL_TEXT];

		if (!ok(ucum_convert(&value, &from, &to, &value, &err) == 0,
			"%s %s is convertible to %s %s", cases[i].value, cases[i].from, cases[i].to,
			err.text))
			continue;
		is_str(str_of(text, decimal_format(&value, text)), str_from(cases[i].want),
		    "%s %s in %s", cases[i].value, cases[i].from, cases[i].to);
	}
}

static void
test_incommensurable(void)
{
	static const char *const pairs[][2] = { { "m", "s" }, { "[iU]", "1" },
		{ "[iU]", "[arb'U]" }, { "[iU]/L", "[arb'U]/L" }, { "Cel", "J" }, { "rad", "1" },
		{ "[pH]", "K" }, { "[iU]2", "[iU]" }, { "cm2", "cm" } };
	struct decimal one = of("1"), zero = of("0");
	struct ucum_unit a, b;
	struct error err = { 0 };
	int order;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		a = unit(pairs[i][0]);
		b = unit(pairs[i][1]);
		ok(!ucum_is_commensurable(&a, &b) && ucum_convert(&one, &a, &b, &one, &err) == -1 &&
			!ucum_compare(&one, &a, &one, &b, &order),
		    "%s and %s are not commensurable", pairs[i][0], pairs[i][1]);
	}
	a = unit("1");
	b = unit("B");
	ok(ucum_convert(&zero, &a, &b, &one, &err) == -1 && err.text[0],
	    "nothing has no logarithm");
}

static void
test_errors(void)
{
	static const struct {
		const char *code;
		int at;
	} cases[] = { { "xyz", 1 }, { "m/", 3 }, { "m.", 3 }, { ".m", 1 }, { "m//s", 3 },
		{ "m..s", 3 }, { "(m", 3 }, { "m)", 2 }, { "(m)2", 4 }, { "()", 2 }, { "(/m)", 2 },
		{ "m s", 2 }, { "m{a", 4 }, { "m{a{b}}", 4 }, { "{a}m", 4 }, { "m}", 2 },
		{ "m[", 3 }, { "]m", 1 }, { "3m", 1 }, { "0", 1 }, { "-2", 1 }, { "m-", 1 },
		{ "m2.5x", 4 }, { "Cel2", 4 }, { "Cel.m", 4 }, { "m/Cel", 2 }, { "1/Cel", 2 },
		{ "Cel.Cel", 4 }, { "k[in_i]", 1 }, { "kkg", 1 }, { "m100", 2 }, { "\xc2\xb5g", 1 },
		{ "ml{\xc2\xb5}", 4 }, { "m99.m", 4 }, { "meter", 1 } };
	char deep[80], position[32], longest[UCUM_CODE_MAX + 2];
	struct ucum_unit u;
	struct error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		err = (struct error){ 0 };
		snprintf(position, sizeof(position), "at character %d:", cases[i].at);
		ok(ucum_parse(str_from(cases[i].code), &u, &err) == -1 &&
			strstr(err.text, position),
		    "%s: %s", cases[i].code, err.text);
	}
	memset(deep, '(', sizeof(deep));
	ok(ucum_parse(str_of(deep, sizeof(deep)), &u, &err) == -1 && err.kind == ERROR_LIMIT,
	    "too deep");
	memset(longest, 'm', sizeof(longest));
	ok(ucum_parse(str_of(longest, sizeof(longest)), &u, &err) == -1 && err.kind == ERROR_LIMIT,
	    "too long");
	ok(ucum_parse(STR("[iU].[arb'U].[PFU].[CFU].[EU]"), &u, &err) == -1 &&
		err.kind == ERROR_LIMIT,
	    "too many arbitrary units");
	ok(ucum_parse(STR("999999999999999999+99"), &u, &err) == -1 && err.kind == ERROR_LIMIT,
	    "too large");
	ok(ucum_parse(STR("u45/u4"), &u, &err) == -1 && err.kind == ERROR_LIMIT, "too small");
	ok(ucum_parse(STR("ML"), &u, &err) == 0, "the megalitre");
	ok(ucum_parse(STR("CEL"), &u, &err) == -1 && strstr(err.text, "did you mean 'Cel'?"),
	    "another case is suggested");
	ok(ucum_parse(STR("lb_av"), &u, &err) == -1 && strstr(err.text, "did you mean '[lb_av]'?"),
	    "brackets are suggested");
}

static void
test_compare(void)
{
	static const struct {
		const char *a, *a_unit, *b, *b_unit;
		int order;
	} cases[] = {
		{ "4.0000", "g", "4000.0", "mg", 0 },
		{ "1", "[in_i]", "2.54", "cm", 0 },
		{ "1", "[in_i]", "2.5400000000000000000000000001", "cm", -1 },
		{ "98.6", "[degF]", "37", "Cel", 0 },
		{ "98.6", "[degF]", "36.999999999999999999999999999999", "Cel", 1 },
		{ "7", "[pH]", "100", "nmol/L", 0 },
		{ "180", "deg", "3.14159", "rad", 1 },
		{ "1", "[ft_us]", "1", "[ft_i]", 1 },
		{ "3", "[tsp_us]", "1", "[tbs_us]", 0 },
		{ "30", "dB", "1000", "1", 0 },
		{ "-1", "m", "1", "cm", -1 },
		{ "8", "[pH]", "7", "[pH]", 1 },
		{ "2", "B/10000000000000000000000000000000000000000", "3",
		    "B/10000000000000000000000000000000000000000", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ucum_unit x = unit(cases[i].a_unit), y = unit(cases[i].b_unit);
		struct decimal a = of(cases[i].a), b = of(cases[i].b), c, d;
		int order = 7;

		ok(ucum_compare(&a, &x, &b, &y, &order), "commensurable");
		is_int(order, cases[i].order, "%s %s and %s %s", cases[i].a, cases[i].a_unit,
		    cases[i].b, cases[i].b_unit);
		if (strcmp(cases[i].a_unit, "[pH]") == 0) /* canonical as it is */
			continue;
		if (strchr(cases[i].a_unit, '/')) /* too small a step for their sizes */
			continue;
		ok(ucum_canonical(&a, &x, &c) == 0 && ucum_canonical(&b, &y, &d) == 0 &&
			decimal_compare(&c, &d) == cases[i].order,
		    "and so are the canonical values");
	}
}

static void
test_cache(void)
{
	struct ucum_cache *cache = ucum_cache_new(2);
	struct ucum_unit m = unit("m"), km = unit("km");
	const struct ucum_unit *u;
	char code[16];

	for (int i = 1; i < 50; i++) {
		snprintf(code, sizeof(code), "m%d", i);
		u = ucum_cache_get(cache, str_from(code));
		ok(u && u->dimension[4] == i, "%s", code);
	}
	u = ucum_cache_get(cache, STR("km"));
	ok(u && ucum_equal(u, &km) && !ucum_equal(u, &m), "the kilometre");
	ok(!ucum_cache_get(cache, STR("none")) && !ucum_cache_get(cache, STR("none")), "no unit");
	u = ucum_cache_get(cache, STR("km"));
	ok(u && ucum_equal(u, &km), "the kilometre again");
	ucum_cache_free(cache);
	ucum_cache_free(NULL);
}

/* "4 'g'", "1 week" */
static struct quantity
quantity(const char *text)
{
	struct str rest = str_from(text), number = { NULL, 0 };
	struct quantity q = { 0 };
	struct decimal value;
	struct error err = { 0 };

	str_split(&rest, ' ', &number);
	value = of(str_cstr(&arena, number));
	if (rest.p[0] == '\'') {
		if (quantity_make(&value, str_of(rest.p + 1, rest.len - 2), &q, &err))
			ok(false, "%s", err.text);
	} else {
		ok(calendar_unit_of(rest) != CALENDAR_NONE, "a calendar unit: %s", rest.p);
		quantity_make_calendar(&value, calendar_unit_of(rest), &q);
	}
	return q;
}

static void
test_quantities(void)
{
	enum { NO = QUANTITY_INCOMPARABLE };
	static const struct {
		const char *a, *b;
		int order;
		bool equivalent;
	} cases[] = {
		{ "4 'g'", "4000 'mg'", 0, true },
		{ "4 'g'", "4040 'mg'", -1, true },
		{ "4.0 'g'", "4040 'mg'", -1, true },
		{ "4.1 'g'", "4040 'mg'", 1, false },
		{ "3 days", "1 week", -1, false },
		{ "7 days", "1 week", 0, true },
		{ "7 days", "1 'wk'", 0, true },
		{ "6 days", "1 week", -1, true },
		/* 0.857 weeks, to no digits */
		{ "8 days", "1 week", 1, true },
		{ "1 second", "1 's'", 0, true },
		{ "1 year", "1 'a'", NO, true },
		{ "1 month", "1 'mo'", NO, true },
		{ "1 year", "12 months", 0, true },
		{ "1 year", "365 days", 0, true },
		{ "1 month", "30 days", 0, true },
		{ "1 year", "2 'kg'", NO, false },
		{ "1 'cm2'", "1 'cm'", NO, false },
		{ "1 hour", "3600 's'", 0, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct quantity a = quantity(cases[i].a), b = quantity(cases[i].b);

		is_int(
		    quantity_compare(&a, &b), cases[i].order, "%s and %s", cases[i].a, cases[i].b);
		is_int(quantity_compare(&b, &a), cases[i].order == NO ? NO : -cases[i].order,
		    "%s and %s", cases[i].b, cases[i].a);
		ok(quantity_is_equivalent(&a, &b) == cases[i].equivalent &&
			quantity_is_equivalent(&b, &a) == cases[i].equivalent,
		    "%s %s %s", cases[i].a, cases[i].equivalent ? "~" : "!~", cases[i].b);
	}
	ok(calendar_unit_of(STR("days")) == CALENDAR_DAY &&
		calendar_unit_of(STR("day")) == CALENDAR_DAY &&
		calendar_unit_of(STR("d")) == CALENDAR_NONE &&
		calendar_unit_of(STR("s")) == CALENDAR_NONE,
	    "keywords");
}

static void
test_arithmetic(void)
{
	static const struct {
		const char *a;
		char op;
		const char *b, *want; /* NULL: empty */
	} cases[] = {
		{ "2.0 'cm'", '+', "3 'm'", "302.0 'cm'" },
		{ "3 'm'", '-', "2.0 'cm'", "298.0 'cm'" },
		{ "1 'cm'", '+', "1 'cm2'", NULL },
		{ "20 'Cel'", '+', "1 'Cel'", "21 'Cel'" },
		{ "20 'Cel'", '+', "1 'K'", NULL },
		{ "1 year", '+', "1 month", "13 months" },
		{ "1 day", '+', "1 'h'", "25 'h'" },
		{ "1 year", '+', "1 'd'", NULL },
		{ "1 week", '-', "1 day", "6 days" },
		{ "2.0 'cm'", '*', "2.0 'm'", "4.00 'cm.m'" },
		{ "4.0 'g'", '/', "2.0 'm'", "2 'g/m'" },
		{ "6 'mmol/L'", '/', "2 'mmol/L'", "3 '1'" },
		{ "1 'g'", '/', "1 'mg'", "1000 '1'" },
		{ "6 'g'", '/', "2 'mg/mL'", "3 'g/(mg/mL)'" },
		{ "6 'g'", '*', "2 '/mL'", "12 'g.(1/mL)'" },
		{ "3 '1'", '*', "2 'mmol'", "6 'mmol'" },
		{ "3 days", '*', "2 '1'", "6 days" },
		{ "3 year", '/', "6 months", "6 '1'" },
		{ "3 'm'", '/', "2 year", NULL },
		{ "6 'm'", '/', "2 seconds", "3 'm/s'" },
		{ "6 'm'", '/', "0 's'", NULL },
		{ "6 'Cel'", '*', "2 's'", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct quantity a = quantity(cases[i].a), b = quantity(cases[i].b);
		int done = cases[i].op == '+'	? quantity_add(&a, &b, &a)
			   : cases[i].op == '-' ? quantity_subtract(&a, &b, &a)
			   : cases[i].op == '*' ? quantity_multiply(&a, &b, &arena, &a)
						: quantity_divide(&a, &b, &arena, &a);
		struct ucum_unit again;

		if (!cases[i].want) {
			ok(done == -1, "%s %c %s is empty", cases[i].a, cases[i].op, cases[i].b);
			continue;
		}
		ok(done == 0, "%s %c %s", cases[i].a, cases[i].op, cases[i].b);
		is_str(quantity_text(&a, &arena), str_from(cases[i].want), "is %s", cases[i].want);
		ok(a.calendar ||
			(ucum_parse(a.code, &again, NULL) == 0 && ucum_equal(&again, &a.unit)),
		    "its code is that of its unit");
	}
}

static void
test_quantity_convert(void)
{
	struct quantity q = quantity("2.5 'g'"), r;
	struct error err = { 0 };

	ok(quantity_convert(&q, STR("mg"), &r, &err) == 0, "in milligrams");
	is_str(quantity_text(&r, &arena), STR("2500 'mg'"), "in milligrams");
	ok(quantity_convert(&q, STR("s"), &r, &err) == -1 && err.text[0], "not in seconds");
	ok(quantity_convert(&q, STR("nonsense"), &r, &err) == -1 && err.text[0], "not in nonsense");
	q = quantity("18 months");
	ok(quantity_convert(&q, STR("years"), &r, &err) == 0, "in years");
	is_str(quantity_text(&r, &arena), STR("1.5 years"), "in years");
	q = quantity("1 year");
	is_str(quantity_text(&q, &arena), STR("1 year"), "one year");
	ok(quantity_convert(&q, STR("d"), &r, &err) == 0, "in days");
	is_str(quantity_text(&r, &arena), STR("365 'd'"), "in days");
	ok(quantity_make(&q.value, STR(""), &r, &err) == 0, "without a unit");
	is_str(quantity_text(&r, &arena), STR("1 '1'"), "it is 1");
}

int
main(void)
{
	arena_init(&arena, 1 << 20, 0);
	test_table();
	test_conversions();
	test_incommensurable();
	test_errors();
	test_compare();
	test_cache();
	test_quantities();
	test_arithmetic();
	test_quantity_convert();
	arena_release(&arena);
	return tap_done();
}
