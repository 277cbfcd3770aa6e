noinst_LIBRARIES += libgateway.a
libgateway_a_SOURCES = \
	gateway/gateway.c gateway/gateway.h \
	gateway/listeners.c gateway/listeners.h \
	gateway/reload.c \
	gateway/reindexer.c gateway/reindexer.h

include gateway/access/local.mk
include gateway/audit/local.mk
include gateway/bulk/local.mk
include gateway/cli/local.mk
include gateway/config/local.mk
include gateway/exchange/local.mk
include gateway/feed/local.mk
include gateway/fhir/local.mk
include gateway/host/local.mk
include gateway/net/local.mk
include gateway/store/local.mk

bin_PROGRAMS += firedoor
firedoor_SOURCES = gateway/main.c
# The floors, each before the ones it stands on.
GATEWAY_FLOOR = libgateway.a $(MAPPERS_FLOOR) $(GATEWAY_LIBS) -lm
firedoor_LDADD = $(GATEWAY_FLOOR)
firedoor_LDFLAGS = $(AM_LDFLAGS)
EXTRA_DIST += gateway/README.md
