import pytest

from loopynet.parts.choice import Choice
from loopynet.parts.unrollings import unrollings


def counts(name, k=4, **options):
    count = unrollings.call(Choice(name, options))
    return [count(k, i / 20, (i * 7 % 20) / 20) for i in range(20)]


def test_fixed():
    assert counts("fixed") == [4] * 20


def test_progressive_grows_in_equal_stages_and_then_stays():
    assert counts("progressive", share=0.8) == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 8
    assert counts("progressive", start=3, share=1.0) == [3] * 10 + [4] * 10
    assert counts("progressive", start=9) == [4] * 20


def test_random_has_every_number_equally_often():
    drawn = counts("random")
    assert sorted(drawn) == [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5
    assert set(counts("random", least=3)) == {3, 4}
    assert counts("random", least=9) == [4] * 20


@pytest.mark.parametrize("name", unrollings.names())
def test_one_unroll_stays_one(name):
    assert set(counts(name, k=1)) == {1}
