import numpy as np
import pyarrow as pa
import pytest

from monitoring.binning import Bins, bins_of, partial_summaries, summarise

NAN = float("nan")


def test_whole_numbers_get_edges_between_them() -> None:
    # 0 to 9, ten of each: deciles fall on whole numbers, so edges lie half-way above them, below the greatest value
    bins = bins_of(np.repeat(np.arange(10.0), 10))
    assert all(edge % 1 == 0.5 for edge in bins.edges)
    assert bins.centre == pytest.approx(4.5)
    few = bins_of(np.array([0.0] * 90 + [1.0] * 10))
    assert few.edges == (0.5,)


def test_a_constant_or_unobserved_column_has_one_bin() -> None:
    assert bins_of(np.full(5, 0.3)).edges == ()
    assert bins_of(np.array([NAN, NAN])) == Bins((), 0.0)


def test_a_value_on_an_edge_is_above_it_and_missing_ones_are_apart() -> None:
    s = summarise(np.array([0.0, 1.0, 2.0, NAN]), Bins((1.0,), 1.0))
    assert (s.rows, s.missing, s.histogram) == (4, 1, (1, 2))
    # about 1: -1, 0, 1
    assert (s.total, s.squares) == (0.0, 2.0)
    assert s.mean(Bins((1.0,), 1.0)) == 1.0
    assert s.variance == 1.0


def test_partials_add_up_to_the_whole() -> None:
    values = np.random.default_rng(1).gamma(2, 3, 1000)
    values[::10] = NAN
    bins = bins_of(values)
    parts = [
        pa.RecordBatch.from_pydict({"side": ["a"] * len(v), "x": pa.array(v, from_pandas=True)}) for v in np.split(values, 4)
    ]
    rows = [r for b in partial_summaries({"x": bins})(iter(parts)) for r in b.to_pylist()]
    assert sum(r["rows"] for r in rows) == 1000
    assert sum(r["missing"] for r in rows) == 100
    whole = summarise(values, bins)
    assert tuple(np.sum([r["histogram"] for r in rows], axis=0)) == whole.histogram
    assert whole.mean(bins) == pytest.approx(np.nanmean(values))
    assert whole.variance == pytest.approx(np.nanvar(values, ddof=1))
