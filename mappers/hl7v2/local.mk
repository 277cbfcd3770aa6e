libmappers_a_SOURCES += \
	mappers/hl7v2/ack.c mappers/hl7v2/ack.h \
	mappers/hl7v2/er7.c mappers/hl7v2/er7.h mappers/hl7v2/er7_internal.h \
	mappers/hl7v2/er7_charset.c \
	mappers/hl7v2/er7_text.c
EXTRA_DIST += mappers/hl7v2/README.md
