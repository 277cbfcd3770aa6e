EXTRA_DIST += gateway/fhir/README.md
