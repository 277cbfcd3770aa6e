#include "gateway/store/geo.h"

#include <math.h>

#define RADIUS_MM 6371008800.0 /* mean radius R1 of WGS 84 */
#define UNITS 1e7	       /* of a degree */
#define DEGREE (3.14159265358979323846 / 180)

enum {
	SPARE = 1000, /* units that a box is wider by: rounding */
};

int64_t
geo_distance_mm(
    int64_t latitude, int64_t longitude, int64_t other_latitude, int64_t other_longitude)
{
	double a = (double)latitude / UNITS * DEGREE;
	double b = (double)other_latitude / UNITS * DEGREE;
	double up = sin((b - a) / 2);
	double along = sin((double)(other_longitude - longitude) / UNITS * DEGREE / 2);
	double h = up * up + cos(a) * cos(b) * along * along;

	return llround(2 * RADIUS_MM * asin(h < 1 ? sqrt(h) : 1));
}

struct geo_box
geo_box_around(int64_t latitude, int64_t longitude, int64_t distance_mm)
{
	const int64_t all = (int64_t)(180 * UNITS);
	double angle = (double)distance_mm / RADIUS_MM;
	double up = angle / DEGREE * UNITS, at = (double)latitude / UNITS * DEGREE;
	struct geo_box box = { .west = -all, .east = all, .south = -all, .north = all };
	double around;
	int64_t wide;

	if (up > (double)all)
		return box;
	box.south = latitude - (int64_t)up - SPARE;
	box.north = latitude + (int64_t)up + SPARE;
	if (fabs(at) + angle >= 89 * DEGREE)
		return box;
	around = asin(sin(angle) / cos(at));
	wide = (int64_t)(around / DEGREE * UNITS) + SPARE;
	if (longitude - wide <= -all || longitude + wide >= all)
		return box;
	box.west = longitude - wide;
	box.east = longitude + wide;
	return box;
}
