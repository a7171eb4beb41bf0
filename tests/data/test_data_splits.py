import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopynet.data.splits import split_indices
from loopynet.errors import DataError
from loopynet.spec.data import Split


def labels_of(n):
    return np.arange(n) % 10


def disjoint(*parts):
    together = np.concatenate(parts)
    return len(np.unique(together)) == len(together)


@given(
    n=st.integers(2, 500),
    train=st.integers(1, 300),
    validation=st.integers(0, 200),
    test=st.one_of(st.none(), st.integers(1, 200)),
    official=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_counts_are_kept_parts_disjoint_and_the_draw_repeatable(
    n, train, validation, test, official, seed
):
    split = Split(train=train, validation=validation, test=test, seed=seed)
    n_test = 250 if official else None
    needed = train + validation + (0 if official else (test or 1))
    if needed > n:
        with pytest.raises(DataError, match=f"{needed:,}.*{n:,}"):
            split_indices(n, n_test, "x", labels_of(n), split)
        return
    got = split_indices(n, n_test, "x", labels_of(n), split)
    assert (len(got.train), len(got.validation)) == (train, validation)
    assert disjoint(got.train, got.validation)
    assert max(got.train.max(), got.validation.max(initial=0)) < n
    assert got.official_test == official
    if official:
        assert got.test.tolist() == list(range(250 if test is None else test))
    else:
        assert disjoint(got.train, got.validation, got.test)
        assert len(got.test) == (n - train - validation if test is None else test)
    again = split_indices(n, n_test, "x", labels_of(n), split)
    assert again.fingerprint() == got.fingerprint()


def test_the_seed_matters():
    draws = [split_indices(100, 10, "x", labels_of(100), Split(train=50, seed=s)) for s in (0, 1)]
    assert draws[0].fingerprint() != draws[1].fingerprint()


def test_null_takes_all_that_are_left():
    got = split_indices(100, 10, "x", labels_of(100), Split(validation=30))
    assert sorted([*got.train, *got.validation]) == list(range(100))
    alone = split_indices(100, None, "x", labels_of(100), Split(validation=30, test=20))
    assert sorted([*alone.train, *alone.validation, *alone.test]) == list(range(100))


def test_standard_with_a_test_set():
    got = split_indices(1000, 50, "x", labels_of(1000), "standard")
    assert (len(got.train), len(got.validation)) == (900, 100)
    assert disjoint(got.train, got.validation)
    assert got.test.tolist() == list(range(50))


def test_standard_without_a_test_set_keeps_the_classes_in_proportion():
    labels = np.array([0] * 100 + [1] * 400)
    got = split_indices(500, None, "x", labels, "standard")
    parts = (got.train, got.validation, got.test)
    assert [np.bincount(labels[p]).tolist() for p in parts] == [[70, 280], [15, 60], [15, 60]]
    assert disjoint(*parts)
    # classes are mixed, not one after the other
    assert 0 < labels[got.train][:70].sum() < 70


def test_published():
    got = split_indices(60_000, 10_000, "mnist", labels_of(60_000), "published")
    assert [len(p) for p in (got.train, got.validation, got.test)] == [40_000, 10_000, 10_000]
    got = split_indices(50_000, 10_000, "cifar10", labels_of(50_000), "published")
    assert [len(p) for p in (got.train, got.validation, got.test)] == [20_000, 1_000, 1_000]
    assert got.test.tolist() == list(range(1000))
    assert (got.name, got.seed) == ("published", 0)
    with pytest.raises(DataError, match='"digits" has no published split, only mnist and cifar10'):
        split_indices(1797, None, "digits", labels_of(1797), "published")


@pytest.mark.parametrize(
    ("n_test", "split", "message"),
    [
        (10, Split(validation=100), "101 images from the training set.* 100"),
        (10, Split(train=5, test=11), "11 images from the test set.* 10:"),
        (None, Split(train=90, validation=10), "101 images from the only set.* 100"),
        (None, Split(validation=10), "data.split.test"),
    ],
)
def test_parts_that_would_be_empty_or_too_large(n_test, split, message):
    with pytest.raises(DataError, match=message):
        split_indices(100, n_test, "x", labels_of(100), split)


def test_an_empty_data_set():
    with pytest.raises(DataError, match='from the training set of "x", which has 0'):
        split_indices(0, None, "x", labels_of(0), "standard")
