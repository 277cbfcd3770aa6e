TESTS += tests/unit/convert.test
EXTRA_DIST += tests/unit/convert.test tests/unit/test_convert.py
