libmappers_a_SOURCES += \
	mappers/map/map.h
