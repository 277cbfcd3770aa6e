EXTRA_DIST += gateway/access/README.md
