/*
 * operation.h - operations (R4, 3.2): $name on the system, a type, an instance
 * or a version, by GET and by POST with a Parameters (or the resource itself).
 *
 * One table: a row for each operation at each level it has. A row holds the
 * struct interaction that a request is authorised, audited and, in a Bundle,
 * carried out by, so that nothing else needs to know which operation it is.
 */
#ifndef GATEWAY_FHIR_OPERATION_H
#define GATEWAY_FHIR_OPERATION_H

#include "gateway/fhir/call.h"

struct operation_input;
struct record_builder;

/* Carry it out: set c->status and c->body, or fail c. */
typedef void operation_run_fn(const struct fhir_service *s, struct fhir_call *c,
    const struct operation_input *in, struct store_reader *r);

/*
 * Make what the instance becomes: c->record, from what is stored. Returns 0; 1
 * when nothing changes (it is run then, as one that reads); -1 when c failed.
 */
typedef int operation_change_fn(const struct fhir_service *s, struct fhir_call *c,
    const struct operation_input *in, const struct store_version *found,
    struct record_builder *builder);

struct operation {
	struct interaction as;	/* code: the name, "$meta" */
	unsigned methods;	/* bit 1 << enum fhir_method */
	const char *type;	/* the only type that has it; NULL: all */
	const char *definition; /* canonical; NULL: not one of FHIR's own */
	const char *params;	/* names of those it takes, a blank between */
	operation_run_fn *run;
	operation_change_fn *change; /* NULL: it writes nothing */
};

/* The table; the row without a name ends it. */
extern const struct operation operations[];

/* The operation of that name ("$meta") for a shape of path, and the type that
 * the path names; NULL when there is none. */
const struct operation *
operation_find(const struct pack *p, enum fhir_shape shape, uint32_t type, struct str name);

/* Refuse the name of an operation that there is not, with what is nearest. */
int operation_fail_unknown(struct fhir_call *c, const struct pack *p, struct str name);

/* One parameter that came. */
struct operation_param {
	struct str name, value;
	uint32_t node;	   /* of its value[x] in the body; 0: of the query */
	uint32_t resource; /* root of its resource in the body */
	bool is_resource;  /* it has one */
};

struct operation_input {
	const struct record *body; /* NULL: none */
	struct operation_param *at;
	uint32_t count;
};

/*
 * Take the parameters of the query and of the body, which is a Parameters or,
 * where the operation takes a parameter "resource", that one. Fails the call
 * for one that the operation does not have. Returns 0 or -1.
 */
int operation_read(const struct fhir_service *s, struct fhir_call *c, struct operation_input *out);

/* The next parameter of that name behind `last` (NULL: the first), or NULL. */
const struct operation_param *operation_param_next(
    const struct operation_input *in, const char *name, const struct operation_param *last);

/* Value of the first, or empty. */
struct str operation_value(const struct operation_input *in, const char *name);

/* Read and run c, which asks for an operation. */
void operation_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r);

/* Its change, of what was found; as operation_change_fn. */
int operation_change(const struct fhir_service *s, struct fhir_call *c,
    const struct store_version *found, struct record_builder *builder);

/* After the write: the answer, made of what is stored now. */
void operation_answer(const struct fhir_service *s, struct fhir_call *c, struct str body);

/* Make r the answer, as JSON; r NULL: err says why not. */
void operation_answer_record(
    const struct fhir_service *s, struct fhir_call *c, const struct record *r, struct error *err);

/* Read what is stored into a record, in c's arena. NULL: c failed. */
const struct record *operation_record(const struct fhir_service *s, struct fhir_call *c,
    uint32_t type, struct str body, struct record_builder *builder);

/*
 * Read the instance (or version) that the path names, visible as c's decision
 * says. A deleted one fails c, as one that is not there. Returns 0 or -1.
 */
int operation_read_instance(const struct fhir_service *s, struct fhir_call *c,
    struct store_reader *r, struct store_version *out);

/* List in the open CapabilityStatement.rest (PACK_NONE) or rest.resource what
 * is offered there. */
void operation_list(struct record_builder *b, const struct pack *p, uint32_t type);

/* op_meta.c: $meta, $meta-add, $meta-delete. */
operation_run_fn meta_run, meta_run_all;
operation_change_fn meta_add, meta_delete;

/* op_diff.c: $diff. */
operation_run_fn diff_run;

/* op_everything.c: $everything. */
operation_run_fn everything_run;

/* op_validate.c: $validate. */
operation_run_fn validate_run;

#endif
