libmappers_a_SOURCES += \
	mappers/map/map.c mappers/map/map.h mappers/map/map_internal.h \
	mappers/map/map_bundle.c \
	mappers/map/map_compile.c \
	mappers/map/map_convert.c \
	mappers/map/map_cover.c \
	mappers/map/map_date.c \
	mappers/map/map_group.c \
	mappers/map/map_lex.c mappers/map/map_lex.h \
	mappers/map/map_note.c \
	mappers/map/map_parse.c \
	mappers/map/map_run.c mappers/map/map_run.h \
	mappers/map/map_tree.c \
	mappers/map/map_value.c \
	mappers/map/map_whole.c
EXTRA_DIST += mappers/map/README.md
