"""Any table with exposure and claims as data to train on, by a spec."""

from typing import Any

import numpy as np
import pandas as pd

from lake.errors import LakeError, TrainingRefused
from training.data import Data, Floats, Mask, cap_note, check_claims, check_finite, check_labels
from training.development import developed
from training.scorer_spec import FeatureSpec
from training.spec import Column, ModelSpec
from training.split import held_out
from training.text import as_text

VERSION = "table"
"""Feature version of models that are not of the lake's catalogue."""
CLAIMS = "claims"
"""Currency of a model that has no amounts: its pure premium is a frequency."""
DAYS_A_YEAR = 365.25


def prepare_table(table: pd.DataFrame, spec: ModelSpec) -> Data:
    """Check a table and give it as arrays, in its own order.

    Raises TrainingRefused naming the column and how many rows: columns that are not there, exposures that are not positive, too
    few claims, no amount, features that are not numbers or infinite, dates that are none.
    """
    _check_columns(table, spec)
    rows = table.reset_index(drop=True)
    exposure, claims = _number(rows, spec.exposure), _number(rows, spec.claims)
    check_labels(exposure, claims, (spec.exposure, spec.claims))
    numbers = [n for n, c in spec.features.items() if c.kind == "number"]
    for name in numbers:
        _number(rows, name)
    check_finite(rows, numbers)
    check_claims(claims, spec.min_claims, f": at least {spec.min_claims} are needed, or a lower min_claims, knowingly")
    groups = _known(rows, spec.groups) if spec.groups else pd.Series(rows.index)
    held = held_out(groups, spec.test_share, f"test/{spec.seed}")
    times = _times(rows, spec)
    claims, incurred, capped, notes = _amounts(rows, claims, times, spec)
    return Data(
        rows=rows, groups=groups, times=times, held=held, exposure=exposure, claims=claims, incurred=incurred, capped=capped,
        currency=CLAIMS if spec.incurred is None else spec.currency, coverage=spec.name, version=VERSION,
        features=tuple(_feature(rows, n, c, exposure, ~held) for n, c in spec.features.items()),
        notes=notes, **_over_base(rows, spec),
    )  # fmt: skip


def _check_columns(table: pd.DataFrame, spec: ModelSpec) -> None:
    missing = [c for c in spec.needed if c not in table.columns]
    if missing:
        raise TrainingRefused(f"the table lacks {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    if table.empty:
        raise TrainingRefused(f"the table has no rows: 0 claims, at least {spec.min_claims} are needed")


def _known(rows: pd.DataFrame, name: str) -> pd.Series:
    """The column. Raises TrainingRefused counting nulls: rows that nobody knows the policy, or the age, of."""
    unknown = int(rows[name].isna().sum())
    if unknown:
        raise TrainingRefused(f"{name} is null in {unknown} of {len(rows)} rows")
    return rows[name]


def _number(rows: pd.DataFrame, name: str) -> Floats:
    try:
        return rows[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as e:
        raise TrainingRefused(f"{name} is not a number: {e}; a text column is a feature of kind category") from e


def _times(rows: pd.DataFrame, spec: ModelSpec) -> pd.Series | None:
    if spec.time is None:
        return None
    found = pd.to_datetime(rows[spec.time], errors="coerce")
    bad = int(found.isna().sum())
    if bad:
        raise TrainingRefused(f"{spec.time} is not a date in {bad} of {len(rows)} rows")
    return found


def _amounts(
    rows: pd.DataFrame, claims: Floats, times: pd.Series | None, spec: ModelSpec
) -> tuple[Floats, Floats, Floats | None, tuple[str, ...]]:
    """Claims, incurred and capped after the spec's rules, and what was done, for the card."""
    if spec.incurred is None:
        return claims, claims, None, ("no amounts: frequency alone",)
    incurred, rules = np.nan_to_num(_number(rows, spec.incurred)), spec.severity
    negative = incurred < 0
    notes = [f"{int(negative.sum()):,} negative amounts: {rules.negative}"] if negative.any() else []
    if rules.negative != "net":
        claims = np.where(negative, 0.0, claims) if rules.negative == "drop" else claims
        incurred = np.maximum(incurred, 0.0)
    incurred = incurred * _development(rows, spec) * _trend(times, spec)
    notes += [f"amounts developed by {rules.development}"] if rules.development else []
    notes += [f"amounts trended by {rules.trend_per_year:.1%} a year"] if rules.trend_per_year else []
    notes += [] if rules.cap is None else [cap_note(rules.cap, spec.currency)]
    capped = incurred if rules.cap is None else np.minimum(incurred, rules.cap * claims)
    if not ((claims > 0) & (capped > 0)).any():
        raise TrainingRefused(
            f"no row has both a claim ({spec.claims}) and a positive amount ({spec.incurred}): nothing to price"
        )
    return claims, incurred, capped, tuple(notes)


def _development(rows: pd.DataFrame, spec: ModelSpec) -> Floats:
    """Factor to ultimate a row, linear between the stated maturities and constant beyond them."""
    rules = spec.severity
    if not rules.development:
        return np.ones(len(rows))
    if rules.maturity is None:
        raise TrainingRefused("severity.development needs severity.maturity, the column of days to the valuation")
    _known(rows, rules.maturity)
    return developed(np.ones(len(rows)), _number(rows, rules.maturity), rules.development)


def _trend(times: pd.Series | None, spec: ModelSpec) -> Floats | float:
    growth = spec.severity.trend_per_year
    if not growth:
        return 1.0
    if times is None:
        raise TrainingRefused("severity.trend_per_year needs `time`, the column of dates")
    years = (times.max() - times).dt.total_seconds().to_numpy(dtype=float) / (86_400 * DAYS_A_YEAR)
    return np.asarray((1 + growth) ** years, dtype=float)


def _over_base(rows: pd.DataFrame, spec: ModelSpec) -> dict[str, Any]:
    if spec.over_base is None:
        return {}
    base = _number(rows, spec.over_base)
    bad = int((~(np.isfinite(base) & (base > 0))).sum())
    if bad:
        raise TrainingRefused(f"{spec.over_base} is not positive in {bad} of {len(rows)} rows: there is no base to price over")
    return {"offset": base, "offset_column": spec.over_base}


def _feature(rows: pd.DataFrame, name: str, column: Column, exposure: Floats, fitted: Mask) -> FeatureSpec:
    spec = FeatureSpec(
        name=name, text=column.text or name, unit=column.unit, kind=column.kind, sign=column.sign, actionable=column.actionable
    )
    if column.kind == "category":
        texts = as_text(pd.Series(rows.loc[fitted, name].dropna().unique()))
        levels = column.levels or tuple(sorted(texts))
        if column.levels and not texts.isin(levels).any():
            raise TrainingRefused(f"{name} has none of the levels {', '.join(levels)}; it has {', '.join(sorted(texts)[:20])}")
        return spec.model_copy(update={"levels": levels, "ever_missing": bool(rows.loc[fitted, name].isna().any())})
    values = _number(rows, name)
    known = fitted & np.isfinite(values)
    mean = float(np.average(values[known], weights=exposure[known])) if known.any() else 0.0
    return spec.model_copy(update={"mean": mean, "ever_missing": bool((fitted & ~known).any())})


def read_table(path: str) -> pd.DataFrame:
    """A Parquet file or folder, a CSV file, or a Delta table. Raises LakeError saying what is wrong with it."""
    from pathlib import Path

    if "://" in path:
        raise LakeError(f"{path}: tables are read from this machine's disk; copy it here first")
    try:
        if path.endswith((".csv", ".csv.gz")):
            return pd.read_csv(path)
        if Path(path, "_delta_log").is_dir():
            from deltalake import DeltaTable, QueryBuilder

            batches = QueryBuilder().register("t", DeltaTable(path)).execute("SELECT * FROM t").read_all()
            found: pd.DataFrame = __import__("pyarrow").table(batches).to_pandas()
            return found
        return pd.read_parquet(path)
    except FileNotFoundError as e:
        raise LakeError(f"no table at {path}") from e
    except (OSError, ValueError) as e:
        raise LakeError(f"{path} is not a Parquet, CSV or Delta table: {e}") from e
