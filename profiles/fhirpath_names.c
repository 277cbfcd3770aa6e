/* FHIRPath's names, resolved: elements and types. */
#include "profiles/fhirpath_compile.h"

/* The nearest FHIRPath name of an element of one of the types. */
static struct str
suggest(struct compiler *c, const struct known *in, struct str name)
{
	unsigned best = 3;
	struct str nearest = STR("");

	for (uint32_t i = 0; i < in->count; i++) {
		const struct pack_type *t = pack_type_at(c->pack, in->types[i]);

		for (uint32_t k = 0; k < t->elements.count; k++) {
			const struct pack_element *e = pack_element_at(
			    c->pack, t->elements.first + k);
			struct str stem = pack_text(c->pack, e->stem);
			unsigned d = str_distance(stem, name, 2);

			if (str_eq(pack_text(c->pack, e->name), name))
				return stem; /* "valueQuantity" is value */
			if (d < best) {
				best = d;
				nearest = stem;
			}
		}
	}
	return nearest;
}

static uint32_t
refuse_name(struct compiler *c, const struct syntax *s, const struct known *in)
{
	struct str near = suggest(c, in, s->text);
	struct str type = in->count ? pack_text(c->pack, pack_type_at(c->pack, in->types[0])->name)
				    : STR("");

	if (!in->count)
		return REFUSE(c, s, "there is no element '%.*s' in a value of FHIRPath's own types",
		    STR_ARG(s->text));
	return REFUSE(c, s, "there is no element '%.*s' in %.*s%s%s%.*s%s", STR_ARG(s->text),
	    STR_ARG(type), in->count > 1 ? " (and others)" : "", near.len ? "; did you mean '" : "",
	    STR_ARG(near), near.len ? "'?" : "");
}

/* The elements of that stem in a type; false when there are none. */
static bool
find_step(struct compiler *c, uint32_t type, struct str name, struct step *out)
{
	const struct pack_type *t = pack_type_at(c->pack, type);
	uint32_t e = pack_find_stem(c->pack, type, name),
		 end = t->elements.first + t->elements.count;
	uint16_t choice;

	if (e == PACK_NONE)
		return false;
	*out = (struct step){ .type = type, .first = e, .last = e };
	choice = pack_element_at(c->pack, e)->choice;
	while (choice && out->last + 1 < end &&
	       pack_element_at(c->pack, out->last + 1)->choice == choice)
		out->last++;
	out->gives = pack_element_at(c->pack, e)->type;
	out->kind = (uint8_t)fhirpath_kind_of(pack_type_at(c->pack, out->gives)->lexical);
	out->plain = out->last == e && !(pack_element_at(c->pack, e)->flags & ELEMENT_RESOURCE);
	return true;
}

static bool
has_step(struct compiler *c, const struct known *in, struct str name)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (pack_find_stem(c->pack, in->types[i], name) != PACK_NONE)
			return true;
	return false;
}

static uint32_t
compile_named_step(
    struct compiler *c, const struct syntax *s, uint32_t input, struct str name, struct known *out)
{
	uint32_t literal = compile_add_literal(c, FHIRPATH_STRING, name);

	*out = (struct known){ .any = true };
	return literal == NO_OP ? NO_OP : compile_emit(c, s, OP_CHILD_NAMED, input, literal);
}

/* What type() gives has these. */
static bool
is_reflection(struct str name)
{
	return str_is(name, "name") || str_is(name, "namespace") || str_is(name, "baseType");
}

/* Make a plain step part of the path it goes on from; $this begins one. */
static bool
is_extended(struct fhirpath *f, uint32_t input, uint32_t step)
{
	struct op *op = &f->ops[input];

	if (op->code == OP_THIS) {
		op->code = OP_PATH;
		op->a = step;
	} else if (op->code != OP_PATH || op->a + op->count != step || op->count == PATH_STEPS) {
		return false;
	}
	op->count++;
	return true;
}

/* The elements `name` of what input gives. */
static uint32_t
compile_step(struct compiler *c, const struct syntax *s, uint32_t input, const struct known *in,
    struct known *out)
{
	struct fhirpath *f = c->f;
	uint32_t first = c->step_count, op;
	struct known found = { 0 };

	if (known_is_nothing(in)) {
		*out = found;
		return compile_emit(c, s, OP_NOTHING, NO_OP, 0);
	}
	if (in->any || (in->kinds & 1u << FHIRPATH_TYPE && is_reflection(s->text)))
		return compile_named_step(c, s, input, s->text, out);
	for (uint32_t i = 0; i < in->count; i++) {
		struct step step;

		if (!find_step(c, in->types[i], s->text, &step))
			continue;
		if (!compile_make_room(
			c, &f->steps, c->step_count, &c->step_room, sizeof(*f->steps)))
			return compile_no_memory(c);
		f->steps[c->step_count++] = step;
		for (uint32_t e = step.first; e <= step.last; e++)
			if (!known_add_type(c, &found, pack_element_at(c->pack, e)->type))
				return compile_no_memory(c);
	}
	if (c->step_count == first)
		return refuse_name(c, s, in);
	*out = found;
	if (c->step_count - first == 1 && f->steps[first].plain && is_extended(f, input, first))
		return input;
	op = compile_emit(c, s, OP_CHILD, input, first);
	if (op != NO_OP)
		f->ops[op].count = (uint16_t)(c->step_count - first);
	return op;
}

/* The name of a type at the start of a path: the context, if it is of it. */
static uint32_t
compile_type_name(struct compiler *c, const struct syntax *s, uint32_t type,
    const struct known *this, struct known *out)
{
	bool all = !this->any, none = !this->any;
	uint32_t self, op;

	for (uint32_t i = 0; i < this->count; i++) {
		bool is = pack_type_is(c->pack, this->types[i], type);

		all = all && is;
		none = none && !is;
	}
	*out = (struct known){ 0 };
	if (all && this->count) {
		*out = *this;
		return compile_emit(c, s, OP_THIS, NO_OP, 0);
	}
	if (!known_add_type(c, out, type))
		return compile_no_memory(c);
	if (none)
		return compile_emit(c, s, OP_NOTHING, NO_OP, 0);
	self = compile_emit(c, s, OP_THIS, NO_OP, 0);
	if (self == NO_OP)
		return NO_OP;
	op = compile_emit(c, s, OP_OF_TYPE, self, type);
	return op;
}

uint32_t
compile_name(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known in;
	uint32_t input, type;

	if (s->left) {
		input = compile_tree(c, s->left, this, &in);
		return input == NO_OP ? NO_OP : compile_step(c, s, input, &in, out);
	}
	type = pack_find_type(c->pack, s->text);
	if (type != PACK_NONE && !has_step(c, this, s->text) && s->text.p[0] >= 'A' &&
	    s->text.p[0] <= 'Z')
		return compile_type_name(c, s, type, this, out);
	input = compile_emit(c, s, OP_THIS, NO_OP, 0);
	return input == NO_OP ? NO_OP : compile_step(c, s, input, this, out);
}
