# Conversations with the real program. Each script speaks TAP.
SCENARIO_TESTS = \
	tests/scenario/scenarios.test \
	tests/scenario/bundles.test \
	tests/scenario/coding.test \
	tests/scenario/deadletter.test \
	tests/scenario/demo.test \
	tests/scenario/feed.test \
	tests/scenario/fhir_kit.test \
	tests/scenario/files.test \
	tests/scenario/large.test \
	tests/scenario/limits.test \
	tests/scenario/merge.test \
	tests/scenario/paging.test \
	tests/scenario/sorted.test \
	tests/scenario/reload.test \
	tests/scenario/own_params.test \
	tests/scenario/search_proof.test \
	tests/scenario/senders.test \
	tests/scenario/stream.test \
	tests/scenario/kill.test \
	tests/scenario/upgrade.test \
	tests/scenario/import.test \
	tests/scenario/bulk.test \
	tests/scenario/counts.test \
	tests/scenario/v2_suite.test
TESTS += $(SCENARIO_TESTS)
EXTRA_DIST += $(SCENARIO_TESTS) \
	tests/scenario/access.scenario \
	tests/scenario/adt.scenario \
	tests/scenario/composite.scenario \
	tests/scenario/compartment_write.scenario \
	tests/scenario/conditional.scenario \
	tests/scenario/delete_many.scenario \
	tests/scenario/diff.scenario \
	tests/scenario/everything.scenario \
	tests/scenario/filter.scenario \
	tests/scenario/explain.scenario \
	tests/scenario/formats.scenario \
	tests/scenario/include.scenario \
	tests/scenario/cut.scenario \
	tests/scenario/history.scenario \
	tests/scenario/http.scenario \
	tests/scenario/lenient.scenario \
	tests/scenario/links.scenario \
	tests/scenario/merge.scenario \
	tests/scenario/operations.scenario \
	tests/scenario/outsider.scenario \
	tests/scenario/parts.scenario \
	tests/scenario/patch.scenario \
	tests/scenario/patch_access.scenario \
	tests/scenario/misbehave.scenario \
	tests/scenario/plugin.scenario \
	tests/scenario/references.scenario \
	tests/scenario/rest.scenario \
	tests/scenario/results.scenario \
	tests/scenario/search.scenario \
	tests/scenario/search2.scenario \
	tests/scenario/sort.scenario \
	tests/scenario/search_page.scenario \
	tests/scenario/special.scenario \
	tests/scenario/tokens.scenario \
	tests/scenario/system_search.scenario \
	tests/scenario/transaction_links.scenario \
	tests/scenario/transaction.scenario \
	tests/scenario/update.scenario \
	tests/scenario/words.scenario \
	tests/scenario/README.md tests/scenario/gateway.py tests/scenario/slow.py \
	tests/scenario/run_scenarios.py tests/scenario/test_bundles.py tests/scenario/test_coding.py tests/scenario/test_feed.py tests/scenario/test_files.py \
	tests/scenario/fhir_kit.mjs tests/scenario/test_fhir_kit.py tests/scenario/test_large.py \
	tests/scenario/test_reload.py tests/scenario/hl7_client.mjs tests/scenario/test_senders.py \
	tests/scenario/destination.py tests/scenario/test_deadletter.py \
	tests/scenario/test_kill.py tests/scenario/test_merge.py tests/scenario/test_own_params.py tests/scenario/brute.py tests/scenario/test_search_proof.py tests/scenario/test_limits.py tests/scenario/test_stream.py \
	tests/scenario/test_upgrade.py tests/scenario/test_import.py \
	tests/scenario/test_bulk.py tests/scenario/test_counts.py \
	tests/scenario/test_v2_suite.py \
	tests/scenario/tsan.list
