EXTRA_DIST += gateway/net/README.md
