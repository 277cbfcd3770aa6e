#!/bin/sh
# Words that have no place in the repository: host names of package registries
# (the set-up asks by package name), and work left for later.
cd "$(dirname "$0")/../.." || exit 2
status=0
files=$(git ls-files 2>/dev/null | grep -v '^tests/lint/words.sh$')
[ -n "$files" ] || exit 0
# shellcheck disable=SC2086
if grep -nIE 'registry\.npm|npmjs\.|deb\.debian\.|packages\.fhir\.org' $files; then
	echo "a package registry's host name is in the files above"
	status=1
fi
# shellcheck disable=SC2086
if grep -nIE '\b(TODO|FIXME|XXX)\b' $files; then
	echo "work left for later is in the files above"
	status=1
fi
exit $status
