/*
 * A message to a Bundle, by a map of its own and by those that are shipped.
 * What comes out must read back as a Bundle without an unknown element. Needs
 * the definitions: $FIREDOOR_PACK.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/finding.h"
#include "mappers/map/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char maps[] =
    "events { T = ADT ORU }\n"
    "message T { structure { MSH { R: [ P: PID [PD1] [{ NTE }] [{ NK1 }] [ V: PV1 ] ]"
    " [{ O: [ORC] OBR [{ B: OBX [{ NTE }] }] }] } }\n"
    "MSH -> Bundle { MSH-7 -> timestamp }\n"
    "PID -> Patient : PID[Patient]\n"
    "NK1 -> RelatedPerson { patient = ref Patient NK1-2 -> name : XPN[HumanName] }\n"
    "PV1 -> Encounter { subject = ref Patient PV1-44 -> period.start\n"
    " PV1-7 -> participant[1] { this -> individual(Practitioner) : XCN[Practitioner] } }\n"
    "OBR -> DiagnosticReport { OBR-4 -> code.text = text(OBR-4) subject = ref Patient }\n"
    "OBX -> Observation { OBX-3 -> code.coding.code DiagnosticReport.result = ref Observation\n"
    " OBX-5 if OBX-2 = \"NM\" -> valueQuantity.value OBX-5 if OBX-2 = \"ST\" -> valueString\n"
    " OBX-5 if OBX-2 = \"DT\" -> valueDateTime default status = \"unknown\" }\n"
    "B.NTE -> Observation.note { NTE-3 -> text = join(NTE-3, \"\\n\") } }\n"
    "segment PID[Patient] { match on identifier PID-3 -> identifier { this.1 -> value\n"
    " this.4 -> system = uri(PID-3.4.2) } PID-5 -> name[1] : XPN[HumanName] PID-7 -> birthDate\n"
    " PID-8 -> gender table S PID-11 -> address.text = words(PID-11.1, PID-11.3) }\n"
    "table S { M => male A* => other default => unknown }\n"
    "datatype XPN[HumanName] { XPN.2 -> given[1] XPN.1 -> family }\n"
    "datatype XCN[Practitioner] { create unless identifier XCN.1 -> identifier.value }\n";

static struct map_set *
load(const struct pack *pack)
{
	struct map_source source = { "own.map", str_of(maps, sizeof(maps) - 1) };
	struct error err = { 0 };
	struct map_set *set = map_set_compile(pack, &source, 1, &err);

	if (!set) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return set;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pack *pack;
	static struct map_set *set;
	static struct record_builder builder;
	struct map_options o = { .list = true };
	const struct record *r;
	struct coverage coverage;
	struct er7_message m;
	struct findings f;
	struct error err;
	struct arena a;

	if (!pack) {
		pack = getenv("FIREDOOR_PACK") ? pack_open(getenv("FIREDOOR_PACK"), &err) : NULL;
		if (!pack)
			return 0;
		record_builder_init(&builder, pack, &record_default_limits);
		set = load(pack);
	}
	arena_init(&a, 64 << 20, 0);
	findings_init(&f, &a, 20);
	if (er7_read(str_of((const char *)data, size), NULL, &a, &m, &f) == 0 &&
	    map_convert(set, &m, &o, &a, &builder, &r, &coverage, &f) == 0 &&
	    !record_check(r, record_size(r), pack))
		abort();
	arena_release(&a);
	return 0;
}
