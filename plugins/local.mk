EXTRA_DIST += plugins/README.md
