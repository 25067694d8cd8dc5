"""Frozen bins and exact summaries of a column over them: what Spark adds up over all rows of a night.

Executors run this file, so it needs numpy and pyarrow only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

BINS = 10
"""Of a reference without repeated values: its deciles."""
LEAST_OF_REST = 3
"""Bins of what is no repeated value, however little it is: else it could move as a whole and nothing would be seen."""
PARTIALS = "side string, column string, rows bigint, missing bigint, total double, squares double, histogram array<bigint>"
"""Schema of what `partial_summaries` gives."""


@dataclass(frozen=True)
class Bins:
    """Inner edges, a value equal to an edge belonging to the bin above, and the centre that sums are taken about."""

    edges: tuple[float, ...]
    centre: float


@dataclass(frozen=True)
class Summary:
    """Additive facts of a column: `total` and `squares` are about the bins' centre, `rows` includes missing ones. Counts but
    that of the rows may be weighted."""

    rows: int
    missing: float
    total: float
    squares: float
    histogram: tuple[float, ...]

    def __add__(self, other: "Summary") -> "Summary":
        bins = tuple(a + b for a, b in zip(self.histogram, other.histogram, strict=True))
        return Summary(
            self.rows + other.rows, self.missing + other.missing, self.total + other.total, self.squares + other.squares, bins
        )

    @property
    def seen(self) -> float:
        """Rows with a value."""
        return self.rows - self.missing

    def mean(self, bins: Bins) -> float | None:
        """Mean of the values, or None without any."""
        return bins.centre + self.total / self.seen if self.seen else None

    @property
    def variance(self) -> float:
        """Sample variance of the values; 0 for fewer than two."""
        if self.seen < 2:
            return 0.0
        return max(self.squares - self.total**2 / self.seen, 0.0) / (self.seen - 1)


Strata = list[tuple[Summary, float]]
"""With the share of the whole that each is to have; shares add up to 1."""


def weighted(strata: Strata) -> Summary:
    """Strata together as if each had been seen in its share (post-stratification); the number of rows stays."""
    rows = sum(s.rows for s, _ in strata)
    factors = [(s, share * rows / s.rows) for s, share in strata]
    missing, total, squares = (sum(getattr(s, x) * w for s, w in factors) for x in ("missing", "total", "squares"))
    histogram = tuple(sum(cell) for cell in zip(*([n * w for n in s.histogram] for s, w in factors), strict=True))
    return Summary(rows, missing, total, squares, histogram)


def effective_share(strata: list[tuple[int, float]]) -> float:
    """How much of strata (rows, share) is left once they are weighted: (sum of weights)^2 / (n sum of weights^2), Kish 1965."""
    return 1 / (sum(n for n, _ in strata) * sum(share**2 / n for n, share in strata))


def bins_of(reference: Floats) -> Bins:
    """Bins of a reference sample, NaN left out, of a tenth of it each: a value that makes up a tenth or more is a bin by itself,
    between what is below and above it, and the rest is cut at its quantiles. Without the former a column that is mostly zeros,
    as a share of driving at night is, would have one bin and never drift.

    Whole numbers get edges half-way between two of them, so that a bin is a union of whole values: quantiles on whole numbers
    would fire for nothing."""
    values = reference[np.isfinite(reference)]
    if not len(values):
        return Bins((), 0.0)
    distinct, counts = np.unique(values, return_counts=True)
    repeated = distinct[counts >= len(values) / BINS]
    rest = values[~np.isin(values, repeated)]
    parts = max(round(BINS * len(rest) / len(values)), LEAST_OF_REST)
    cuts = np.quantile(rest, np.arange(1, parts) / parts) if len(rest) else rest
    if (values == np.floor(values)).all():
        edges = np.r_[np.floor(cuts) + 0.5, repeated - 0.5, repeated + 0.5]
    else:
        edges = np.r_[cuts, repeated, np.nextafter(repeated, np.inf)]
    return Bins(tuple(np.unique(edges).tolist()), float(values.mean()))


def summarise(values: Floats, bins: Bins) -> Summary:
    """Exact facts of the values, NaN counted as missing."""
    seen = values[~np.isnan(values)]
    about = seen - bins.centre
    counts = np.bincount(np.searchsorted(bins.edges, seen, side="right"), minlength=len(bins.edges) + 1)
    return Summary(len(values), len(values) - len(seen), float(about.sum()), float((about**2).sum()), tuple(counts.tolist()))


def partial_summaries(bins: dict[str, Bins]) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """For DataFrame.mapInArrow over rows of `side` and the columns of `bins`: a PARTIALS row per batch and column.

    A batch comes from one side: partitions of a union are never mixed.
    """

    def summaries(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield _partial(batch, bins)

    return summaries


def _partial(batch: pa.RecordBatch, bins: dict[str, Bins]) -> pa.RecordBatch:
    side = batch.column(batch.schema.get_field_index("side"))[0].as_py()
    rows = []
    for name, b in bins.items():
        values = batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False).astype(np.float64)
        s = summarise(values, b)
        rows.append({"side": side, "column": name, "rows": s.rows, "missing": s.missing, "total": s.total,
                     "squares": s.squares, "histogram": list(s.histogram)})  # fmt: skip
    schema = pa.schema([
        ("side", pa.string()), ("column", pa.string()), ("rows", pa.int64()), ("missing", pa.int64()),
        ("total", pa.float64()), ("squares", pa.float64()), ("histogram", pa.list_(pa.int64())),
    ])  # fmt: skip
    return pa.RecordBatch.from_pylist(rows, schema=schema)
