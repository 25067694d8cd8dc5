"""The loops of training.treeshap that are compiled. Innermost loops run over rows, so that they become vector instructions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

NOTHING = np.uint64(0)
ONE = np.uint64(1)
NO_CATEGORY = -1


class Splits(NamedTuple):
    """The splits of all trees: `starts` the first of each tree; a category's split has `categories_of` codes from
    `first_category` on that go right, any other has NO_CATEGORY and goes left below its threshold."""

    starts: Ints
    feature: Ints
    threshold: Singles
    default_left: Bools
    first_category: Ints
    categories_of: Ints
    categories: Ints


class Pairs(NamedTuple):
    """The pairs of all trees: `starts` the first of each tree, `node` its split, `first` its first feature; `features`, `masks`
    and `wants` by feature of a pair; `offsets` where each pair's values begin in `table`."""

    starts: Ints
    node: Ints
    first: Ints
    features: Ints
    masks: Words
    wants: Words
    offsets: Ints
    table: Singles


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, and kept beside the file, or in the home folder, where one of them can be written."""
    try:
        found: Callable[..., Any] = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        found = njit(nogil=True)(function)
    return found


@_compiled
def _others(i: int, answers: Floats, ratios: Floats, sums: Floats) -> float:
    """Shapley-weighted sum over sets S of the features but i: the product of answers in S and of ratios outside of it."""
    d = len(answers)
    sums[:] = 0.0
    sums[0] = 1.0
    size = 0
    for j in range(d):
        if j != i:
            size += 1
            for m in range(size, 0, -1):
                sums[m] = sums[m] * ratios[j] + sums[m - 1] * answers[j]
            sums[0] *= ratios[j]
    # |S|! (d - |S| - 1)! / d!
    weight: float = 1.0 / d
    total: float = weight * float(sums[0])
    for m in range(1, d):
        weight *= m / (d - m)
        total += weight * float(sums[m])
    return total


@_compiled
def fill(table: Singles, offset: int, own: int, way: int, ratios: Floats, value: float) -> None:
    """Add a leaf's contributions for every pattern of answers, v (o_i - z_i) times _others, to its pair's values."""
    d = len(ratios)
    answers, sums = np.empty(d), np.empty(d)
    for pattern in range(1 << (d + 1)):
        for j in range(d):
            answers[j] = (pattern >> j) & 1
        if (pattern >> d) & 1 == way:
            answers[own] = 0.0
        for i in range(d):
            gain = value * (answers[i] - ratios[i]) * _others(i, answers, ratios, sums)
            table[offset + (i << (d + 1)) + pattern] += gain


@_compiled
def fill_all(pairs: Pairs, own: Ints, ratios: Floats, values: Floats) -> None:
    """Fill in all tables; `own` (pairs), `ratios` (2 x features of pairs), `values` (pairs x 2)."""
    for pair in range(len(pairs.node)):
        begin, end = pairs.first[pair], pairs.first[pair + 1]
        for way in range(2):
            if values[pair, way] != 0.0:
                fill(pairs.table, pairs.offsets[pair], own[pair], way, ratios[way, begin:end], values[pair, way])


@_compiled
def _is_listed(code: int, categories: Ints) -> bool:
    for c in categories:  # noqa: SIM110 - compiled code has no any()
        if c == code:
            return True
    return False


@_compiled
def _decide_category(column: Singles, default_left: bool, right: Ints, bit: np.uint64, decisions: Words) -> None:
    for r in range(len(column)):
        left = default_left if np.isnan(column[r]) else not _is_listed(np.int64(column[r]), right)
        if left:
            decisions[r] |= bit


@_compiled
def _decide(column: Singles, limit: np.float32, default_left: bool, bit: np.uint64, decisions: Words) -> None:
    """Set the bit where the row goes left; what is missing compares as false."""
    if default_left:
        for r in range(len(column)):
            decisions[r] |= NOTHING if column[r] >= limit else bit
    else:
        for r in range(len(column)):
            decisions[r] |= bit if column[r] < limit else NOTHING


@_compiled
def _decide_tree(x: Singles, block: int, tree: int, splits: Splits, decisions: Words) -> None:
    """A word a row: bit n says that the tree's split n sends the row left."""
    decisions[:] = NOTHING
    for at in range(splits.starts[tree], splits.starts[tree + 1]):
        # a row's slice is contiguous, a slice of slices is not
        column = x[splits.feature[at], block : block + len(decisions)]
        bit = ONE << np.uint64(at - splits.starts[tree])
        if splits.categories_of[at] == NO_CATEGORY:
            _decide(column, splits.threshold[at], splits.default_left[at], bit, decisions)
        else:
            begin = splits.first_category[at]
            right = splits.categories[begin : begin + splits.categories_of[at]]
            _decide_category(column, splits.default_left[at], right, bit, decisions)


@_compiled
def _add_pair(pair: int, pairs: Pairs, decisions: Words, pattern: npt.NDArray[np.int32], out: Floats, block: int) -> None:
    f, d = pairs.first[pair], pairs.first[pair + 1] - pairs.first[pair]
    own = ONE << np.uint64(pairs.node[pair])
    for r in range(len(pattern)):
        pattern[r] = np.int32((decisions[r] & own) != NOTHING) << np.int32(d)
    for j in range(d):
        mask, want, place = pairs.masks[f + j], pairs.wants[f + j], np.int32(1 << j)
        for r in range(len(pattern)):
            pattern[r] |= place if (decisions[r] & mask) == want else np.int32(0)
    for j in range(d):
        begin = pairs.offsets[pair] + (j << (d + 1))
        values = pairs.table[begin : begin + (1 << (d + 1))]
        into = out[pairs.features[f + j], block : block + len(pattern)]
        for r in range(len(pattern)):
            into[r] += values[pattern[r]]


@_compiled
def accumulate(x: Singles, out: Floats, rows_a_block: int, splits: Splits, pairs: Pairs) -> None:
    """Add the contributions of every tree to `out`; both are features x rows. A block of rows by each tree at a time, so that a
    tree's tables and the block stay in the cache."""
    rows = x.shape[1]
    all_decisions, all_patterns = np.empty(rows_a_block, np.uint64), np.empty(rows_a_block, np.int32)
    for block in range(0, rows, rows_a_block):
        size = min(rows_a_block, rows - block)
        decisions, pattern = all_decisions[:size], all_patterns[:size]
        for tree in range(len(splits.starts) - 1):
            _decide_tree(x, block, tree, splits, decisions)
            for pair in range(pairs.starts[tree], pairs.starts[tree + 1]):
                _add_pair(pair, pairs, decisions, pattern, out, block)
