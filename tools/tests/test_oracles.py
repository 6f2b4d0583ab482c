"""Which tests need a peer, and that none of them is skipped unseen."""

import oracles

TESTS = """
import pytest

def reference(n):
    return pytest.importorskip("gensim.missing")

needs_lda = pytest.mark.skipif(__import__("importlib").util.find_spec("lda") is None, reason="no lda")

@pytest.fixture
def torchlike():
    return pytest.importorskip("mygrad")

def test_plain(): pass
def test_direct(): pytest.importorskip("hmmlearn")
def test_through_a_function(): reference(1)
def test_through_a_fixture(torchlike): pass
@needs_lda
def test_through_a_mark(): pass
def test_only_speaks_of_it(): assert "torch" != "sklearn"
def test_skips_for_another_reason(): pytest.skip("not today")

class TestClass:
    def test_in_a_class(self):
        import nltk
    def test_plain_in_a_class(self): pass
"""

NEED = {"reference", "needs_lda", "torchlike", "test_direct", "test_through_a_function", "test_through_a_mark"} | {
    "TestClass.test_in_a_class"
}


def test_what_needs_a_peer_is_found(toy):
    toy.write(toy.tests, TESTS)
    assert oracles.oracle_names(str(toy.tests)) == NEED


def test_a_file_that_asks_at_its_top_needs_it_throughout(toy):
    toy.write(toy.tests, 'import pytest\ntorch = pytest.importorskip("torch")\ndef test_it(): pass\n')
    assert "*" in oracles.oracle_names(str(toy.tests))


def test_with_the_option_only_they_run_and_a_skip_fails(toy):
    toy.write(toy.tests, TESTS.replace("import nltk", "import ast"))
    plain = toy.pytest("-q", "-p", "oracles")
    assert plain.returncode == 0 and "skipped" in plain.stdout, plain.stdout
    strict = toy.pytest("-q", "-p", "oracles", "--oracles")
    assert strict.returncode == 1
    assert "2 failed, 5 deselected, 2 errors" in strict.stdout, strict.stdout  # those of a fixture and a mark: in setup
    assert "an oracle may not be skipped" in strict.stdout


def test_with_the_option_a_file_that_is_skipped_whole_fails(toy):
    toy.write(toy.tests, 'import pytest\npytest.importorskip("hmmlearn")\ndef test_it(): pass\n')
    assert toy.pytest("-q", "-p", "oracles").returncode in (0, 5)
    strict = toy.pytest("-q", "-p", "oracles", "--oracles")
    assert strict.returncode not in (0, 5) and "an oracle may not be skipped" in strict.stdout, strict.stdout


def test_finding_no_oracle_is_not_success(toy):
    toy.write(toy.tests, "def test_it(): pass\n")
    assert toy.pytest("-q", "-p", "oracles", "--oracles").returncode == 5
