EXTRA_DIST += gateway/audit/README.md
