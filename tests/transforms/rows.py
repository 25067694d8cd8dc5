"""Base rows with overrides for tables of the catalogue."""

import datetime as dt
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lake.clock import UTC
from lake.tables import CLAIMS, CONSENTS, POLICIES, POLICY_DAYS, Table


def ts(text: str) -> dt.datetime:
    """An instant in UTC from ISO text."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def date(text: str) -> dt.date:
    """A date from ISO text."""
    return dt.date.fromisoformat(text)


def frame(spark: SparkSession, table: Table, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows in the table's schema; columns that are not given are null."""
    return spark.createDataFrame([tuple(r.get(n) for n in table.names) for r in rows], table.schema)


def day(vehicle: str, local_date: str, **over: Any) -> dict[str, Any]:
    """A policy day: 10 km in 2 trips and 1000 s of motion, known the noon after, everything else 0."""
    base: dict[str, Any] = {c.name: 0 for c in POLICY_DAYS.columns if c.type == "bigint"}
    known = dt.datetime.combine(date(local_date) + dt.timedelta(days=1), dt.time(12), UTC)
    base |= {"vehicle_id": vehicle, "local_date": date(local_date), "local_month": local_date[:7], "source": "test"}
    base |= {"trips": 2, "distance_mm": 10_000_000, "moving_ms": 1_000_000, "duration_ms": 1_250_000, "covered_ms": 1_000_000}
    # all of the distance
    base |= {"harsh_known_mm": None, "corner_known_mm": None, "moving_mm": None}
    return base | {"known_from": known, "known_to": None} | over


def days(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """gold.policy_days."""
    return frame(spark, POLICY_DAYS, list(rows))


def policy(number: int = 1, **over: Any) -> dict[str, Any]:
    """Policy p<n> on vehicle v<n>: liability from 2025 on without end, known a month before."""
    base = {
        "policy_id": f"p{number}", "vehicle_id": f"v{number}", "coverage": "liability", "valid_from": ts("2025-01-01"),
        "currency": "USD", "base_premium_minor": 60_000, "driver_age_band": "25-65", "territory_band": "urban",
        "known_from": ts("2024-12-01"),
    }  # fmt: skip
    return base | over


def policies(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """reference.policies."""
    return frame(spark, POLICIES, list(rows))


def consent(number: int = 1, **over: Any) -> dict[str, Any]:
    """Consent of policy p<n> to pricing from 2025 on, known a month before."""
    base = {"policy_id": f"p{number}", "purpose": "pricing", "valid_from": ts("2025-01-01"), "known_from": ts("2024-12-01")}
    return base | over


def consents(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """reference.consents."""
    return frame(spark, CONSENTS, list(rows))


def claim(claim_id: str, occurred: str, number: int = 1, **over: Any) -> dict[str, Any]:
    """A claim of 1,000.00 on policy p<n>, reported and known two days after it occurred."""
    occurred_ts = ts(occurred)
    known = occurred_ts + dt.timedelta(days=2)
    base = {
        "claim_id": claim_id, "policy_id": f"p{number}", "vehicle_id": f"v{number}", "coverage": "liability",
        "occurred_ts": occurred_ts, "reported_ts": known, "status": "open", "incurred_minor": 100_000, "currency": "USD",
        "known_from": known,
    }  # fmt: skip
    return base | over


def claims(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """reference.claims."""
    return frame(spark, CLAIMS, list(rows))
