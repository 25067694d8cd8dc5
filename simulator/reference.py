"""Policies, devices, consents and claims as files, each row with the time from which it was known."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from simulator.people import CHANGES_DEVICE, TERM_DAYS, WITHDRAWN, spare_device
from simulator.plans import DAY_S
from simulator.truth import SEVERITY_SHAPE

COVERAGE, CURRENCY, PURPOSE = "liability", "USD", "pricing"
KNOWN_BEFORE_DAYS = 14
"""A policy, its device and its consent are known this long before they begin; a renewal too."""
REPORT_MEDIAN_D, REPORT_SIGMA = 10.0, 1.0
CLOSE_MEDIAN_D, CLOSE_SIGMA = 60.0, 0.7
REOPEN_MEDIAN_D = 45.0
ESTIMATE_SIGMA = 0.35
"""Spread of ln(first estimate / final amount)."""
NEGATIVE_P = 0.015
"""Recourse: the final amount is negative."""
GROUP, GROUP_P = "group_b", 0.3
"""Membership is drawn apart from all else: prices that follow the risk treat the group as anybody else."""
NEVER_REVISED_P = 0.2
"""The first estimate stays, and the claim stays open."""
REOPENED_P, REOPENED_FACTOR = 0.03, 1.5
YEAR_D = 365.25
_MINOR = 100.0
_OPEN = np.datetime64("NaT", "ns")


def policies(people: pd.DataFrame) -> pd.DataFrame:
    """A row per policy and yearly term; a lapse is a term that has no successor."""
    insured = people[people["policy_id"].notna()]
    terms = (insured["last_to"] - insured["first_from"]).dt.days // TERM_DAYS
    rows = insured.loc[insured.index.repeat(terms)].reset_index(drop=True)
    rows["valid_from"] = rows["first_from"] + pd.to_timedelta(TERM_DAYS * rows.groupby("policy_id").cumcount(), unit="D")
    rows["valid_to"] = rows["valid_from"] + pd.Timedelta(days=TERM_DAYS)
    rows["known_from"] = rows["valid_from"] - pd.Timedelta(days=KNOWN_BEFORE_DAYS)
    rows["coverage"], rows["currency"] = COVERAGE, CURRENCY
    names = ["policy_id", "vehicle_id", "coverage", "valid_from", "valid_to", "jurisdiction", "currency", "base_premium_minor",
             "driver_age_band", "vehicle_group_band", "territory_band", "known_from"]  # fmt: skip
    return rows[names]


def devices(people: pd.DataFrame, middle: dt.datetime) -> pd.DataFrame:
    """Which vehicle a device sits in; a change closes the old row (a new version of it) and opens another."""
    fitted = people[people["device_id"].notna()]
    rows = fitted[["device_id", "vehicle_id"]].assign(valid_from=fitted["first_from"], valid_to=_OPEN)
    rows["known_from"] = rows["valid_from"] - pd.Timedelta(days=KNOWN_BEFORE_DAYS)
    changed = rows[fitted["case"] == CHANGES_DEVICE]
    closed = changed.assign(valid_to=middle, known_from=middle)
    opened = changed.assign(device_id=spare_device(people).reindex(changed.index), valid_from=middle, known_from=middle)
    return _stacked(rows, closed, opened)


def consents(people: pd.DataFrame, middle: dt.datetime) -> pd.DataFrame:
    """Consent for pricing; one that is withdrawn gets an end, known when it is withdrawn."""
    given = people[people["consent"] & people["policy_id"].notna()]
    rows = given[["policy_id"]].assign(purpose=PURPOSE, valid_from=given["first_from"], valid_to=_OPEN)
    rows["known_from"] = rows["valid_from"] - pd.Timedelta(days=KNOWN_BEFORE_DAYS)
    withdrawn = rows[given["case"] == WITHDRAWN].assign(valid_to=middle, known_from=middle)
    return _stacked(rows, withdrawn)


def fairness_groups(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Whether a policy's holder is of GROUP, stated for everybody."""
    insured = people[people["policy_id"].notna()]
    inside = (rng.random(len(insured)) < GROUP_P).astype(float)
    rows = insured[["policy_id"]].assign(group_name=GROUP, probability=inside, group_source="simulator", method="stated")
    return rows.assign(known_from=insured["first_from"] - pd.Timedelta(days=KNOWN_BEFORE_DAYS))


def exposure(people: pd.DataFrame, begin: dt.date, end: dt.date) -> pd.Series:
    """Car-years in force within [begin, end)."""
    last = people["last_to"].where(people["last_to"] < pd.Timestamp(end), pd.Timestamp(end))
    years: pd.Series = (last - _first(people, begin)).dt.total_seconds() / (YEAR_D * DAY_S)
    return years.clip(lower=0.0)


def _first(people: pd.DataFrame, begin: dt.date) -> pd.Series:
    """Start of cover within the days from `begin` on."""
    return people["first_from"].where(people["first_from"] > pd.Timestamp(begin), pd.Timestamp(begin))


def losses(rng: np.random.Generator, people: pd.DataFrame, begin: dt.date, end: dt.date) -> pd.DataFrame:
    """Every claim that occurs in [begin, end): Poisson in number, gamma in amount, known or not."""
    insured = people[people["policy_id"].notna()].assign(exposure_years=lambda p: exposure(p, begin, end))
    counts = rng.poisson(insured["annual_frequency"] * insured["exposure_years"])
    rows = insured.loc[insured.index.repeat(counts)].reset_index(drop=True)
    n = len(rows)
    after_s = (rng.random(n) * rows["exposure_years"] * YEAR_D * DAY_S).astype(int)
    rows["occurred_ts"] = _first(rows, begin) + pd.to_timedelta(after_s, unit="s")
    rows["amount"] = rng.gamma(SEVERITY_SHAPE, rows["mean_severity"] / SEVERITY_SHAPE, n)
    rows["claim_id"] = [f"c-{i:06d}" for i in range(1, n + 1)]
    return rows[["claim_id", "policy_id", "vehicle_id", "occurred_ts", "amount"]]


def claims(rng: np.random.Generator, occurred: pd.DataFrame, known_before: dt.datetime) -> pd.DataFrame:
    """The states of claims that are known before a time: opened with an estimate, closed, some reopened."""
    n = len(occurred)
    report = occurred["occurred_ts"] + _delay(rng, n, REPORT_MEDIAN_D, REPORT_SIGMA)
    base = occurred.drop(columns="amount").assign(coverage=COVERAGE, reported_ts=report, currency=CURRENCY)
    recourse = rng.random(n) < NEGATIVE_P
    final = occurred["amount"] * np.where(recourse, -rng.uniform(0.1, 0.5, n), 1.0)
    opened = _state(base, "open", occurred["amount"] * rng.lognormal(0.0, ESTIMATE_SIGMA, n), report)
    closing = report + _delay(rng, n, CLOSE_MEDIAN_D, CLOSE_SIGMA)
    closed = _state(base, "closed", final, closing)[recourse | (rng.random(n) >= NEVER_REVISED_P)]
    again = closing + _delay(rng, n, REOPEN_MEDIAN_D, CLOSE_SIGMA)
    reopened = _state(base, "reopened", final * REOPENED_FACTOR, again)[~recourse & (rng.random(n) < REOPENED_P)]
    reopened = reopened.loc[reopened.index.intersection(closed.index)]
    states = _stacked(opened, closed, reopened).sort_values(["known_from", "claim_id"], ignore_index=True)
    return states[states["known_from"] < known_before]


def _state(base: pd.DataFrame, status: str, amount: pd.Series, known_from: pd.Series) -> pd.DataFrame:
    minor = (_MINOR * amount).round().astype(np.int64)
    return base.assign(status=status, incurred_minor=minor, known_from=known_from)


def _delay(rng: np.random.Generator, n: int, median_d: float, sigma: float) -> pd.TimedeltaIndex:
    """Lognormal delays, in whole seconds."""
    return pd.to_timedelta((rng.lognormal(np.log(median_d), sigma, n) * DAY_S).astype(int), unit="s")


def _stacked(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([p.astype({"valid_to": "datetime64[ns]"}) if "valid_to" in p else p for p in parts], ignore_index=True)


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write UTF-8 CSV with a header, times as ISO 8601 in UTC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")
    return path
