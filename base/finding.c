#include "base/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"

enum {
	TEXT_MOST = 1024,
};

void
findings_init(struct findings *f, struct arena *arena, unsigned most)
{
	*f = (struct findings){ .arena = arena, .most = most };
	f->tail = &f->first;
}

static bool
is_error(enum severity s)
{
	return s <= SEVERITY_ERROR;
}

/* In a full list, an error takes the place of the last that is none. */
static struct finding *
replace(struct findings *f)
{
	struct finding *last = NULL;

	if (f->errors_kept < f->count)
		for (struct finding *i = f->first; i; i = i->next)
			if (!is_error(i->severity))
				last = i;
	return last;
}

static struct finding *
append(struct findings *f)
{
	struct finding *x = ARENA_NEW(f->arena, struct finding);

	if (!x)
		return NULL;
	*f->tail = x;
	f->tail = &x->next;
	f->count++;
	return x;
}

void
findings_add(struct findings *f, enum severity severity, const char *code, struct str path,
    uint32_t line, uint32_t column, const char *fmt, ...)
{
	char text[TEXT_MOST];
	struct finding *x = f->count < f->most ? append(f) : NULL;
	va_list ap;

	f->errors += is_error(severity);
	if (!x) {
		f->more = true;
		x = is_error(severity) ? replace(f) : NULL;
	}
	if (!x)
		return;
	f->errors_kept += is_error(severity);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->severity = severity;
	x->code = code;
	x->path = str_dup(f->arena, path);
	x->line = line;
	x->column = column;
	x->text = str_dup(f->arena, str_from(text));
}

const char *
severity_name(enum severity s)
{
	static const char *const names[] = {
		[SEVERITY_FATAL] = "fatal",
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_INFORMATION] = "information",
	};

	return names[s];
}
