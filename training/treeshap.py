"""Exact TreeSHAP of an XGBoost booster from tables that are made once per model.

A row reaches a leaf or not by one yes or no per feature on the leaf's path, so the leaf's contribution to each of them is a
function of a few bits. All its values are computed when a model is loaded, by the closed form of path-dependent TreeSHAP
(Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"); patterns of decisions are
the idea of Nadel and Wettenstein 2025, "From decision trees to Boolean logic". Scoring a row is then a look into a table for each
pair of sibling leaves.
"""

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from lake.errors import LakeError
from training.treeshap_kernel import NO_CATEGORY, Pairs, Splits, accumulate, fill_all

Floats = npt.NDArray[np.float64]

MAX_NODES = 64
"""Decisions of a tree are bits of one word; a tree of depth 6 has at most 63."""
MAX_TABLE_BYTES = 256 * 2**20
ROWS_A_BLOCK = 512
_LEAF = -1


@dataclass(frozen=True)
class Pair:
    """Two ways out of a node, of which at least one ends in a leaf: the features asked on the way, and what each way out gives.

    `masks` and `wants` (features): which decisions must be how for a feature to be answered the path's way, without the node's
    own. `ratios` (2 x features): share of the cover that goes the path's way; `values` (2): a leaf's, 0 where there is none.
    """

    node: int
    features: tuple[int, ...]
    own: int
    masks: tuple[int, ...]
    wants: tuple[int, ...]
    ratios: tuple[tuple[float, ...], tuple[float, ...]]
    values: tuple[float, float]


def trees_of(booster: xgb.Booster) -> list[dict[str, Any]]:
    """The trees as XGBoost's JSON states them. Raises LakeError for a booster that is not of trees, summed as they are."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]
    found = model["gradient_booster"]
    if found["name"] != "gbtree":
        raise LakeError(f"booster {found['name']}: contributions are defined for gbtree")
    trees: list[dict[str, Any]] = found["model"]["trees"]
    return trees


def pairs_of(tree: dict[str, Any]) -> tuple[list[Pair], float]:
    """The pairs of a tree that has splits, and its mean value by cover. `node` counts splits in the order of their number."""
    left, right = tree["left_children"], tree["right_children"]
    cover, value, feature = tree["sum_hessian"], tree["split_conditions"], tree["split_indices"]
    number = {n: i for i, n in enumerate(n for n, child in enumerate(left) if child != _LEAF)}
    pairs: list[Pair] = []
    mean = 0.0

    def walk(node: int, path: dict[int, tuple[int, int, float]], weight: float) -> None:
        nonlocal mean
        bit, f = 1 << number[node], feature[node]
        shares = [cover[child] / cover[node] if cover[node] > 0 else 0.0 for child in (left[node], right[node])]
        before = path.get(f, (0, 0, 1.0))
        leaves = [left[child] == _LEAF for child in (left[node], right[node])]
        mean += sum(weight * s * value[c] for s, c, leaf in zip(shares, (left[node], right[node]), leaves, strict=True) if leaf)
        if any(leaves):
            pairs.append(_pair(number[node], f, {**path, f: before}, shares, [
                value[c] if leaf else 0.0 for c, leaf in zip((left[node], right[node]), leaves, strict=True)
            ]))  # fmt: skip
        for child, want, share, leaf in zip((left[node], right[node]), (bit, 0), shares, leaves, strict=True):
            if not leaf:
                walk(child, {**path, f: (before[0] | bit, before[1] | want, before[2] * share)}, weight * share)

    walk(0, {}, 1.0)
    return pairs, mean


def _pair(node: int, own: int, path: dict[int, tuple[int, int, float]], shares: list[float], values: list[float]) -> Pair:
    features = tuple(path)
    ratios = [tuple(path[f][2] * (share if f == own else 1.0) for f in features) for share in shares]
    masks, wants = tuple(path[f][0] for f in features), tuple(path[f][1] for f in features)
    return Pair(node, features, features.index(own), masks, wants, (ratios[0], ratios[1]), (values[0], values[1]))


@dataclass(frozen=True)
class TreeTables:
    """Everything a row needs.

    A pair's table has a row per feature of 2^(features + 1) values in the margin's unit, by pattern (bit j: feature j was
    answered the path's way before the node; the last bit: the node's own decision is left). `bias` is the trees' mean by cover.
    """

    splits: Splits
    pairs: Pairs
    bias: float
    features: int

    @classmethod
    def of(cls, booster: xgb.Booster) -> Self | None:
        """Tables of a booster; None where its trees are too deep for them."""
        trees = trees_of(booster)
        grown = [t for t in trees if t["left_children"][0] != _LEAF]
        if any(len(_split_nodes(t)) > MAX_NODES for t in grown):
            return None
        found = [pairs_of(t) for t in grown]
        sizes = [len(p.features) << (len(p.features) + 1) for pairs, _ in found for p in pairs]
        if np.dtype(np.float32).itemsize * sum(sizes) > MAX_TABLE_BYTES:
            return None
        bias = sum(mean for _, mean in found) + sum(t["split_conditions"][0] for t in trees if t["left_children"][0] == _LEAF)
        return cls(_splits(grown), _pairs([pairs for pairs, _ in found], sizes), float(bias), booster.num_features())

    def contributions(self, x: npt.NDArray[Any]) -> Floats:
        """Contributions (rows x features) to the margin, without the bias; NaN in x is missing, categories are their codes."""
        out = np.zeros((self.features, len(x)))
        accumulate(np.ascontiguousarray(x.T, dtype=np.float32), out, ROWS_A_BLOCK, self.splits, self.pairs)
        return out.T


def _split_nodes(tree: dict[str, Any]) -> list[int]:
    return [n for n, child in enumerate(tree["left_children"]) if child != _LEAF]


def _splits(trees: list[dict[str, Any]]) -> Splits:
    nodes = [(t, n) for t in trees for n in _split_nodes(t)]
    before = np.cumsum([0, *(len(t["categories"]) for t in trees)])
    listed = {
        (i, n): (before[i] + begin, size)
        for i, t in enumerate(trees)
        for n, begin, size in zip(t["categories_nodes"], t["categories_segments"], t["categories_sizes"], strict=True)
    }
    right = [listed.get((i, n), (0, NO_CATEGORY)) for i, t in enumerate(trees) for n in _split_nodes(t)]
    return Splits(
        starts=np.cumsum([0, *(len(_split_nodes(t)) for t in trees)], dtype=np.int64),
        feature=np.array([t["split_indices"][n] for t, n in nodes], np.int64),
        threshold=np.array([t["split_conditions"][n] for t, n in nodes], np.float32),
        default_left=np.array([t["default_left"][n] == 1 for t, n in nodes], np.bool_),
        first_category=np.array([begin for begin, _ in right], np.int64),
        categories_of=np.array([size for _, size in right], np.int64),
        categories=np.array([c for t in trees for c in t["categories"]], np.int64),
    )


def _pairs(by_tree: list[list[Pair]], sizes: list[int]) -> Pairs:
    """Pairs of all trees with their tables filled in; `sizes` are the values of each."""
    found = [p for pairs in by_tree for p in pairs]
    offsets = np.cumsum([0, *sizes], dtype=np.int64)
    pairs = Pairs(
        starts=np.cumsum([0, *(len(x) for x in by_tree)], dtype=np.int64),
        node=np.array([p.node for p in found], np.int64),
        first=np.cumsum([0, *(len(p.features) for p in found)], dtype=np.int64),
        features=np.array([f for p in found for f in p.features], np.int64),
        masks=np.array([m for p in found for m in p.masks], np.uint64),
        wants=np.array([w for p in found for w in p.wants], np.uint64),
        offsets=offsets,
        table=np.zeros(int(offsets[-1]), np.float32),
    )
    ratios = np.array([[r for p in found for r in p.ratios[way]] for way in (0, 1)], np.float64)
    own, values = np.array([p.own for p in found], np.int64), np.array([p.values for p in found], np.float64).reshape(-1, 2)
    fill_all(pairs, own, ratios, values)
    return pairs
