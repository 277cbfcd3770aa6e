EXTRA_DIST += gateway/store/README.md
libgateway_a_SOURCES += \
	gateway/store/fold.c gateway/store/fold.h \
	gateway/store/geo.c gateway/store/geo.h \
	gateway/store/sqlite.h \
	gateway/store/sqlite_backup.c \
	gateway/store/sqlite_body.c \
	gateway/store/sqlite_bulk.c \
	gateway/store/sqlite_clause.c \
	gateway/store/sqlite_commit.c \
	gateway/store/sqlite_conn.c \
	gateway/store/sqlite_explain.c \
	gateway/store/sqlite_facts.c \
	gateway/store/sqlite_filter.c \
	gateway/store/sqlite_guard.c \
	gateway/store/sqlite_include.c \
	gateway/store/sqlite_index.c \
	gateway/store/sqlite_layout.c \
	gateway/store/sqlite_members.c \
	gateway/store/sqlite_letter.c \
	gateway/store/sqlite_open.c \
	gateway/store/sqlite_pending.c \
	gateway/store/sqlite_purge.c \
	gateway/store/sqlite_read.c \
	gateway/store/sqlite_search.c \
	gateway/store/sqlite_sort.c \
	gateway/store/sqlite_sql.c gateway/store/sqlite_sql.h \
	gateway/store/sqlite_test.c \
	gateway/store/sqlite_tuple.c \
	gateway/store/sqlite_walk.c \
	gateway/store/store.h
