#include "gateway/bulk/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	BAR = 30, /* characters */
	TELL_BAR = 100 * 1000,
	TELL_LINE = 5 * 1000 * 1000,
};

void
progress_begin(struct progress *p, const char *what, const char *unit, uint64_t total)
{
	*p = (struct progress){
		.what = what,
		.unit = unit,
		.total = total,
		.began = clock_monotonic(),
		.bar = isatty(STDERR_FILENO),
	};
	p->told = p->began;
}

static double
seconds_of(const struct progress *p)
{
	double s = (double)(clock_monotonic() - p->began) / 1e6;

	return s > 0 ? s : 1e-6;
}

static void
draw(struct progress *p, uint64_t done, uint64_t count)
{
	double part = p->total ? (double)done / (double)p->total : 0, s = seconds_of(p);

	if (part > 1)
		part = 1;
	if (!p->bar) {
		fprintf(stderr, "%s: %.0f %%, %llu %s, %.0f/s\n", p->what, part * 100,
		    (unsigned long long)count, p->unit, (double)count / s);
		return;
	}
	fputs("\r[", stderr);
	for (int i = 0; i < BAR; i++)
		fputc(i < (int)(part * BAR) ? '#' : ' ', stderr);
	fprintf(stderr, "] %3.0f %%, %llu %s, %.0f/s", part * 100, (unsigned long long)count,
	    p->unit, (double)count / s);
	if (part > 0.01)
		fprintf(stderr, ", %.0f s left", s / part - s);
	fputs("\033[K", stderr);
}

void
progress_tell(struct progress *p, uint64_t done, uint64_t count)
{
	int64_t now = clock_monotonic();

	if (p->quiet || now - p->told < (p->bar ? TELL_BAR : TELL_LINE))
		return;
	p->told = now;
	draw(p, done, count);
}

void
progress_clear(struct progress *p)
{
	if (p->bar && !p->quiet)
		fputs("\r\033[K", stderr);
}

void
progress_end(struct progress *p, uint64_t count)
{
	double s = seconds_of(p);

	progress_clear(p);
	if (!p->quiet)
		fprintf(stderr, "%s: %llu %s in %.1f s, %.0f/s\n", p->what,
		    (unsigned long long)count, p->unit, s, (double)count / s);
}
