libgateway_a_SOURCES += \
	gateway/cli/cli.c gateway/cli/cli.h \
	gateway/cli/admin_client.c gateway/cli/admin_client.h \
	gateway/cli/audit_show.c gateway/cli/audit_show.h \
	gateway/cli/cmd_audit.c gateway/cli/cmd_check.c gateway/cli/cmd_token.c \
	gateway/cli/cmd_convert.c gateway/cli/cmd_deadletter.c gateway/cli/cmd_feeds.c \
	gateway/cli/convert.c gateway/cli/convert.h \
	gateway/cli/convert_files.c gateway/cli/convert_files.h \
	gateway/cli/cmd_backup.c gateway/cli/cmd_export.c gateway/cli/cmd_purge.c \	gateway/cli/cmd_import.c gateway/cli/cmd_reindex.c \
	gateway/cli/cmd_explain.c gateway/cli/cmd_fhirpath.c gateway/cli/cmd_pack.c \
	gateway/cli/cmd_serve.c
EXTRA_DIST += gateway/cli/README.md
dist_man_MANS += man/firedoor.1
dist_doc_DATA += etc/firedoor.yaml
