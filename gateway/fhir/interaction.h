/*
 * interaction.h - the interactions of the FHIR REST API (R4, 3.1) that are
 * served: one table, and the parser that finds the row a request asks for.
 *
 * Parsing looks at method and path only, so that a sender can be refused
 * before its body is read. Does no I/O; any thread.
 */
#ifndef GATEWAY_FHIR_INTERACTION_H
#define GATEWAY_FHIR_INTERACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/access/scope.h"
#include "profiles/pack.h"

struct arena;
struct operation;

enum fhir_method {
	FHIR_GET,
	FHIR_HEAD,
	FHIR_POST,
	FHIR_PUT,
	FHIR_DELETE,
	FHIR_PATCH,
	FHIR_OPTIONS,
	FHIR_METHODS, /* how many; also: none of these */
};

/* What a path below the base names. */
enum fhir_shape {
	SHAPE_BASE,		  /* "" */
	SHAPE_METADATA,		  /* metadata */
	SHAPE_TYPE,		  /* Patient */
	SHAPE_TYPE_SEARCH,	  /* Patient/_search */
	SHAPE_SYSTEM_SEARCH,	  /* _search */
	SHAPE_COMPARTMENT,	  /* Patient/1/Observation, or * for all */
	SHAPE_COMPARTMENT_SEARCH, /* Patient/1/Observation/_search, Patient/1/_search */
	SHAPE_INSTANCE,		  /* Patient/1 */
	SHAPE_INSTANCE_HISTORY,	  /* Patient/1/_history */
	SHAPE_VERSION,		  /* Patient/1/_history/2 */
	SHAPE_TYPE_HISTORY,	  /* Patient/_history */
	SHAPE_SYSTEM_HISTORY,	  /* _history */
	SHAPE_SYSTEM_OPERATION,	  /* $name, below each of these */
	SHAPE_TYPE_OPERATION,
	SHAPE_INSTANCE_OPERATION,
	SHAPE_VERSION_OPERATION,
};

enum interaction_id {
	INTERACTION_READ,
	INTERACTION_VREAD,
	INTERACTION_UPDATE,
	INTERACTION_UPDATE_CONDITIONAL,
	INTERACTION_PATCH,
	INTERACTION_PATCH_CONDITIONAL,
	INTERACTION_DELETE,
	INTERACTION_DELETE_CONDITIONAL,
	INTERACTION_HISTORY_INSTANCE,
	INTERACTION_HISTORY_TYPE,
	INTERACTION_HISTORY_SYSTEM,
	INTERACTION_CREATE,
	INTERACTION_SEARCH_TYPE,
	INTERACTION_SEARCH_POST,
	INTERACTION_SEARCH_SYSTEM,
	INTERACTION_SEARCH_SYSTEM_POST,
	INTERACTION_SEARCH_COMPARTMENT,
	INTERACTION_SEARCH_COMPARTMENT_POST,
	INTERACTION_CAPABILITIES,
	INTERACTION_TRANSACTION, /* and batch: the Bundle's type tells */
	INTERACTION_OPERATION,	 /* see operation.h */
	INTERACTION_OPTIONS,
};

enum interaction_flag {
	INTERACTION_BODY = 1 << 0,	/* has a resource as its body */
	INTERACTION_FORM = 1 << 1,	/* has a form as its body */
	INTERACTION_WRITES = 1 << 2,	/* may change the store */
	INTERACTION_POINT = 1 << 3,	/* reads one row: may run on a loop */
	INTERACTION_PER_TYPE = 1 << 4,	/* listed with each type in metadata */
	INTERACTION_SYSTEM = 1 << 5,	/* listed for the whole system */
	INTERACTION_OPEN = 1 << 6,	/* needs no scope */
	INTERACTION_IN_BUNDLE = 1 << 7, /* may be an entry of a Bundle */
	INTERACTION_INPUT = 1 << 8,	/* may have a resource as its body, by POST */
	INTERACTION_JUDGES = 1 << 9,	/* what is wrong with the body is the answer */
};

struct interaction {
	enum interaction_id id;
	const char *code; /* as in CapabilityStatement: "read" */
	enum fhir_method method;
	enum fhir_shape shape;
	unsigned right; /* enum access_right that it needs, or-ed: any of them; 0: none
			 * of its own */
	unsigned flags; /* enum interaction_flag */
};

/* All of them; the row with code NULL ends the table. */
extern const struct interaction interactions[];

/* The first row of that id. */
const struct interaction *interaction_by_id(enum interaction_id id);

/* What a request asks for. Texts are in the arena or the request. */
struct fhir_route {
	const struct interaction *interaction;
	const struct operation *operation; /* of INTERACTION_OPERATION */
	enum fhir_method method;	   /* FHIR_HEAD is served as its GET */
	enum fhir_shape shape;
	uint32_t type;	    /* PACK_NONE when the path names none */
	uint32_t home;	    /* whose compartment is searched: its type, PACK_NONE: none; */
	struct str home_id; /* and id */
	struct str id;
	uint64_t version; /* SHAPE_VERSION; 0: no version can be so named */
	struct str query; /* as sent, without the '?' */
	unsigned allowed; /* bit 1 << method for those the path takes */
};

/* Why there is no such route. */
enum route_result {
	ROUTE_FOUND,
	ROUTE_NO_SUCH_PATH,	 /* 404 */
	ROUTE_NO_SUCH_TYPE,	 /* 404 */
	ROUTE_NO_SUCH_OPERATION, /* 404 */
	ROUTE_BAD_ID,		 /* 400: not of an id's form */
	ROUTE_BAD_METHOD,	 /* 405: see allowed */
	ROUTE_BAD_ESCAPE,	 /* 400: broken percent-encoding */
};

/* The method of that name (case matters); FHIR_METHODS for any other. */
enum fhir_method fhir_method_of(struct str name);

/* "GET". */
const char *fhir_method_name(enum fhir_method m);

/*
 * Find the route of a method and a target relative to the base ("", "/",
 * "/Patient/1?x", "Patient?name=x"). out->type names the resource type
 * whenever the path does and it is known; `word` gets the part of the path
 * that was not understood.
 */
enum route_result route_parse(const struct pack *p, enum fhir_method method, struct str target,
    struct arena *a, struct fhir_route *out, struct str *word);

/* The resource type nearest in name, for a suggestion; may be empty. */
struct str route_suggest_type(const struct pack *p, struct str name);

/* "GET, HEAD, OPTIONS": the value of an Allow header; room for 64. */
void route_allow(unsigned allowed, char out[64]);

/* Whether s has the form of an id: [A-Za-z0-9\-\.]{1,64} (R4, 2.24.0.1). */
bool fhir_id_is_valid(struct str s);

#endif
