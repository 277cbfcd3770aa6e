libmappers_a_SOURCES += \
	mappers/hl7v2/ack.c mappers/hl7v2/ack.h \
	mappers/hl7v2/er7.c mappers/hl7v2/er7.h mappers/hl7v2/er7_internal.h \
	mappers/hl7v2/er7_batch.c mappers/hl7v2/er7_batch.h \
	mappers/hl7v2/er7_charset.c \
	mappers/hl7v2/er7_iso2022.c \
	mappers/hl7v2/er7_join.c \
	mappers/hl7v2/er7_text.c \
	mappers/hl7v2/er7_write.c mappers/hl7v2/er7_write.h \
	mappers/hl7v2/v2xml.c mappers/hl7v2/v2xml.h
EXTRA_DIST += mappers/hl7v2/README.md
