/* The notation's grammar: mappers/README.md. */
#include "mappers/map/map_lex.h"

struct parser {
	struct map_set *set;
	struct lexer lex;
	struct token t; /* the one to be read next */
	struct error *err;
	unsigned depth;
	bool failed;
};

static struct rule_text *parse_rules(struct parser *p);
static struct test *parse_or(struct parser *p);

static void
fail_at(struct parser *p, struct place at, const char *what)
{
	if (!p->failed)
		map_error(p->err, at, "%s", what);
	p->failed = true;
	p->t.kind = TOKEN_END;
	p->t.text = STR("");
}

static void
fail_expected(struct parser *p, const char *what)
{
	if (p->failed)
		return;
	if (p->t.kind == TOKEN_END)
		map_error(p->err, p->t.place, "the file ends where %s must stand", what);
	else
		map_error(p->err, p->t.place, "'%.*s' stands where %s must stand",
		    STR_ARG(p->t.text), what);
	p->failed = true;
	p->t.kind = TOKEN_END;
	p->t.text = STR("");
}

static void *
alloc(struct parser *p, size_t size)
{
	void *m = arena_zalloc(&p->set->arena, size);

	if (!m)
		fail_at(p, p->t.place, "the maps are too large");
	return m;
}

#define NEW(p, type) ((type *)alloc((p), sizeof(type)))

static void
take(struct parser *p, struct token t)
{
	if (p->failed)
		return;
	p->t = t;
	if (t.kind == TOKEN_BAD)
		fail_at(p, t.place, t.text.p);
}

static void
next(struct parser *p)
{
	take(p, map_lex_token(&p->lex));
}

static void
next_word(struct parser *p)
{
	take(p, map_lex_word(&p->lex));
}

/* The token behind the one to be read next. */
static struct token
peek(const struct parser *p)
{
	struct lexer l = p->lex;

	return map_lex_token(&l);
}

static bool
is_sign(const struct parser *p, const char *sign)
{
	return p->t.kind == TOKEN_SIGN && str_is(p->t.text, sign);
}

static bool
is_keyword(const struct parser *p, const char *word)
{
	return p->t.kind == TOKEN_WORD && str_eq_nocase(p->t.text, str_from(word));
}

static bool
accept_sign(struct parser *p, const char *sign)
{
	if (!is_sign(p, sign))
		return false;
	next(p);
	return true;
}

static bool
accept_keyword(struct parser *p, const char *word)
{
	if (!is_keyword(p, word))
		return false;
	next(p);
	return true;
}

static void
need_sign(struct parser *p, const char *sign)
{
	char what[8];

	snprintf(what, sizeof(what), "'%s'", sign);
	if (!accept_sign(p, sign))
		fail_expected(p, what);
}

static struct str
need_string(struct parser *p, const char *what)
{
	struct str s = p->t.text;

	if (p->t.kind != TOKEN_STRING) {
		fail_expected(p, what);
		return STR("");
	}
	next(p);
	return s;
}

static struct str
need_word(struct parser *p, const char *what)
{
	struct str s = p->t.text;

	if (p->t.kind != TOKEN_WORD) {
		fail_expected(p, what);
		return STR("");
	}
	next(p);
	return s;
}

static uint16_t
need_number(struct parser *p, const char *what)
{
	int64_t n;

	if (p->t.kind != TOKEN_NUMBER || !str_to_int(p->t.text, &n) || n < 0 || n > 65535) {
		fail_expected(p, what);
		return 0;
	}
	next(p);
	return (uint16_t)n;
}

/* NAME or NAME[LABEL], joined to one text. */
static struct str
need_name(struct parser *p, const char *what, struct str *word, struct str *label)
{
	struct token t = p->t, l;
	struct str w, name;

	if (t.kind != TOKEN_WORD) {
		fail_expected(p, what);
		return STR("");
	}
	w = t.text;
	/* The label is read as it stands, so the '[' must be seen first. */
	if (p->lex.at < p->lex.text.len && p->lex.text.p[p->lex.at] == '[') {
		p->lex.at++;
		l = map_lex_label(&p->lex);
		if (l.kind == TOKEN_BAD) {
			fail_at(p, l.place, l.text.p);
			return STR("");
		}
		name = str_printf(&p->set->arena, "%.*s[%.*s]", STR_ARG(w), STR_ARG(l.text));
		*label = l.text;
	} else {
		name = w;
		*label = STR("");
	}
	*word = w;
	next(p);
	return name;
}

/* ---- sources ---- */

static bool
is_v2_name(struct str s, size_t min)
{
	if (s.len < min || s.len > 3 || s.p[0] < 'A' || s.p[0] > 'Z')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return true;
}

static bool
is_group_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			s.p[i] == '_'))
			return false;
	return s.len > 0;
}

/* Whether a source stands next. */
static bool
is_source(const struct parser *p)
{
	struct token n;

	if (p->t.kind != TOKEN_WORD)
		return false;
	if (str_is(p->t.text, "this"))
		return true;
	if (is_v2_name(p->t.text, 2))
		return true;
	n = peek(p);
	return is_group_name(p->t.text) && n.kind == TOKEN_SIGN && str_is(n.text, ".");
}

/* ".1.2" of a source. */
static void
parse_parts(struct parser *p, struct source *s)
{
	if (!accept_sign(p, "."))
		return;
	s->component = need_number(p, "the number of a component");
	if (s->component == 0)
		fail_at(p, s->place, "components are counted from 1");
	if (!accept_sign(p, "."))
		return;
	s->subcomponent = need_number(p, "the number of a subcomponent");
	if (s->subcomponent == 0)
		fail_at(p, s->place, "subcomponents are counted from 1");
}

static struct source
parse_source(struct parser *p)
{
	struct source s = { .place = p->t.place };
	struct str name = p->t.text;
	struct token n;

	if (!is_source(p)) {
		fail_expected(p, "a source (PID-3, CX.4, this)");
		return s;
	}
	n = peek(p);
	if (n.kind == TOKEN_SIGN && str_is(n.text, "-") && is_v2_name(name, 3)) {
		s.kind = SOURCE_FIELD;
		s.segment = map_id(p->set, name);
		next(p);
		next(p);
		s.field = need_number(p, "the number of a field");
		if (s.field == 0)
			fail_at(p, s.place, "fields are counted from 1");
		if (accept_sign(p, "[")) {
			s.rep = need_number(p, "the number of a repetition");
			if (s.rep == 0)
				fail_at(p, s.place, "repetitions are counted from 1");
			need_sign(p, "]");
		}
		parse_parts(p, &s);
		return s;
	}
	next(p);
	if (str_is(name, "this") ||
	    (n.kind == TOKEN_SIGN && str_is(n.text, ".") && peek(p).kind == TOKEN_NUMBER)) {
		s.kind = SOURCE_PART;
		s.type = name;
		parse_parts(p, &s);
		return s;
	}
	s.kind = SOURCE_SEGMENT;
	if (accept_sign(p, ".")) {
		s.group = name;
		name = need_word(p, "the name of a segment");
	}
	if (!is_v2_name(name, 3))
		fail_at(p, s.place, "the name of a segment has three capitals or digits");
	else
		s.segment = map_id(p->set, name);
	return s;
}

/* ---- paths ---- */

static uint32_t
intern(struct parser *p, struct str **list, uint32_t *count, struct str s)
{
	struct str *grown;

	for (uint32_t i = 0; i < *count; i++)
		if (str_eq((*list)[i], s))
			return i;
	grown = map_grow(&p->set->arena, *list, *count, sizeof(s));
	if (!grown) {
		fail_at(p, p->t.place, "the maps are too large");
		return 0;
	}
	*list = grown;
	grown[*count] = s;
	return (*count)++;
}

/* [1] or [home] behind the name of an element, whose token is p->t. */
static uint32_t
parse_slot(struct parser *p)
{
	struct token l;
	int64_t n;

	if (p->lex.at >= p->lex.text.len || p->lex.text.p[p->lex.at] != '[')
		return 0;
	p->lex.at++;
	l = map_lex_label(&p->lex);
	if (l.kind == TOKEN_BAD) {
		fail_at(p, l.place, l.text.p);
		return 0;
	}
	if (str_to_int(l.text, &n)) {
		if (n >= 0 && n < SLOT_LABEL - 1)
			return (uint32_t)n + 1;
		fail_at(p, l.place, "the index is too large");
		return 0;
	}
	return SLOT_LABEL + intern(p, &p->set->labels, &p->set->label_count, l.text);
}

static struct step_text *
add_step(struct parser *p, struct path_text *path)
{
	struct step_text *grown = map_grow(
	    &p->set->arena, path->steps, path->count, sizeof(*grown));

	if (!grown) {
		fail_at(p, p->t.place, "the maps are too large");
		return NULL;
	}
	path->steps = grown;
	memset(&grown[path->count], 0, sizeof(*grown));
	grown[path->count].place = p->t.place;
	return &grown[path->count++];
}

static bool
is_capital(struct str s)
{
	return s.len && s.p[0] >= 'A' && s.p[0] <= 'Z';
}

/* name[1], extension("URL"), individual(Practitioner…): one step, or with what
 * stands in the brackets several. */
static void
parse_steps(struct parser *p, struct path_text *path)
{
	do {
		struct step_text *s;
		bool extension;

		if (p->t.kind != TOKEN_WORD) {
			fail_expected(p, "the name of an element");
			return;
		}
		s = add_step(p, path);
		if (!s || path->count > MAP_DEPTH) {
			fail_at(p, p->t.place, "the path is too long");
			return;
		}
		s->name = p->t.text;
		extension = str_is(s->name, "extension") || str_is(s->name, "modifierExtension");
		s->slot = parse_slot(p);
		next(p);
		if (!accept_sign(p, "("))
			continue;
		if (extension) {
			s->url = need_string(p, "the URL of the extension in quotes");
			if (!s->slot)
				s->slot = SLOT_URL +
					  intern(p, &p->set->urls, &p->set->url_count, s->url);
		} else {
			if (!is_capital(p->t.text))
				fail_expected(p, "the type of a resource");
			s->resource = need_word(p, "the type of a resource");
			if (accept_sign(p, "."))
				parse_steps(p, path);
		}
		need_sign(p, ")");
	} while (!p->failed && accept_sign(p, "."));
}

static struct path_text
parse_path(struct parser *p)
{
	struct path_text path = { .place = p->t.place };
	struct str word, label;

	if (accept_keyword(p, "this"))
		return path;
	if (p->t.kind == TOKEN_WORD && is_capital(p->t.text)) {
		path.instance = need_name(p, "a target", &word, &label);
		if (!accept_sign(p, "."))
			return path;
	}
	parse_steps(p, &path);
	return path;
}

/* ---- values ---- */

static const struct {
	const char *name;
	uint8_t least, most;
} functions[] = {
	[FN_FIRST] = { "first", 1, 16 },
	[FN_JOIN] = { "join", 2, 2 },
	[FN_TEXT] = { "text", 1, 1 },
	[FN_LOWER] = { "lower", 1, 1 },
	[FN_UPPER] = { "upper", 1, 1 },
	[FN_TRIM] = { "trim", 1, 1 },
	[FN_PART] = { "part", 2, 3 },
	[FN_OID] = { "oid", 1, 1 },
	[FN_UUID] = { "uuid", 1, 1 },
	[FN_URI] = { "uri", 1, 1 },
	[FN_SYSTEM] = { "system", 1, 1 },
	[FN_TRANSLATE] = { "translate", 1, 1 },
	[FN_TABLE_SYSTEM] = { "table_system", 0, 0 },
	[FN_DATE] = { "date", 1, 1 },
	[FN_DATETIME] = { "dateTime", 1, 1 },
	[FN_INSTANT] = { "instant", 1, 1 },
	[FN_TIME] = { "time", 1, 1 },
	[FN_BASE64] = { "base64", 1, 1 },
	[FN_RECEIVED] = { "received", 0, 0 },
	[FN_ESCAPE] = { "escape", 1, 1 },
	[FN_WORDS] = { "words", 1, 32 },
	[FN_XHTML] = { "xhtml", 1, 1 },
	[FN_LATER] = { "later", 3, 3 },
	[FN_EARLIER] = { "earlier", 3, 3 },
	[FN_MINUTES] = { "minutes", 2, 2 },
};

static struct value *parse_value(struct parser *p);

static bool
add_arg(struct parser *p, struct value *v, struct value *arg)
{
	struct value **grown;

	if (!arg)
		return false;
	grown = map_grow(&p->set->arena, v->args, v->arg_count, sizeof(*grown));
	if (!grown) {
		fail_at(p, p->t.place, "the maps are too large");
		return false;
	}
	v->args = grown;
	v->args[v->arg_count++] = arg;
	v->sourced |= arg->sourced;
	return true;
}

static void
parse_call(struct parser *p, struct value *v)
{
	size_t count = sizeof(functions) / sizeof(functions[0]), f;
	struct str word, label;

	v->kind = VALUE_CALL;
	for (f = 0; f < count; f++)
		if (str_is(p->t.text, functions[f].name))
			break;
	if (f == count) {
		const char *nearest = NULL;
		unsigned best = 3;

		for (f = 0; f < count; f++) {
			unsigned d = str_distance(p->t.text, str_from(functions[f].name), 3);

			if (d < best) {
				best = d;
				nearest = functions[f].name;
			}
		}
		if (!p->failed)
			map_error(p->err, p->t.place, "there is no function '%.*s'%s%s%s",
			    STR_ARG(p->t.text), nearest ? "; did you mean '" : "",
			    nearest ? nearest : "", nearest ? "'?" : "");
		p->failed = true;
		return;
	}
	v->fn = (enum function)f;
	next(p);
	need_sign(p, "(");
	if (v->fn == FN_TRANSLATE) {
		v->text = need_name(p, "the name of a table", &word, &label);
		need_sign(p, ",");
	}
	while (!p->failed && !is_sign(p, ")")) {
		if (v->arg_count > 0)
			need_sign(p, ",");
		if (!add_arg(p, v, parse_value(p)))
			return;
	}
	need_sign(p, ")");
	if (!p->failed && (v->arg_count < functions[f].least || v->arg_count > functions[f].most)) {
		map_error(p->err, v->place, "%s() takes %u to %u values, not %u", functions[f].name,
		    functions[f].least, functions[f].most, v->arg_count);
		p->failed = true;
	}
	if (!p->failed && (v->fn == FN_JOIN || v->fn == FN_TEXT) &&
	    v->args[0]->kind != VALUE_SOURCE)
		fail_at(p, v->place, "the first value of join() and text() must be a source");
}

static struct value *
parse_term(struct parser *p)
{
	struct value *v = NEW(p, struct value);
	struct str word, label;

	if (!v)
		return NULL;
	v->place = p->t.place;
	if (p->t.kind == TOKEN_STRING || is_keyword(p, "true") || is_keyword(p, "false")) {
		v->text = p->t.text;
		next(p);
	} else if (p->t.kind == TOKEN_NUMBER || is_sign(p, "-")) {
		const char *from = p->t.text.p;

		accept_sign(p, "-");
		v->text = p->t.text;
		need_number(p, "a number");
		if (accept_sign(p, ".")) {
			v->text = p->t.text;
			need_number(p, "digits");
		}
		v->text = str_of(from, (size_t)(v->text.p + v->text.len - from));
	} else if (is_keyword(p, "ref")) {
		next(p);
		v->kind = VALUE_REF;
		v->text = need_name(p, "the name of a resource", &word, &label);
	} else if (is_source(p)) {
		v->kind = VALUE_SOURCE;
		v->source = parse_source(p);
		v->sourced = true;
		if (v->source.kind == SOURCE_SEGMENT)
			fail_at(p, v->place, "a segment is no value: name one of its fields");
	} else if (p->t.kind == TOKEN_WORD) {
		parse_call(p, v);
	} else {
		fail_expected(p, "a value");
	}
	return p->failed ? NULL : v;
}

static struct value *
parse_value(struct parser *p)
{
	struct value *sum, *v;

	if (++p->depth > MAP_DEPTH)
		fail_at(p, p->t.place, "this is nested too deep");
	v = parse_term(p);
	if (v && is_sign(p, "+")) {
		sum = NEW(p, struct value);
		if (sum) {
			sum->kind = VALUE_SUM;
			sum->place = v->place;
			add_arg(p, sum, v);
			while (!p->failed && accept_sign(p, "+"))
				add_arg(p, sum, parse_term(p));
		}
		v = sum;
	}
	p->depth--;
	return p->failed ? NULL : v;
}

/* ---- conditions ---- */

static void
add_operand(struct parser *p, struct test *t, struct value *v)
{
	struct value **grown;

	if (!v)
		return;
	grown = map_grow(&p->set->arena, t->values, t->value_count, sizeof(*grown));
	if (!grown) {
		fail_at(p, p->t.place, "the maps are too large");
		return;
	}
	t->values = grown;
	t->values[t->value_count++] = v;
}

/* =, !=, < … and the guide's EQUALS, GREATER THAN, LESS THAN OR EQUALS. */
static bool
parse_compare(struct parser *p, enum compare *c)
{
	static const char *const signs[] = { "=", "!=", "<", "<=", ">", ">=" };

	for (unsigned i = 0; i < 6; i++) {
		if (accept_sign(p, signs[i])) {
			*c = (enum compare)i;
			return true;
		}
	}
	if (accept_keyword(p, "equals") || accept_keyword(p, "equal")) {
		*c = COMPARE_EQ;
		return true;
	}
	if (!is_keyword(p, "greater") && !is_keyword(p, "less"))
		return false;
	*c = is_keyword(p, "greater") ? COMPARE_GT : COMPARE_LT;
	next(p);
	if (!accept_keyword(p, "than"))
		fail_expected(p, "THAN");
	if (accept_keyword(p, "or")) {
		*c = *c == COMPARE_GT ? COMPARE_GE : COMPARE_LE;
		if (!accept_keyword(p, "equals") && !accept_keyword(p, "equal") &&
		    !accept_keyword(p, "equal to"))
			fail_expected(p, "EQUALS");
	}
	return true;
}

static void
parse_amount(struct parser *p, struct test *t, enum test_kind kind)
{
	t->kind = kind;
	if (!parse_compare(p, &t->compare))
		fail_expected(p, "a comparison (=, <, GREATER THAN)");
	t->number = need_number(p, "a number");
}

static struct test *
negate(struct parser *p, struct test *t)
{
	struct test *not = NEW(p, struct test);

	if (not ) {
		not ->kind = TEST_NOT;
		not ->a = t;
	}
	return not ;
}

static void
parse_list(struct parser *p, struct test *t)
{
	t->kind = TEST_IN;
	need_sign(p, "(");
	do
		add_operand(p, t, parse_value(p));
	while (!p->failed && accept_sign(p, ","));
	need_sign(p, ")");
}

/* What is asked of a source: VALUED, = "x", NOT IN (…). */
static struct test *
parse_test(struct parser *p)
{
	struct test *t = NEW(p, struct test);
	enum compare compare;
	bool no = false;

	if (!t)
		return NULL;
	t->source = parse_source(p);
	if (accept_keyword(p, "lst"))
		need_sign(p, ".");
	if (is_keyword(p, "count") || is_keyword(p, "length")) {
		bool count = is_keyword(p, "count");

		next(p);
		parse_amount(p, t, count ? TEST_COUNT : TEST_LENGTH);
		return t;
	}
	accept_keyword(p, "is");
	no = accept_keyword(p, "not");
	if (accept_keyword(p, "valued") || accept_keyword(p, "value")) {
		t->kind = TEST_VALUED;
	} else if (accept_keyword(p, "in")) {
		parse_list(p, t);
	} else if (accept_keyword(p, "starts")) {
		t->kind = TEST_STARTS;
		add_operand(p, t, parse_value(p));
	} else if (accept_keyword(p, "numeric")) {
		t->kind = TEST_NUMERIC;
	} else if (p->t.kind == TOKEN_STRING) {
		t->kind = TEST_IN;
		add_operand(p, t, parse_value(p));
	} else if (parse_compare(p, &compare)) {
		if (compare > COMPARE_NE)
			fail_at(p, t->source.place,
			    "values are compared by = and !=; < and > are for LENGTH and COUNT");
		no ^= compare == COMPARE_NE;
		t->kind = TEST_IN;
		add_operand(p, t, parse_value(p));
	} else {
		fail_expected(p, "VALUED, NOT VALUED, =, !=, IN, LENGTH or COUNT");
	}
	if (t->source.kind == SOURCE_SEGMENT && t->kind != TEST_VALUED)
		fail_at(p, t->source.place, "of a segment only VALUED can be asked");
	return no ? negate(p, t) : t;
}

static struct test *
parse_not(struct parser *p)
{
	struct test *t;

	if (++p->depth > MAP_DEPTH)
		fail_at(p, p->t.place, "this is nested too deep");
	accept_keyword(p, "if");
	if (accept_keyword(p, "not")) {
		t = parse_not(p);
		t = t ? negate(p, t) : NULL;
	} else if (accept_sign(p, "(")) {
		t = parse_or(p);
		need_sign(p, ")");
	} else if (accept_keyword(p, "table")) {
		t = NEW(p, struct test);
		if (t)
			t->kind = TEST_TABLE_GIVEN;
		if (!accept_keyword(p, "given"))
			fail_expected(p, "GIVEN");
	} else {
		t = parse_test(p);
	}
	p->depth--;
	return p->failed ? NULL : t;
}

static struct test *
parse_chain(struct parser *p, struct test *(*operand)(struct parser *), const char *word,
    enum test_kind kind)
{
	struct test *t = operand(p), *both;

	while (t && accept_keyword(p, word)) {
		both = NEW(p, struct test);
		if (!both)
			return NULL;
		both->kind = kind;
		both->a = t;
		both->b = operand(p);
		t = both->b ? both : NULL;
	}
	return t;
}

static struct test *
parse_and(struct parser *p)
{
	return parse_chain(p, parse_not, "and", TEST_AND);
}

static struct test *
parse_or(struct parser *p)
{
	return parse_chain(p, parse_and, "or", TEST_OR);
}

static struct test *
parse_if(struct parser *p)
{
	return accept_keyword(p, "if") ? parse_or(p) : NULL;
}

/* ---- rules ---- */

static void
parse_codes(struct parser *p, struct rule_text *r)
{
	bool many = accept_sign(p, "(");

	do {
		struct str *grown = map_grow(
		    &p->set->arena, r->codes, r->code_count, sizeof(*grown));

		if (!grown) {
			fail_at(p, p->t.place, "the maps are too large");
			return;
		}
		r->codes = grown;
		grown[r->code_count++] = need_string(p, "a code in quotes");
	} while (!p->failed && many && accept_sign(p, ","));
	if (many)
		need_sign(p, ")");
}

/* match on identifier; create unless identifier. */
static void
parse_match(struct parser *p, struct rule_text *r)
{
	r->kind = RULE_MATCH;
	r->create = is_keyword(p, "create");
	next(p);
	next(p);
	if (!accept_keyword(p, "identifier"))
		fail_expected(p, "'identifier'");
	if (accept_keyword(p, "type"))
		parse_codes(p, r);
}

/* resource NAME per GROUP [always] */
static void
parse_resource(struct parser *p, struct rule_text *r)
{
	struct str word, label;

	r->kind = RULE_RESOURCE;
	next(p);
	r->path.place = p->t.place;
	r->path.instance = need_name(p, "the name of a resource", &word, &label);
	if (accept_keyword(p, "per"))
		r->reason = need_word(p, "a group, a segment or 'message'");
	r->always = accept_keyword(p, "always");
}

/* What stands behind the target of a mapping. */
static void
parse_how(struct parser *p, struct rule_text *r)
{
	struct str word, label;

	r->how_place = p->t.place;
	if (accept_sign(p, ":")) {
		r->how_place = p->t.place;
		r->datatype = need_name(p, "the name of a map", &word, &label);
	}
	if (is_keyword(p, "table")) {
		next(p);
		r->how_place = p->t.place;
		if (is_keyword(p, "given")) {
			r->table_given = true;
			next(p);
		} else {
			r->table = need_name(p, "the name of a table", &word, &label);
		}
	}
	if (is_keyword(p, "system") && peek(p).kind == TOKEN_STRING) {
		next(p);
		r->system = need_string(p, "a URI in quotes");
	}
	if (accept_sign(p, "="))
		r->value = parse_value(p);
	if (accept_sign(p, "{")) {
		if (++p->depth > MAP_DEPTH)
			fail_at(p, p->t.place, "this is nested too deep");
		r->block = parse_rules(p);
		p->depth--;
		need_sign(p, "}");
	}
}

static void
parse_set(struct parser *p, struct rule_text *r)
{
	r->path = parse_path(p);
	need_sign(p, "=");
	r->value = parse_value(p);
	r->test = parse_if(p);
}

/* Whether the word, a keyword, begins a rule of its own, and is no element. */
static bool
begins(const struct parser *p, const char *word, const char *follower)
{
	struct token n;

	if (!is_keyword(p, word))
		return false;
	n = peek(p);
	if (n.kind != TOKEN_WORD)
		return false;
	return !follower || str_eq_nocase(n.text, str_from(follower));
}

static struct rule_text *
parse_rule(struct parser *p)
{
	struct rule_text *r = NEW(p, struct rule_text);

	if (!r)
		return NULL;
	r->place = p->t.place;
	if (begins(p, "match", "on") || begins(p, "create", "unless")) {
		parse_match(p, r);
	} else if (begins(p, "resource", NULL)) {
		parse_resource(p, r);
	} else if (begins(p, "drop", NULL)) {
		r->kind = RULE_DROP;
		next(p);
		r->source = parse_source(p);
		r->test = parse_if(p);
		r->reason = need_string(p, "the reason in quotes");
	} else if (begins(p, "without", NULL)) {
		r->kind = RULE_WITHOUT;
		next(p);
		r->source = parse_source(p);
	} else if (begins(p, "use", NULL)) {
		r->kind = RULE_USE;
		next(p);
		r->path.place = p->t.place;
		r->path.instance = need_word(p, "the name of shared rules");
	} else if (begins(p, "default", NULL)) {
		r->kind = RULE_DEFAULT;
		next(p);
		parse_set(p, r);
	} else if (is_source(p) && !(is_keyword(p, "this") && str_is(peek(p).text, "="))) {
		r->kind = RULE_MAP;
		r->source = parse_source(p);
		r->test = parse_if(p);
		need_sign(p, "->");
		r->path = parse_path(p);
		parse_how(p, r);
	} else if (p->t.kind == TOKEN_WORD) {
		r->kind = RULE_SET;
		parse_set(p, r);
	} else {
		fail_expected(p, "a rule or '}'");
	}
	return p->failed ? NULL : r;
}

static struct rule_text *
parse_rules(struct parser *p)
{
	struct rule_text *first = NULL, **tail = &first;

	while (!p->failed && p->t.kind != TOKEN_END && !is_sign(p, "}")) {
		*tail = parse_rule(p);
		if (!*tail)
			return first;
		tail = &(*tail)->next;
	}
	return first;
}

/* ---- structures ---- */

static void parse_parts_of(struct parser *p, struct part *group, const char *end);

static struct part *
add_part(struct parser *p, struct part *group)
{
	struct part *n = NEW(p, struct part), **tail = &group->first;

	if (!n)
		return NULL;
	n->place = p->t.place;
	n->parent = group;
	n->depth = group->depth + 1;
	while (*tail)
		tail = &(*tail)->next;
	*tail = n;
	return n;
}

/* A bracket: [ ], { }, [{ }], with a group's name perhaps. */
static void
parse_bracket(struct parser *p, struct part *group)
{
	struct part *n = add_part(p, group);
	const char *close[2];
	unsigned brackets = 0;

	if (!n)
		return;
	while (brackets < 2 && (is_sign(p, "[") || is_sign(p, "{"))) {
		if (is_sign(p, "["))
			n->optional = true;
		else
			n->repeats = true;
		close[brackets++] = is_sign(p, "[") ? "]" : "}";
		next(p);
	}
	if (p->t.kind == TOKEN_WORD && str_is(peek(p).text, ":")) {
		n->name = p->t.text;
		next(p);
		next(p);
	}
	parse_parts_of(p, n, close[brackets - 1]);
	while (brackets-- > 0)
		need_sign(p, close[brackets]);
	/* [{ NK1 }]: no group, but a segment that repeats. */
	if (!p->failed && n->name.len == 0 && n->first && !n->first->next && n->first->segment) {
		n->segment = n->first->segment;
		n->repeats |= n->first->repeats;
		n->optional |= n->first->optional;
		n->first = NULL;
	}
}

static void
parse_parts_of(struct parser *p, struct part *group, const char *end)
{
	if (++p->depth > MAP_DEPTH)
		fail_at(p, p->t.place, "the groups are nested too deep");
	while (!p->failed && !is_sign(p, end)) {
		if (is_sign(p, "[") || is_sign(p, "{")) {
			parse_bracket(p, group);
		} else if (p->t.kind == TOKEN_WORD && is_v2_name(p->t.text, 3)) {
			struct part *n = add_part(p, group);

			if (n)
				n->segment = map_id(p->set, p->t.text);
			next(p);
		} else {
			fail_expected(p, "a segment, '[' or '{'");
		}
	}
	if (!p->failed && !group->first)
		fail_at(p, group->place, "the group is empty");
	p->depth--;
}

/* ---- blocks ---- */

static void
parse_table_row(struct parser *p, struct table_row *r)
{
	r->code = p->t.text;
	next_word(p);
	if (p->t.kind != TOKEN_WORD || !str_is(p->t.text, "=>")) {
		fail_expected(p, "'=>'");
		return;
	}
	next_word(p);
	if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING) {
		fail_expected(p, "a code");
		return;
	}
	r->none = p->t.kind == TOKEN_WORD && str_is(p->t.text, "none");
	r->keep = p->t.kind == TOKEN_WORD && str_is(p->t.text, "keep");
	r->target = p->t.text;
	next_word(p);
	if (p->t.kind == TOKEN_STRING) {
		/* A display, or the next row's code in quotes. */
		struct lexer l = p->lex;
		struct token n = map_lex_word(&l);

		if (!(n.kind == TOKEN_WORD && str_is(n.text, "=>"))) {
			r->display = p->t.text;
			next_word(p);
		}
	}
	if (p->t.kind == TOKEN_WORD && str_is(p->t.text, "in")) {
		struct lexer l = p->lex;
		struct token n = map_lex_word(&l);

		if (n.kind == TOKEN_STRING) {
			r->system = n.text;
			next_word(p);
			next_word(p);
		}
	}
}

static void
parse_table(struct parser *p, struct block *b)
{
	while (is_keyword(p, "from") || is_keyword(p, "to")) {
		bool from = is_keyword(p, "from");
		struct str uri;

		next(p);
		uri = need_string(p, "a URI in quotes");
		*(from ? &b->from : &b->to) = uri;
	}
	if (!is_sign(p, "{")) {
		fail_expected(p, "'{'");
		return;
	}
	next_word(p);
	while (!p->failed && !(p->t.kind == TOKEN_SIGN && str_is(p->t.text, "}"))) {
		struct table_row row = { 0 }, *grown;
		bool otherwise = p->t.kind == TOKEN_WORD && str_is(p->t.text, "default");

		if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING) {
			fail_expected(p, "a code or '}'");
			return;
		}
		parse_table_row(p, &row);
		grown = otherwise ? NEW(p, struct table_row)
				  : map_grow(&p->set->arena, b->rows, b->row_count, sizeof(row));
		if (!grown) {
			fail_at(p, p->t.place, "the maps are too large");
			return;
		}
		if (otherwise) {
			*grown = row;
			b->otherwise = grown;
		} else {
			grown[b->row_count++] = row;
			b->rows = grown;
		}
	}
}

/* NAME = WORD WORD … */
static void
parse_words(struct parser *p, struct block *b)
{
	struct word_row **tail = &b->words;

	if (!is_sign(p, "{")) {
		fail_expected(p, "'{'");
		return;
	}
	next_word(p);
	while (!p->failed && !(p->t.kind == TOKEN_SIGN && str_is(p->t.text, "}"))) {
		struct word_row *r = NEW(p, struct word_row);

		if (!r || p->t.kind != TOKEN_WORD) {
			fail_expected(p, "a name or '}'");
			return;
		}
		r->name = p->t.text;
		r->place = p->t.place;
		next_word(p);
		if (!str_is(p->t.text, "=")) {
			fail_expected(p, "'='");
			return;
		}
		next_word(p);
		while (p->t.kind == TOKEN_WORD && !p->failed) {
			struct lexer l = p->lex;
			struct token n = map_lex_word(&l);
			struct str *grown;

			if (n.kind == TOKEN_WORD && str_is(n.text, "="))
				break;
			grown = map_grow(&p->set->arena, r->words, r->count, sizeof(*grown));
			if (!grown) {
				fail_at(p, p->t.place, "the maps are too large");
				return;
			}
			r->words = grown;
			grown[r->count++] = p->t.text;
			next_word(p);
		}
		*tail = r;
		tail = &r->next;
	}
}

static void
parse_body(struct parser *p, struct block *b)
{
	need_sign(p, "{");
	if (b->kind == BLOCK_MESSAGE && is_keyword(p, "structure")) {
		b->structure = NEW(p, struct part);
		if (!b->structure)
			return;
		b->structure->place = p->t.place;
		next(p);
		need_sign(p, "{");
		parse_parts_of(p, b->structure, "}");
		need_sign(p, "}");
	}
	b->rules = parse_rules(p);
}

static void
parse_block(struct parser *p, struct block *b)
{
	static const char *const kinds[] = { "message", "segment", "datatype", "table", "rules",
		"events", "v2" };
	const unsigned count = sizeof(kinds) / sizeof(kinds[0]);
	unsigned k;

	b->extend = accept_keyword(p, "extend");
	b->place = p->t.place;
	for (k = 0; k < count; k++)
		if (is_keyword(p, kinds[k]))
			break;
	if (k == count) {
		fail_expected(
		    p, "a block (message, segment, datatype, table, rules, events, v2, or extend)");
		return;
	}
	b->kind = (enum block_kind)k;
	next(p);
	if (b->kind < BLOCK_EVENTS)
		b->name = need_name(p, "a name", &b->v2, &b->label);
	if ((b->kind == BLOCK_SEGMENT || b->kind == BLOCK_DATATYPE) && accept_keyword(p, "on")) {
		const char *from = p->t.text.p;
		struct str word = need_word(p, "a FHIR type");

		while (accept_sign(p, "."))
			word = need_word(p, "a FHIR type");
		if (!p->failed)
			b->on = str_of(from, (size_t)(word.p + word.len - from));
	}
	if (b->kind == BLOCK_TABLE)
		parse_table(p, b);
	else if (b->kind >= BLOCK_EVENTS)
		parse_words(p, b);
	else
		parse_body(p, b);
	/* The word mode ends at the brace. */
	need_sign(p, "}");
}

int
map_parse(struct map_set *set, const struct map_source *source, struct error *err)
{
	struct parser p = { .set = set, .err = err };
	struct block **tail = &set->blocks;

	p.lex = (struct lexer){
		.text = source->text, .file = source->name, .line = 1, .arena = &set->arena
	};
	while (*tail)
		tail = &(*tail)->next;
	next(&p);
	while (!p.failed && p.t.kind != TOKEN_END) {
		struct block *b = NEW(&p, struct block);

		if (!b)
			break;
		parse_block(&p, b);
		*tail = b;
		tail = &b->next;
	}
	return p.failed ? -1 : 0;
}
