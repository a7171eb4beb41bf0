from hypothesis import given
from hypothesis import strategies as st

from loopynet.describe.columns import assign_columns, crossings, overlap

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)).map(lambda s: (s[0], sum(s))))


@given(spans)
def test_overlapping_spans_get_different_columns_and_as_few_as_possible(found):
    columns = assign_columns(found)
    for i, span in enumerate(found):
        assert not any(overlap(span, found[j]) and columns[i] == columns[j] for j in range(i))
    deepest = max((sum(overlap(s, (row, row)) for s in found) for row, _ in found), default=0)
    assert set(columns) <= set(range(deepest))


def test_nested_spans_do_not_cross():
    nested = [(0, 9), (1, 3), (4, 8), (5, 6)]
    columns = assign_columns(nested)
    assert len(set(columns)) == 3
    assert crossings(nested, columns) == 0


def test_a_chain_of_overlaps_in_few_columns_does_not_cross_more_than_it_must():
    chained = [(0, 2), (1, 4), (3, 7), (5, 6)]
    columns = assign_columns(chained)
    assert set(columns) == {0, 1}
    assert crossings(chained, columns) == 2


def test_a_lone_span_stands_next_to_the_layers():
    assert assign_columns([(3, 4)]) == [0]
    assert assign_columns([]) == []
