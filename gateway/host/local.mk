EXTRA_DIST += gateway/host/README.md
