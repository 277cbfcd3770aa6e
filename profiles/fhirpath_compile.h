/*
 * fhirpath_compile.h - compiling: what is known of collections, and the parts
 * of a program while it is made.
 *
 * Inside of fhirpath only.
 */
#ifndef PROFILES_FHIRPATH_COMPILE_H
#define PROFILES_FHIRPATH_COMPILE_H

#include "profiles/fhirpath_program.h"
#include "profiles/fhirpath_syntax.h"

/* What is known of the items of a collection before it is evaluated. */
struct known {
	bool any;	 /* nothing */
	bool reference;	 /* what resolve() gives */
	bool unordered;	 /* what children() and descendants() give */
	uint32_t kinds;	 /* bits of enum fhirpath_kind: made values */
	uint32_t count;	 /* of types */
	uint32_t *types; /* of nodes; none is an abstract resource */
};

/* A variable that has a name here; the newest first. */
struct scope {
	const struct scope *outer;
	struct str name;
	uint32_t slot;
	struct known known;
};

struct compiler {
	struct fhirpath *f;
	const struct pack *pack;
	const struct fhirpath_options *options;
	struct arena work; /* the tree, and what is known */
	struct error *err;
	uint32_t op_room, step_count, step_room, literal_count, literal_room;
	uint32_t list_count, list_room, pattern_room;
	const struct scope *scope;
	const struct known *total; /* what $total is; NULL outside of aggregate() */
};

/* Refuse with line and column; gives NO_OP. */
#define REFUSE(c, s, ...) (syntax_error((c)->err, (c)->f->text, (s)->at, __VA_ARGS__), NO_OP)

/* Compile a tree whose $this is known. Returns the op, or NO_OP with c->err. */
uint32_t compile_tree(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out);

/* The same, keeping the variables that s defines to itself. */
uint32_t compile_apart(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out);

/* A name: an element of what is left of it, or of $this, or a type. */
uint32_t compile_name(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out);

/* A call: name(…), left of it its input. */
uint32_t compile_call(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out);

/* input is, as, ofType (OP_IS, OP_AS, OP_OF_TYPE) the type of that name. */
uint32_t compile_type_test(struct compiler *c, const struct syntax *s, enum op_code code,
    uint32_t input, struct str name, struct known *out);

uint32_t compile_no_memory(struct compiler *c);
uint32_t compile_emit(
    struct compiler *c, const struct syntax *s, enum op_code code, uint32_t input, uint32_t a);
uint32_t compile_add_literal(struct compiler *c, enum fhirpath_kind kind, struct str value);

/* Compile the regular expression of a call whose pattern is a literal. False
 * with c->err set. */
bool compile_pattern(struct compiler *c, const struct syntax *s, struct op *op);

/* Room for one more in an array of the program; false past the limit. */
bool
compile_make_room(struct compiler *c, void *array, uint32_t count, uint32_t *room, size_t size);

/* Put count numbers into the program's lists; where they start, or NO_OP. */
uint32_t compile_add_list(struct compiler *c, const uint32_t *numbers, uint32_t count);

struct known known_kind(enum fhirpath_kind kind);
bool known_is_nothing(const struct known *k);

/* Add a type; all that either may hold. False when memory ran out. */
bool known_add_type(struct compiler *c, struct known *k, uint32_t type);
bool
known_both(struct compiler *c, const struct known *x, const struct known *y, struct known *out);

/* The kinds of values the items may be or have; ~0 when that is not known. */
uint32_t known_kinds(const struct compiler *c, const struct known *k);

/* "HumanName", "String | Integer", "anything". */
struct str known_text(struct compiler *c, const struct known *k);

/* FHIRPath's own name of a kind, "Integer". */
const char *kind_name(enum fhirpath_kind kind);

#endif
