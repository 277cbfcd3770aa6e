/*
 * Combining: what _filter, _text and _content are made of. A list of clauses, all
 * of which hold, is one operand.
 */
#include "gateway/fhir/search_parse.h"

const struct store_inner *
parse_as_test(struct parse *ps, const struct store_inner *in, bool negate)
{
	struct parse_scope scope;
	struct store_clause *clause;

	parse_open(ps, &scope);
	clause = parse_add_clause(ps, 1);
	if (clause) {
		clause->tests[0] = (struct store_test){
			.kind = TEST_ALL, .inner = in, .negate = negate
		};
		clause->count = 1;
	}
	return parse_close(ps, &scope);
}

void
parse_copy_tests(struct store_clause *to, const struct store_clause *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		to->tests[to->count++] = from->tests[i];
}

const struct store_inner *
parse_both(struct parse *ps, const struct store_inner *a, const struct store_inner *b)
{
	const struct store_inner *sides[] = { a, b };
	struct parse_scope scope;

	parse_open(ps, &scope);
	for (int s = 0; s < 2; s++)
		for (uint32_t i = 0; i < sides[s]->count; i++) {
			struct store_clause *c = parse_add_clause(ps, sides[s]->clauses[i].count);

			if (c)
				parse_copy_tests(c, &sides[s]->clauses[i]);
		}
	return parse_close(ps, &scope);
}

const struct store_inner *
parse_either(struct parse *ps, const struct store_inner *a, const struct store_inner *b)
{
	struct parse_scope scope;
	struct store_clause *c;

	a = a->count == 1 ? a : parse_as_test(ps, a, false);
	b = b->count == 1 ? b : parse_as_test(ps, b, false);
	if (!a || !b || a->count != 1 || b->count != 1)
		return NULL;
	parse_open(ps, &scope);
	c = parse_add_clause(ps, a->clauses[0].count + b->clauses[0].count);
	if (c) {
		parse_copy_tests(c, &a->clauses[0]);
		parse_copy_tests(c, &b->clauses[0]);
	}
	return parse_close(ps, &scope);
}

enum taken
parse_take_all(struct parse *ps, const struct store_inner *in)
{
	for (uint32_t i = 0; i < in->count; i++) {
		struct store_clause *to = parse_add_clause(ps, in->clauses[i].count);

		if (!to)
			return SKIPPED;
		parse_copy_tests(to, &in->clauses[i]);
	}
	return TAKEN;
}
