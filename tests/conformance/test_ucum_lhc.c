/*
 * Our conversions against those of another library, ucum-lhc, which its own
 * people wrote from the same standard: thousands of pairs made of the table's
 * units with prefixes, exponents and products. FIREDOOR_UCUM_LHC is its folder.
 * It computes with doubles, so that values agree to some ten digits.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "profiles/ucum.h"
#include "profiles/ucum_table.h"
#include "tests/tap.h"

enum {
	PAIRS_PER_ATOM = 8,
	TERMS = 2000,
	PAIRS_MOST = 8000,
	CODE_ROOM = 128,
};

static struct pair {
	char value[32], from[CODE_ROOM], to[CODE_ROOM];
} pairs[PAIRS_MOST];
static int pair_count;

/* Where the answers differ, and why ours stay: each must be met. */
static struct difference {
	const char *const parts[8]; /* one of them is in a code */
	bool refused;		    /* it has no answer */
	const char *why;
	int seen;
} differences[] = {
	{ { "mol", "osm", "eq", "kat", "U", "[pH]" }, true,
	    "the mole is a number (UCUM, table 4: 6.0221367 10*23); it keeps moles apart", 0 },
	{ { "[hp'_" }, true, "it has no functions for homeopathic potencies", 0 },
	{ { "[p'diop]" }, true, "it has no function for the prism dioptre", 0 },
	{ { "%[slope]" }, false, "it takes the tangent of degrees as if they were radians", 0 },
	{ { "[degRe]" }, false, "80 degrees Reaumur are 100 Celsius; it takes 273.15 from both",
	    0 },
	{ { "[LPF]" }, false, "a low power field is 100 (table 19); its magnitude is 1", 0 },
	{ { "[mesh_i]" }, false, "the mesh is per inch (table 18); its magnitude is the inch", 0 },
	{ { "Bd", "[diop]", "[mesh_i]" }, true,
	    "the baud is per second, the dioptre per metre; it has seconds, metres", 0 },
	{ { "g/kg ", "L/(min.m2) " }, false, "a blank ends these codes of its table by mistake",
	    0 },
};

static uint32_t
next_random(uint32_t below)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static bool
is_special(const struct ucum_atom *a)
{
	return a->scale >= UCUM_CELSIUS;
}

/* An atom commensurable with the one; itself when chance finds no other. */
static const struct ucum_atom *
partner(const struct ucum_atom *a)
{
	const struct ucum_unit *u = ucum_atom_unit((uint32_t)(a - ucum_atoms));

	for (int i = 0; i < 2000; i++) {
		uint32_t k = next_random(UCUM_ATOMS);

		if (ucum_is_commensurable(u, ucum_atom_unit(k)))
			return &ucum_atoms[k];
	}
	return a;
}

/* The atom's code, with a prefix now and then. */
static void
put_code(const struct ucum_atom *a, char *out, size_t room)
{
	const char *prefix = "";

	if (a->metric && next_random(2)) /* others would leave the range of a double */
		prefix = is_special(a) ? "d" : ucum_prefixes[next_random(20)].code;
	snprintf(out, room, "%s%s", prefix, a->code);
}

static void
put_value(char *out, size_t room)
{
	if (next_random(3))
		snprintf(out, room, "%u.%02u", next_random(500), next_random(100));
	else
		snprintf(out, room, "%u", 1 + next_random(9));
}

static void
make_atom_pairs(void)
{
	for (const struct ucum_atom *a = ucum_atoms; a < ucum_atoms + UCUM_ATOMS; a++)
		for (int i = 0; i < PAIRS_PER_ATOM; i++) {
			struct pair *p = &pairs[pair_count++];

			put_value(p->value, sizeof(p->value));
			put_code(a, p->from, sizeof(p->from));
			put_code(partner(a), p->to, sizeof(p->to));
		}
}

/* "km2.g/[ft_i]" and the like with units of the same kinds. */
static void
make_term_pair(struct pair *p)
{
	static const char *const exponents[] = { "", "", "2", "-1", "3" };
	size_t from = 0, to = 0;

	put_value(p->value, sizeof(p->value));
	for (int i = 0; i < 3; i++) {
		const struct ucum_atom *a = &ucum_atoms[next_random(UCUM_ATOMS)];
		const char *op = i == 0 ? "" : next_random(2) ? "." : "/";
		const char *exponent = exponents[next_random(5)];
		char code[32];

		if (is_special(a) || a->scale == UCUM_ARBITRARY || strcmp(a->code, "[IU]") == 0)
			a = &ucum_atoms[UCUM_ATOMS - 1];
		put_code(a, code, sizeof(code));
		from += (size_t)snprintf(
		    p->from + from, sizeof(p->from) - from, "%s%s%s", op, code, exponent);
		do {
			a = partner(a);
		} while (is_special(a));
		put_code(a, code, sizeof(code));
		to += (size_t)snprintf(
		    p->to + to, sizeof(p->to) - to, "%s%s%s", op, code, exponent);
	}
}

static bool
near(double x, double y)
{
	double size = fabs(x) > fabs(y) ? fabs(x) : fabs(y);

	return x == y || fabs(x - y) <= 1e-9 * size || (isinf(x) && size > 1e300);
}

/* Our answer, as a double; false when there is none. */
static bool
convert(const char *value, const char *from, const char *to, double *out)
{
	struct ucum_unit a, b;
	struct decimal d;
	char text[DECIMAL_TEXT + 1];

	if (ucum_parse(str_from(from), &a, NULL) || ucum_parse(str_from(to), &b, NULL) ||
	    decimal_parse(str_from(value), &d, NULL) || ucum_convert(&d, &a, &b, &d, NULL))
		return false;
	text[decimal_format(&d, text)] = '\0';
	*out = strtod(text, NULL);
	return true;
}

static bool
is_refused(const char *theirs)
{
	return strcmp(theirs, "-") == 0;
}

static bool
has_arbitrary(const char *code)
{
	struct ucum_unit u;

	return ucum_parse(str_from(code), &u, NULL) == 0 && u.arbitrary[0].unit != 0;
}

/* Whether one of the differences explains theirs; counted then. */
static bool
is_known(const char *from, const char *to, const char *theirs)
{
	if (has_arbitrary(from)) /* it does not convert them even to themselves */
		return is_refused(theirs);
	for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++) {
		struct difference *d = &differences[i];

		for (int k = 0; k < 8 && d->parts[k]; k++)
			if (d->refused == is_refused(theirs) &&
			    (strstr(from, d->parts[k]) || strstr(to, d->parts[k]))) {
				d->seen++;
				return true;
			}
	}
	return false;
}

/* Returns whether both say the same. */
static bool
check_pair(const struct pair *p, const char *theirs)
{
	double mine = 0;
	bool converted = convert(p->value, p->from, p->to, &mine), agree;

	if (strstr(theirs, "Infinity")) /* beyond doubles: nothing to compare */
		return false;
	if (is_refused(theirs))
		agree = !converted;
	else
		agree = converted && near(mine, strtod(theirs, NULL));
	if (!agree && !is_known(p->from, p->to, theirs))
		ok(false, "%s %s in %s: %.17g, theirs %s", p->value, p->from, p->to, mine, theirs);
	return agree;
}

static void
check_unit(char *line)
{
	char *tab = strrchr(line, '\t'), *code = line + 2, base[UCUM_TEXT + 1];
	struct error err = { 0 };
	struct ucum_unit u;
	double mine = 0;

	*tab = '\0';
	if (ucum_parse(str_from(code), &u, &err)) {
		ok(is_known(code, "", tab + 1), "%s", err.text);
		return;
	}
	base[ucum_canonical_unit(&u, base)] = '\0';
	if ((!convert("1", code, base, &mine) || !near(mine, strtod(tab + 1, NULL))) &&
	    !is_known(code, "", tab + 1))
		ok(false, "1 %s in %s: %.17g, theirs %s", code, base, mine, tab + 1);
}

static FILE *
ask(const char *folder, char path[])
{
	const char *top = getenv("FIREDOOR_SRCDIR");
	char command[2048];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	for (int i = 0; i < pair_count; i++)
		fprintf(f, "%s\t%s\t%s\n", pairs[i].value, pairs[i].from, pairs[i].to);
	fclose(f);
	snprintf(command, sizeof(command),
	    "node '%s/tests/conformance/ucum_lhc.js' '%s/browser-dist/ucum-lhc.min.js' %s",
	    top ? top : ".", folder, path);
	return popen(command, "r");
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_UCUM_LHC");
	char path[] = "/tmp/firedoor-ucum-XXXXXX", line[512];
	int n = 0, units = 0, agreed = 0;
	FILE *f;

	if (!folder || system("node --version >/dev/null 2>&1") != 0) {
		tap_skip("conversions as ucum-lhc's",
		    folder ? "node is missing" : "FIREDOOR_UCUM_LHC is not set");
		return tap_done();
	}
	make_atom_pairs();
	for (int i = 0; i < TERMS; i++)
		make_term_pair(&pairs[pair_count++]);
	f = ask(folder, path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '=') {
			check_unit(line);
			units++;
		} else if (n < pair_count) {
			agreed += check_pair(&pairs[n++], line);
		}
	}
	ok(pclose(f) == 0, "the other library has answered");
	unlink(path);
	is_int(n, pair_count, "all pairs are compared");
	ok(agreed > 3500, "%d of %d pairs agree", agreed, n);
	ok(units > 600, "%d units of its table are read, and are of its size", units);
	for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++)
		ok(differences[i].seen > 0, "%d times: %s", differences[i].seen,
		    differences[i].why);
	return tap_done();
}
