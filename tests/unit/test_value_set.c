/*
 * What value sets hold, after the definitions of R4 as they are published; and
 * distances, after tables of great circles.
 */
#include "base/arena.h"
#include "base/error.h"
#include "gateway/store/geo.h"
#include "profiles/pack.h"
#include "profiles/value_set.h"
#include "tests/tap.h"

#define CORE "http://hl7.org/fhir/ValueSet/"
#define V3 "http://terminology.hl7.org/"

static const struct pack *pack;
static struct arena arena;

static bool
has(const struct value_set_codes *set, const char *system, const char *code)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (str_is(set->at[i].system, system) && str_is(set->at[i].code, code))
			return true;
	return false;
}

static void
test_sets(void)
{
	struct value_set_codes set;
	struct error err;

	is_int(value_set_expand(pack, STR(CORE "administrative-gender"), &arena, &set, &err), 0,
	    "a code system as a whole");
	is_int(set.count, 4, "which has four codes");
	ok(has(&set, "http://hl7.org/fhir/administrative-gender", "other"), "other is one");
	is_int(value_set_expand(pack, STR(CORE "administrative-gender|4.0.1"), &arena, &set, &err),
	    0, "with its version");
	is_int(value_set_expand(pack, STR(V3 "ValueSet/v3-ActEncounterCode"), &arena, &set, &err),
	    0, "what is below a concept");
	ok(has(&set, V3 "CodeSystem/v3-ActCode", "AMB") &&
		has(&set, V3 "CodeSystem/v3-ActCode", "NONAC"),
	    "its children and theirs");
	ok(!has(&set, V3 "CodeSystem/v3-ActCode", "OPTOUT"), "and no other");
	is_int(value_set_expand(pack, STR(CORE "observation-codes"), &arena, &set, &err), 0,
	    "all of a system that is not here");
	ok(has(&set, "http://loinc.org", ""), "is that system, whatever its codes");
	is_int(value_set_expand(pack, STR(CORE "observation-vitalsignresult"), &arena, &set, &err),
	    0, "codes that are listed");
	ok(has(&set, "http://loinc.org", "8867-4") && !has(&set, "http://loinc.org", ""),
	    "are those");
}

static void
test_refusals(void)
{
	static const struct {
		const char *url, *word;
	} refused[] = {
		{ CORE "nonsense", CORE "nonsense" },
		{ CORE "condition-code", "http://snomed.info/sct" },
		{ CORE "body-site", "http://snomed.info/sct" },
	};
	struct value_set_codes set;
	struct error err;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int rc = value_set_expand(pack, str_from(refused[i].url), &arena, &set, &err);

		ok(rc < 0 && strstr(err.text, refused[i].word) && strstr(err.text, refused[i].url),
		    "%s cannot be expanded, and why: %s", refused[i].url, rc < 0 ? err.text : "");
	}
}

static void
test_hierarchy(void)
{
	struct str system = STR(V3 "CodeSystem/v3-ActCode");
	struct value_set_codes set;
	struct error err;

	value_set_hierarchy(pack, system, STR("IMP"), VALUE_SET_BELOW, &arena, &set, &err);
	ok(set.count == 3 && has(&set, system.p, "ACUTE") && has(&set, system.p, "NONAC") &&
		has(&set, system.p, "IMP"),
	    "inpatient, acute and not");
	value_set_hierarchy(pack, system, STR("ACUTE"), VALUE_SET_ABOVE, &arena, &set, &err);
	ok(has(&set, system.p, "IMP") && has(&set, system.p, "_ActEncounterCode") &&
		!has(&set, system.p, "NONAC"),
	    "what is above acute");
	ok(value_set_hierarchy(pack, system, STR("nonsense"), VALUE_SET_BELOW, &arena, &set, &err) <
		    0 &&
		strstr(err.text, "nonsense"),
	    "a code that is none");
	ok(value_set_hierarchy(pack, STR("http://snomed.info/sct"), STR("1"), VALUE_SET_BELOW,
	       &arena, &set, &err) < 0,
	    "a system that is not here");
}

/* Degrees to 10^-7. */
static int64_t
units(double degrees)
{
	return (int64_t)(degrees * 1e7);
}

static void
test_distances(void)
{
	/* A degree of latitude on a ball of 6,371.0088 km; a quarter and half of it. */
	int64_t degree = geo_distance_mm(0, 0, units(1), 0);
	int64_t half = geo_distance_mm(units(90), 0, units(-90), 0);
	struct geo_box box;

	ok(degree > 111195000 && degree < 111195200, "a degree of latitude: %lld",
	    (long long)degree);
	ok(half > 20015110000 && half < 20015120000, "from pole to pole: %lld", (long long)half);
	/* By the law of cosines on that ball: 337,582.8 m. */
	degree = geo_distance_mm(units(51.5), units(-0.1), units(48.9), units(2.35));
	ok(degree > 337582000 && degree < 337583600, "London to Paris: %lld", (long long)degree);
	is_int(geo_distance_mm(units(1), units(179.9999999), units(1), units(-180)) < 100, 1,
	    "the date line is no distance");
	box = geo_box_around(units(60), units(10), 111195080);
	ok(box.south < units(59.0) && box.north > units(61.0) && box.west < units(8.0) &&
		box.east > units(12.0),
	    "a box holds what is near");
	box = geo_box_around(units(89.9), 0, 111195080);
	ok(box.west == units(-180) && box.east == units(180), "at a pole, all longitudes");
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	test_distances();
	pack = path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("value sets", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	arena_init(&arena, 64 << 20, 0);
	test_sets();
	test_refusals();
	test_hierarchy();
	arena_release(&arena);
	pack_free(pack);
	return tap_done();
}
