# One file for each area, so that a change touches one.
include tests/unit/base.mk
include tests/unit/profiles.mk
include tests/unit/json.mk
include tests/unit/xml.mk
include tests/unit/hl7v2.mk
include tests/unit/map.mk
include tests/unit/net.mk
include tests/unit/store.mk
include tests/unit/gateway.mk
include tests/unit/access.mk
include tests/unit/fhir.mk
include tests/unit/host.mk
