/*
 * summary.c - a processor that writes a summary beside each record.
 *
 * For every record it is given it returns a Basic whose narrative lists the
 * record's summary elements and whose subject is the record. The Basic is
 * known by an identifier made from the record's own first identifier, so that
 * a record that comes again has its summary updated.
 */
#include "firedoor_plugin.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	NARRATIVE_MOST = 64 * 1024,
	DEPTH_MOST = 8,
};

static const char narrative_end[] = "</div>";

/* Narrative text: what does not fit is left out, whole lines at a time. Room
 * for narrative_end is kept. */
struct narrative {
	char text[NARRATIVE_MOST];
	size_t len;
	bool full;
};

static struct firedoor_text
text_of(const char *s)
{
	return (struct firedoor_text){ s, strlen(s) };
}

static bool
text_is(struct firedoor_text t, const char *s)
{
	return t.len == strlen(s) && memcmp(t.bytes, s, t.len) == 0;
}

static void
add(struct narrative *n, const char *bytes, size_t len)
{
	if (n->full || len > sizeof(n->text) - sizeof(narrative_end) - n->len) {
		n->full = true;
		return;
	}
	memcpy(n->text + n->len, bytes, len);
	n->len += len;
}

static void
add_text(struct narrative *n, const char *s)
{
	add(n, s, strlen(s));
}

/* Text inside XHTML. */
static void
add_escaped(struct narrative *n, struct firedoor_text t)
{
	for (size_t i = 0; i < t.len; i++) {
		switch (t.bytes[i]) {
		case '<':
			add_text(n, "&lt;");
			break;
		case '>':
			add_text(n, "&gt;");
			break;
		case '&':
			add_text(n, "&amp;");
			break;
		case '"':
			add_text(n, "&quot;");
			break;
		default:
			add(n, &t.bytes[i], 1);
		}
	}
}

/* The values under an element, a space between two. */
static void
add_values(struct narrative *n, const struct firedoor_host *host, struct firedoor_job *job,
    struct firedoor_node of, unsigned depth)
{
	struct firedoor_text value = host->value(job, of);

	if (value.len && !text_is(host->type(job, of), "xhtml")) {
		add_text(n, " ");
		add_escaped(n, value);
	}
	if (depth == DEPTH_MOST)
		return;
	for (struct firedoor_node c = host->first_child(job, of); c.node != FIREDOOR_NONE;
	     c = host->next_sibling(job, c))
		add_values(n, host, job, c, depth + 1);
}

/* A line for each summary element of the record. */
static void
add_lines(struct narrative *n, const struct firedoor_host *host, struct firedoor_job *job,
    uint32_t record)
{
	struct firedoor_node root = { record, 0, 0 };

	for (struct firedoor_node c = host->first_child(job, root); c.node != FIREDOOR_NONE;
	     c = host->next_sibling(job, c)) {
		size_t before = n->len;
		struct firedoor_text name = host->name(job, c);

		if (!(host->flags(job, c) & FIREDOOR_ELEMENT_SUMMARY) || text_is(name, "meta") ||
		    text_is(name, "id"))
			continue;
		add_text(n, "<p>");
		add_escaped(n, name);
		add_text(n, ":");
		add_values(n, host, job, c, 0);
		add_text(n, "</p>");
		if (n->full) {
			n->len = before;
			return;
		}
	}
}

static struct firedoor_text
value_of_child(const struct firedoor_host *host, struct firedoor_job *job, struct firedoor_node of,
    const char *name)
{
	struct firedoor_node c = host->child(job, of, name);

	return c.node == FIREDOOR_NONE ? (struct firedoor_text){ NULL, 0 } : host->value(job, c);
}

/*
 * The key of a record's summary: "TYPE:SYSTEM:VALUE" of its first identifier,
 * or "TYPE:ID"; false when it has neither, or one too long.
 */
static bool
make_key(const struct firedoor_host *host, struct firedoor_job *job, uint32_t record, char *key,
    size_t room)
{
	struct firedoor_node root = { record, 0, 0 };
	struct firedoor_node identifier = host->child(job, root, "identifier");
	struct firedoor_text type = host->record_type(job, record);
	struct firedoor_text system = { NULL, 0 }, value = { NULL, 0 };
	int n;

	if (identifier.node != FIREDOOR_NONE) {
		system = value_of_child(host, job, identifier, "system");
		value = value_of_child(host, job, identifier, "value");
	}
	if (!value.len)
		value = value_of_child(host, job, root, "id");
	if (!value.len)
		return false;
	n = snprintf(key, room, "%.*s:%.*s:%.*s", (int)type.len, type.bytes, (int)system.len,
	    system.len ? system.bytes : "", (int)value.len, value.bytes);
	return n > 0 && (size_t)n < room && !strpbrk(key, ",|\\$&%#+ ");
}

static int
put_code(const struct firedoor_host *host, struct firedoor_job *job)
{
	if (host->open(job, "code") < 0 || host->open(job, "coding") < 0 ||
	    host->put(job, "system", text_of("urn:firedoor:basic")) < 0 ||
	    host->put(job, "code", text_of("summary")) < 0 || host->close(job) < 0 ||
	    host->put(job, "text", text_of("Summary")) < 0)
		return -1;
	return host->close(job);
}

static int
put_identifier(const struct firedoor_host *host, struct firedoor_job *job, const char *key)
{
	if (host->open(job, "identifier") < 0 ||
	    host->put(job, "system", text_of("urn:firedoor:summary")) < 0 ||
	    host->put(job, "value", text_of(key)) < 0)
		return -1;
	return host->close(job);
}

static int
put_narrative(const struct firedoor_host *host, struct firedoor_job *job, struct narrative *n)
{
	if (host->open(job, "text") < 0 || host->put(job, "status", text_of("generated")) < 0 ||
	    host->put(job, "div", (struct firedoor_text){ n->text, n->len }) < 0)
		return -1;
	return host->close(job);
}

static int
summarise(const struct firedoor_host *host, struct firedoor_job *job, uint32_t record)
{
	static struct narrative n;
	char key[512], match[sizeof(key) + 64];
	bool known = make_key(host, job, record, key, sizeof(key));

	n.len = 0;
	n.full = false;
	add_text(&n, "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>");
	add_escaped(&n, host->record_type(job, record));
	add_text(&n, "</p>");
	add_lines(&n, host, job, record);
	memcpy(n.text + n.len, narrative_end, sizeof(narrative_end));
	n.len += sizeof(narrative_end) - 1;

	snprintf(match, sizeof(match), "identifier=urn:firedoor:summary|%s", key);
	if (host->begin(job, "Basic", known ? match : NULL) < 0 ||
	    put_narrative(host, job, &n) < 0 || (known && put_identifier(host, job, key) < 0) ||
	    put_code(host, job) < 0 || host->open(job, "subject") < 0 ||
	    host->put(job, "reference", host->record_reference(job, record)) < 0 ||
	    host->close(job) < 0)
		return -1;
	return host->end(job);
}

static int
process(void *state, const struct firedoor_host *host, struct firedoor_job *job)
{
	(void)state;
	for (uint32_t i = 0; i < host->record_count(job); i++)
		if (summarise(host, job, i) < 0)
			return -1;
	return 0;
}

const struct firedoor_plugin firedoor_plugin = {
	.size = sizeof(struct firedoor_plugin),
	.abi = FIREDOOR_PLUGIN_ABI,
	.name = "summary",
	.version = "1",
	.process = process,
};
