EXTRA_DIST += gateway/exchange/README.md
