#include "gateway/cli/audit_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "gateway/audit/trail.h"
#include "gateway/cli/cli.h"
#include "gateway/config/value.h"

enum {
	LAST_MOST = 1000000,
};

struct showing {
	const struct audit_filter *filter;
	const char *folder;
	struct buf *kept; /* the last entries, a ring of filter->last */
	uint64_t met;	  /* entries that were wanted so far */
	bool titled;
};

static bool
parse_since(const char *text, int64_t *out)
{
	uint64_t ms;
	int64_t end;

	if (value_duration(str_from(text), &ms) && ms < INT64_MAX / 1000) {
		*out = clock_wall() - (int64_t)ms * 1000;
		return true;
	}
	return instant_parse(str_from(text), out, &end);
}

bool
audit_filter_option(struct audit_filter *f, int option, const char *value)
{
	int64_t n;

	switch (option) {
	case AUDIT_LAST:
		if (str_to_int(str_from(value), &n) && n > 0 && n <= LAST_MOST) {
			f->last = (uint64_t)n;
			return true;
		}
		fprintf(stderr, "firedoor audit: -n takes a number from 1 to %d\n", LAST_MOST);
		return false;
	case AUDIT_SINCE:
		if (parse_since(value, &f->since))
			return true;
		fprintf(stderr,
		    "firedoor audit: '%s' is neither a time, as in "
		    "2026-11-22T16:00:00Z, nor a duration\n",
		    value);
		return false;
	case AUDIT_SENDER:
		f->sender = str_from(value);
		return true;
	case AUDIT_RESOURCE:
		f->resource = str_from(value);
		return true;
	case AUDIT_OUTCOME:
		f->outcome = str_from(value);
		if (str_is(f->outcome, "allowed") || str_is(f->outcome, "refused") ||
		    str_is(f->outcome, "failed"))
			return true;
		fputs("firedoor audit: --outcome is allowed, refused or failed\n", stderr);
		return false;
	default:
		return false;
	}
}

static struct str
member(const json_t *entry, const char *name)
{
	const json_t *v = json_object_get(entry, name);

	return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v))
				 : (struct str){ 0 };
}

/* "Patient" touches "Patient/1", "Patient/1" touches "Patient/1/_history/2". */
static bool
touches(const json_t *entry, struct str wanted)
{
	const json_t *list = json_object_get(entry, "resources"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		struct str r = str_from(json_string_value(v));

		if (str_starts(r, wanted) && (r.len == wanted.len || r.p[wanted.len] == '/'))
			return true;
	}
	return false;
}

static bool
is_wanted(const struct audit_filter *f, const json_t *entry)
{
	int64_t start, end;

	if (f->since && instant_parse(member(entry, "time"), &start, &end) && end < f->since)
		return false;
	if (f->sender.len && !str_eq(member(entry, "sender"), f->sender))
		return false;
	if (f->outcome.len && !str_eq(member(entry, "outcome"), f->outcome))
		return false;
	return f->resource.len == 0 || touches(entry, f->resource);
}

static struct str
or_dash(struct str s)
{
	return s.len ? s : STR("-");
}

/* Text for a terminal: what could steer it is left out. */
static void
put_plain(struct buf *b, struct str s)
{
	uint32_t c;
	size_t len;

	for (; s.len; s = str_from_index(s, len)) {
		len = utf8_decode(s, &c);
		if (len && c >= ' ' && (c < 0x7f || c >= 0xa0))
			buf_put(b, s.p, len);
		len = len ? len : 1;
	}
}

static void
put_column(struct buf *b, struct str s, size_t width)
{
	size_t start = b->len;

	put_plain(b, or_dash(s));
	while (b->len - start < width)
		buf_put_byte(b, ' ');
	buf_put_byte(b, ' ');
}

static void
put_title(struct showing *s, struct buf *b)
{
	if (s->titled)
		return;
	s->titled = true;
	buf_printf(b, "%8s %-24s %-8s %-6s %-12s %-16s %s\n", "entry", "time", "outcome", "status",
	    "sender", "interaction", "resources");
}

static void
put_row(struct buf *b, uint64_t sequence, const json_t *entry)
{
	const json_t *list = json_object_get(entry, "resources"), *v;
	struct str rule = member(entry, "rule"), control = member(entry, "control");
	size_t i, start;

	buf_printf(b, "%8" PRIu64 " ", sequence);
	put_column(b, member(entry, "time"), 24);
	put_column(b, member(entry, "outcome"), 8);
	put_column(b, member(entry, "status"), 6);
	put_column(b, member(entry, "sender"), 12);
	put_column(b, member(entry, "interaction"), 16);
	start = b->len;
	json_array_foreach(list, i, v) {
		if (i == 8) {
			buf_printf(b, " and %zu more", json_array_size(list) - i);
			break;
		}
		buf_puts(b, i ? " " : "");
		put_plain(b, str_from(json_string_value(v)));
	}
	if (control.len) {
		buf_puts(b, b->len > start ? " message " : "message ");
		put_plain(b, control);
	}
	if (rule.len && !str_is(member(entry, "outcome"), "allowed")) {
		buf_puts(b, b->len > start ? " (" : "(");
		put_plain(b, rule);
		buf_put_byte(b, ')');
	}
	buf_put_byte(b, '\n');
}

static bool
print(struct buf *b)
{
	bool done = b->len == 0 || fwrite(b->p, 1, b->len, stdout) == b->len;

	buf_clear(b);
	return done;
}

static bool
show_entry(void *ctx, uint64_t sequence, struct str line)
{
	struct showing *s = ctx;
	json_t *entry = json_loadb(line.p, line.len, 0, NULL);
	struct buf row, *out = &row;
	bool go_on = true;

	if (!entry)
		return true; /* its hash was right, so it is one of ours: told by verify */
	buf_init(&row, 256 << 20);
	if (is_wanted(s->filter, entry)) {
		if (s->filter->last) {
			out = &s->kept[s->met % s->filter->last];
			buf_clear(out);
		} else if (!s->filter->json) {
			put_title(s, out);
		}
		s->met++;
		if (s->filter->json) {
			buf_put_str(out, line);
			buf_put_byte(out, '\n');
		} else {
			put_row(out, sequence, entry);
		}
		go_on = s->filter->last || print(out);
	}
	buf_release(&row);
	json_decref(entry);
	return go_on;
}

static void
tell_problem(void *ctx, const struct trail_problem *p)
{
	struct showing *s = ctx;

	fprintf(stderr, "%s/%s:%" PRIu64 ": %s\n", s->folder, p->segment, p->line, p->text);
}

static void
print_kept(struct showing *s)
{
	uint64_t count = s->met < s->filter->last ? s->met : s->filter->last;
	struct buf title;

	buf_init(&title, 4096);
	if (!s->filter->json)
		put_title(s, &title);
	print(&title);
	buf_release(&title);
	for (uint64_t i = s->met - count; i < s->met; i++)
		print(&s->kept[i % s->filter->last]);
}

static int
show(struct showing *s)
{
	struct trail_reader r = { show_entry, tell_problem, s };
	struct trail_state state = { 0 };
	struct error err;

	if (trail_read(s->folder, &r, &state, &err) < 0) {
		fprintf(stderr, "firedoor audit: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (s->filter->last)
		print_kept(s);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("firedoor audit: could not write\n", stderr);
		return EXIT_FINDINGS;
	}
	if (state.problems) {
		fputs("firedoor audit: the trail is not whole; firedoor audit verify tells more\n",
		    stderr);
		return EXIT_FINDINGS;
	}
	return EXIT_CLEAN;
}

int
audit_show(const char *folder, const struct audit_filter *f)
{
	struct showing s = { .filter = f, .folder = folder };
	int rc;

	s.kept = xcalloc(f->last ? f->last : 1, sizeof(*s.kept));
	for (uint64_t i = 0; i < f->last; i++)
		buf_init(&s.kept[i], 256 << 20);
	rc = show(&s);
	for (uint64_t i = 0; i < f->last; i++)
		buf_release(&s.kept[i]);
	free(s.kept);
	return rc;
}
