# One file for each area, so that a change touches one.
include tests/fuzz/base.mk
include tests/fuzz/profiles.mk
include tests/fuzz/json.mk
include tests/fuzz/xml.mk
include tests/fuzz/hl7v2.mk
include tests/fuzz/map.mk
include tests/fuzz/net.mk
include tests/fuzz/store.mk
include tests/fuzz/gateway.mk
include tests/fuzz/access.mk
include tests/fuzz/fhir.mk
include tests/fuzz/host.mk
