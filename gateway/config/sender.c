#include "gateway/config/sender.h"

#include <ctype.h>
#include <stdio.h>

#include "base/error.h"
#include "base/hash.h"
#include "gateway/access/scope.h"
#include "gateway/config/value.h"

enum {
	SENDERS_MOST = 1000,
	SCOPES_MOST = 1000,
};

struct hash_list {
	uint8_t (*at)[SHA256_BYTES];
	uint32_t count;
};

static const struct yaml *
item_at(const struct yaml *list, const struct yaml *before)
{
	if (list->kind != YAML_LIST)
		return before ? NULL : list;
	return before ? before->next : list->first;
}

/* One text or a list of them, each for read(). */
#define EACH_ITEM(node, item)                                                                      \
	for (const struct yaml *item = item_at(node, NULL); item; item = item_at(node, item))

/* The text is never shown: somebody may have put the token itself there. */
static struct hash_list
read_hashes(struct config_reader *r, const struct yaml *node, const char *what)
{
	struct hash_list l = { 0 };

	l.at = config_array(r, node, node->kind == YAML_LIST ? node->count : 1, sizeof(*l.at));
	if (!l.at)
		return l;
	EACH_ITEM(node, item)
	{
		if (item->kind == YAML_TEXT && value_sha256(item->text, l.at[l.count]))
			l.count++;
		else if (item->kind == YAML_TEXT && str_starts(item->text, STR("fd_")))
			config_complain(r, item, "security",
			    "this is a token itself, which must not stand here; 'firedoor token' "
			    "prints the line that begins with sha256:");
		else
			config_complain(
			    r, item, "value", "a %s must be %s", what, VALUE_SHA256_NOTE);
	}
	return l;
}

static void
read_tokens(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_sender *s = out;
	struct hash_list l = read_hashes(r, node, "token");

	s->tokens = l.at;
	s->token_count = l.count;
}

static void
read_certificates(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_sender *s = out;
	struct hash_list l = read_hashes(r, node, "certificate's fingerprint");

	s->certificates = l.at;
	s->certificate_count = l.count;
}

static uint32_t
count_words(struct str s)
{
	struct str word, rest = s;
	uint32_t n = 0;

	while (str_split(&rest, ' ', &word))
		n += word.len > 0;
	return n;
}

static void
read_scopes(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_sender *s = out;
	struct error err;
	uint32_t room = 0;

	EACH_ITEM(node, item)
	room += count_words(item->text);
	if (room == 0 || room > SCOPES_MOST) {
		config_complain(r, node, "value",
		    "must be one to %d scopes, as in 'system/*.rs system/Patient.cu'", SCOPES_MOST);
		return;
	}
	s->scopes = config_array(r, node, room, sizeof(*s->scopes));
	if (!s->scopes)
		return;
	EACH_ITEM(node, item)
	{
		struct str word, rest = item->text;

		while (str_split(&rest, ' ', &word)) {
			struct scope *scope = &s->scopes[s->scope_count];

			if (word.len == 0)
				continue;
			if (scope_parse(word, scope, &err) < 0) {
				config_complain(r, item, "value", "%s", err.text);
				continue;
			}
			scope->line = item->line;
			s->scope_count++;
		}
	}
}

/* "Type/id", the id as FHIR has it. */
static bool
is_compartment(struct str s)
{
	struct str type, id = s;

	if (!str_split(&id, '/', &type) || type.len == 0 || !isupper((unsigned char)type.p[0]) ||
	    id.len == 0 || id.len > 64)
		return false;
	for (size_t i = 0; i < type.len; i++)
		if (!isalpha((unsigned char)type.p[i]))
			return false;
	for (size_t i = 0; i < id.len; i++)
		if (!isalnum((unsigned char)id.p[i]) && id.p[i] != '-' && id.p[i] != '.')
			return false;
	return true;
}

static void
read_compartment(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_sender *s = out;

	if (node->kind == YAML_TEXT && is_compartment(node->text))
		s->compartment = node->text;
	else
		config_complain(r, node, "value", "must be a type and an id, as in 'Patient/123'");
}

static const struct field sender_fields[] = {
	FIELD("name", FIELD_NAME, offsetof(struct config_sender, name), .required = true),
	FIELD("tokens", FIELD_CUSTOM, 0, .read = read_tokens),
	FIELD("certificates", FIELD_CUSTOM, 0, .read = read_certificates),
	FIELD("subjects", FIELD_TEXTS, offsetof(struct config_sender, subjects)),
	FIELD("scope", FIELD_CUSTOM, 0, .read = read_scopes, .required = true),
	FIELD("compartment", FIELD_CUSTOM, 0, .read = read_compartment),
	FIELD("filter", FIELD_TEXTS, offsetof(struct config_sender, filters)),
	FIELD("admin", FIELD_BOOL, offsetof(struct config_sender, admin)),
	FIELDS_END,
};

static void
read_sender(struct config_reader *r, const struct yaml *node, struct config_sender *s)
{
	s->place = (struct config_place){ node->line, node->column };
	section_read(r, node, sender_fields, s);
	if (str_is(s->name, "loopback"))
		config_complain(r, node, "value",
		    "the name 'loopback' is kept for a gateway without an access section");
}

static void
read_senders(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;

	if (node->kind != YAML_LIST || node->count == 0 || node->count > SENDERS_MOST) {
		config_complain(r, node, "structure",
		    "must be a list of 1 to %d senders (lines that begin with '-')", SENDERS_MOST);
		return;
	}
	c->senders = config_array(r, node, node->count, sizeof(*c->senders));
	if (!c->senders)
		return;
	YAML_EACH(node, item)
	{
		size_t mark = config_enter_item(r, c->sender_count);

		read_sender(r, item, &c->senders[c->sender_count++]);
		config_leave(r, mark);
	}
}

static const struct field access_fields[] = {
	FIELD("senders", FIELD_CUSTOM, 0, .read = read_senders, .required = true),
	FIELDS_END,
};

void
config_read_access(struct config_reader *r, const struct yaml *node, void *out)
{
	((struct config *)out)->has_access = true;
	section_read(r, node, access_fields, out);
}

static bool
share_hash(
    uint8_t (*a)[SHA256_BYTES], uint32_t a_count, uint8_t (*b)[SHA256_BYTES], uint32_t b_count)
{
	for (uint32_t i = 0; i < a_count; i++)
		for (uint32_t j = 0; j < b_count; j++)
			if (memcmp(a[i], b[j], SHA256_BYTES) == 0)
				return true;
	return false;
}

static bool
share_subject(const struct config_sender *a, const struct config_sender *b)
{
	for (uint32_t i = 0; i < a->subjects.count; i++)
		for (uint32_t j = 0; j < b->subjects.count; j++)
			if (str_eq(a->subjects.at[i], b->subjects.at[j]))
				return true;
	return false;
}

static void
check_pair(struct config_reader *r, const struct config_sender *a, const struct config_sender *b)
{
	struct yaml node = { .line = b->place.line, .column = b->place.column };
	const char *what = NULL;

	if (a->name.len && str_eq(a->name, b->name))
		config_complain(r, &node, "duplicate", "the name '%.*s' is taken (line %u)",
		    STR_ARG(b->name), a->place.line);
	if (share_hash(a->tokens, a->token_count, b->tokens, b->token_count))
		what = "token";
	else if (share_hash(
		     a->certificates, a->certificate_count, b->certificates, b->certificate_count))
		what = "certificate";
	else if (share_subject(a, b))
		what = "subject";
	if (what)
		config_complain(r, &node, "duplicate",
		    "has a %s of sender '%.*s' (line %u): it would not be known who it is", what,
		    STR_ARG(a->name), a->place.line);
}

static bool
has_listener(const struct config *c, struct str sender)
{
	for (uint32_t i = 0; i < c->mllp_count; i++)
		if (sender.len && str_eq(c->mllp[i].sender, sender))
			return true;
	return false;
}

void
config_check_senders(struct config_reader *r, const struct config *c)
{
	for (uint32_t i = 0; i < c->sender_count; i++) {
		const struct config_sender *s = &c->senders[i];
		struct yaml node = { .line = s->place.line, .column = s->place.column };
		size_t mark;

		snprintf(r->path, sizeof(r->path), "access.senders");
		mark = config_enter_item(r, i);
		if (!s->token_count && !s->certificate_count && !s->subjects.count &&
		    !has_listener(c, s->name))
			config_complain(r, &node, "required",
			    "nothing tells who this is: give 'tokens', 'certificates' or "
			    "'subjects', or name it as the 'sender' of an mllp listener");
		for (uint32_t j = 0; j < i; j++)
			check_pair(r, &c->senders[j], s);
		config_leave(r, mark);
	}
	r->path[0] = '\0';
}
