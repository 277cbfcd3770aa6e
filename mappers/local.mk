noinst_LIBRARIES += libmappers.a
libmappers_a_SOURCES =

include mappers/fhir/local.mk
include mappers/hl7v2/local.mk
include mappers/map/local.mk
include mappers/maps/local.mk

MAPPERS_FLOOR = libmappers.a $(PROFILES_FLOOR) $(MAPPERS_LIBS)
EXTRA_DIST += mappers/README.md
