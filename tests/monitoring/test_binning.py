import numpy as np
import pyarrow as pa
import pytest

from monitoring.binning import Bins, bins_of, partial_summaries, summarise

NAN = float("nan")


def test_whole_numbers_get_edges_between_them() -> None:
    # 1 to 20, five of each: none makes up a tenth, and deciles that fall on whole numbers have their edge above them
    bins = bins_of(np.repeat(np.arange(1.0, 21.0), 5))
    assert bins.edges == (2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5, 16.5, 18.5)
    assert bins.centre == pytest.approx(10.5)
    # each a tenth or more
    assert bins_of(np.array([0.0] * 90 + [1.0] * 10)).edges == (-0.5, 0.5, 1.5)


def test_a_repeated_value_is_a_bin_of_its_own() -> None:
    values = np.r_[np.zeros(80), np.linspace(0.1, 2.0, 20)]
    bins = bins_of(values)
    assert summarise(values, bins).histogram == (0, 80, 7, 6, 7)
    assert summarise(np.array([-1.0, 0.0, 1e-9, 3.0]), bins).histogram == (1, 1, 1, 0, 1)


def test_a_constant_column_has_it_and_what_is_below_and_above_and_an_unobserved_one_nothing() -> None:
    bins = bins_of(np.full(5, 0.3))
    assert summarise(np.array([0.2, 0.3, 0.3, 0.4]), bins).histogram == (1, 2, 1)
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
