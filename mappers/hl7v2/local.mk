libmappers_a_SOURCES += \
	mappers/hl7v2/ack.h \
	mappers/hl7v2/er7.h
