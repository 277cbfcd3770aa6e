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

void
findings_add(struct findings *f, enum severity severity, const char *code, struct str path,
    uint32_t line, uint32_t column, const char *fmt, ...)
{
	char text[TEXT_MOST];
	struct finding *x;
	va_list ap;

	if (severity <= SEVERITY_ERROR)
		f->errors++;
	x = f->count < f->most ? ARENA_NEW(f->arena, struct finding) : NULL;
	if (!x) {
		f->more = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->severity = severity;
	x->code = code;
	x->path = str_dup(f->arena, path);
	x->line = line;
	x->column = column;
	x->text = str_dup(f->arena, str_from(text));
	*f->tail = x;
	f->tail = &x->next;
	f->count++;
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
