"""Every table of the lake: columns, key, partitioning and the clocks it carries. DDL and the data dictionary
are generated from here, and nothing else spells a schema."""

from lake.table import LADDER_KINDS, RUNGS, Table
from lake.tables_bronze import LEDGER, POINTS, QUARANTINE
from lake.tables_gold import (
    CREDIBILITY,
    FEATURES_TABLE,
    FRAME,
    FRAMES,
    LINEAGE_TYPE,
    NIGHTS,
    POLICY_DAYS,
    REASON_TYPE,
    SCORES,
    WINDOW_SUMS,
    frame_prefix,
    frame_table,
)
from lake.tables_reference import CLAIMS, CONSENTS, DEVICES, FAIRNESS_GROUPS, POLICIES
from lake.tables_silver import EVENTS, TRIPS
from lake.tables_watch import ALERTS, DECISIONS, DRIFT, PERFORMANCE, SHADOW

__all__ = [
    "ALERTS", "CLAIMS", "CONSENTS", "CREDIBILITY", "DECISIONS", "DEVICES", "DRIFT", "EVENTS", "FAIRNESS_GROUPS", "FEATURES_TABLE",
    "FRAME", "FRAMES", "LADDER_KINDS", "LEDGER", "LINEAGE_TYPE", "NIGHTS", "PERFORMANCE", "POINTS", "POLICIES", "POLICY_DAYS",
    "QUARANTINE", "REASON_TYPE", "RUNGS", "SCORES", "SHADOW", "TABLES", "TRIPS", "WINDOW_SUMS", "Table", "frame_prefix",
    "frame_table",
]  # fmt: skip

_IN_ORDER = (
    POINTS, QUARANTINE, LEDGER, POLICIES, DEVICES, CLAIMS, CONSENTS, FAIRNESS_GROUPS,
    TRIPS, EVENTS, POLICY_DAYS, WINDOW_SUMS, CREDIBILITY,
    FEATURES_TABLE, SCORES, DRIFT, PERFORMANCE, SHADOW, DECISIONS, ALERTS, NIGHTS,
)  # fmt: skip
TABLES: dict[str, Table] = {t.name: t for t in _IN_ORDER}
"""Every table of the lake by name, in the order in which data flows; frames.<hash> come besides."""
