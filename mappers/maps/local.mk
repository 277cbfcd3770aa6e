# The maps that are shipped; found in $(pkgdatadir)/maps once installed.
mapsdir = $(pkgdatadir)/maps
dist_maps_DATA = \
	mappers/maps/datatype-XPN.map \
	mappers/maps/events.map \
	mappers/maps/message-ADT_A03.map \
	mappers/maps/segment-EVN.map \
	mappers/maps/table-AdministrativeSex.map
