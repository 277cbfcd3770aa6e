/*
 * geo.h - distances between positions. Positions are latitude and longitude in
 * units of 10^-7 degrees; distances, along the surface, in millimetres.
 *
 * The earth is a ball of its mean radius here (haversine formula), which is
 * within half a per cent of WGS 84's ellipsoid.
 */
#ifndef GATEWAY_STORE_GEO_H
#define GATEWAY_STORE_GEO_H

#include <stdint.h>

int64_t geo_distance_mm(
    int64_t latitude, int64_t longitude, int64_t other_latitude, int64_t other_longitude);

/* What holds all positions within a distance. Longitudes are all there are
 * where the range would pass a pole or the date line. */
struct geo_box {
	int64_t south, north, west, east;
};
struct geo_box geo_box_around(int64_t latitude, int64_t longitude, int64_t distance_mm);

#endif
