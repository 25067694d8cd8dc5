"""The feature catalogue: every feature's formula, unit, source and expected sign, once, as data.

`transforms.windows` computes exactly this list, training and scoring read exactly this list, and the columns of
gold.policy_features and the feature page of the docs are generated from it.
"""

import hashlib
import json
from dataclasses import replace

from lake import features_v1, features_v2
from lake.columns import Column
from lake.errors import ConfigError
from lake.feature import DAY_TERMS, VA, WINDOW_COUNTS, Feature, Sign
from lake.features_v1 import DISPLAYED_RUNG

__all__ = [
    "CREDIBLE", "DAY_TERMS", "DISPLAYED_RUNG", "FEATURES", "FEATURE_VERSION_1", "FEATURE_VERSION_2", "WINDOWS_DAYS",
    "WINDOW_COUNTS", "Feature", "Sign", "check_version", "feature_columns", "feature_list", "model_features", "published_columns",
    "sum_columns", "sums_definition", "terms_of",
]  # fmt: skip

FEATURE_VERSION_1, FEATURE_VERSION_2 = "v1", "v2"
WINDOWS_DAYS = (7, 28, 90, 365)

FEATURES: dict[str, tuple[Feature, ...]] = {
    FEATURE_VERSION_1: tuple(f for w in WINDOWS_DAYS for f in features_v1.window(w)),
    FEATURE_VERSION_2: tuple(f for w in WINDOWS_DAYS for f in features_v2.window(w)),
}
"""Feature lists by version; versions live side by side and are never edited once a model has used them."""
CREDIBLE = {FEATURE_VERSION_1: (), FEATURE_VERSION_2: features_v2.credible(FEATURES[FEATURE_VERSION_2])}
"""What a version has besides in gold.policy_features: rates that depend on the whole night's portfolio. Frames have none."""


def check_version(version: str) -> str:
    """The version, if the catalogue has it. Raises ConfigError naming the versions there are."""
    if version not in FEATURES:
        raise ConfigError(f"unknown feature version '{version}'; the catalogue has {', '.join(FEATURES)}")
    return version


def feature_list(version: str = FEATURE_VERSION_1) -> tuple[Feature, ...]:
    """All features of a version that windows give. Raises ConfigError naming the versions there are."""
    return FEATURES[check_version(version)]


def model_features(version: str = FEATURE_VERSION_1) -> tuple[Feature, ...]:
    """The features a model of this version sees, in order; training and scoring both call this."""
    return tuple(f for f in feature_list(version) if f.model)


def feature_columns(version: str = FEATURE_VERSION_1) -> tuple[Column, ...]:
    """Columns of a training frame for a version."""
    return tuple(_column(f) for f in feature_list(version))


def published_columns() -> tuple[Column, ...]:
    """Columns of gold.policy_features: those of every version, the oldest first; what a version does not have is null there."""
    of_name: dict[str, dict[str, Feature]] = {}
    for version, own in FEATURES.items():
        for f in (*own, *CREDIBLE[version]):
            of_name.setdefault(f.name, {})[version] = f
    return tuple(_published(by_version) for by_version in of_name.values())


def _column(f: Feature) -> Column:
    return Column(f.name, "double", f.unit, f"{f.meaning}, last {f.window_days} days: {f.formula}")


def _published(by_version: dict[str, Feature]) -> Column:
    """The oldest version's column, with the formulas of later ones where they are others."""
    first, *later = by_version.items()
    others = [f"{version}: {f.formula}" for version, f in later if f.formula != first[1].formula]
    column = _column(first[1])
    return replace(column, meaning="; ".join([column.meaning, *others]))


def terms_of(*versions: str) -> tuple[tuple[str, int], ...]:
    """(name, window) of every sum that the versions' features ask for."""
    found = {(name, f.window_days) for v in versions for f in feature_list(v) for name in f.terms}
    return tuple(sorted((name, w) for name, w in found if name not in WINDOW_COUNTS))


def sums_definition() -> str:
    """A hash of what the sums of gold.window_sums are of: their names, windows and the terms that days do not have."""
    return hashlib.sha256(json.dumps([terms_of(*FEATURES), DAY_TERMS]).encode()).hexdigest()[:16]


def sum_columns() -> tuple[Column, ...]:
    """Columns of gold.window_sums: the sums that any version asks for."""
    return tuple(
        Column(f"{name}_{w}", "array<bigint>" if name == VA else "bigint", "", f"sum of {name}, last {w} days")
        for name, w in terms_of(*FEATURES)
    )
