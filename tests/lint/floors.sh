#!/bin/sh
# Each floor of the house includes its own headers and those below, never one
# above; a plugin sees firedoor_plugin.h and nothing else of the house.
cd "$(dirname "$0")/../.." || exit 2
status=0

# check FLOOR ALLOWED: ALLOWED is a grep pattern of the folders it may include.
check() {
	found=$(grep -rnE '^#include "[a-z]+/' --include='*.[ch]' "$1" |
		grep -vE "#include \"($2)/")
	if [ -n "$found" ]; then
		echo "$1/ includes what it must not know:"
		echo "$found"
		status=1
	fi
}

check base base
check profiles 'base|profiles'
check mappers 'base|profiles|mappers'
check gateway 'base|profiles|mappers|plugins|gateway'

# Of plugins/, the gateway knows the interface only.
found=$(grep -rn '#include "plugins/' --include='*.[ch]' gateway |
	grep -v '"plugins/firedoor_plugin.h"')
[ -z "$found" ] || { echo "gateway/ includes a plugin's own header:"; echo "$found"; status=1; }

found=$(grep -rnE '^#include "' --include='*.[ch]' plugins |
	grep -vE '"(plugins/)?firedoor_plugin.h"' |
	grep -vE 'plugins/([a-z_]+)/[a-z_.]+:[0-9]+:#include "plugins/\1/')
[ -z "$found" ] || { echo "plugins/ sees more than its header:"; echo "$found"; status=1; }

# The functions that base/banned.h bans: also where a macro could not see them.
found=$(grep -rnwE '(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|alloca) *\(' \
	--include='*.[ch]' base profiles mappers gateway plugins tests |
	grep -v '^base/banned.h:')
[ -z "$found" ] || { echo "banned functions:"; echo "$found"; status=1; }

# SQL, its library and what the files of its backend share stay behind the
# store's interface.
found=$(grep -rnE 'sqlite3|include "gateway/store/sqlite|\b(sq|sql)_[a-z_]+ *\(|"(SELECT|INSERT|UPDATE|DELETE FROM|PRAGMA|BEGIN IMMEDIATE)\b' \
	--include='*.[ch]' base profiles mappers gateway plugins | grep -v '^gateway/store/sqlite')
[ -z "$found" ] || { echo "SQLite above its backend:"; echo "$found"; status=1; }

exit $status
