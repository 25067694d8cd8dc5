"""How long rows are kept, and when files that no version refers to any more may go: one table, in conf."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_WINDOW_DAYS = 365
"""The longest window of lake.features: a night reads that many days of gold.policy_days before its date."""
RERUN_DAYS = 31
"""A night so old still finds the scores and features that it reads, when it runs again."""


class Retention(BaseModel):
    """Rows older than so many days before the night are deleted; null keeps them for ever. raw and bronze can only be null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw: Annotated[None, Field(description="landing files: a lifecycle rule of the bucket deletes them, never we")] = None
    bronze: Annotated[None, Field(description="bronze.points: a late point restates a day from all its points")] = None
    quarantine: Annotated[int | None, Field(ge=31, description="bronze.quarantine by received_date; holds positions")] = 400
    silver: Annotated[int | None, Field(ge=LONGEST_WINDOW_DAYS, description="silver.trips and events by start_date")] = None
    scores: Annotated[int | None, Field(ge=RERUN_DAYS, description="gold.policy_features and policy_scores by their date")] = None
    windows: Annotated[int | None, Field(ge=7, description="gold.window_sums by its date; a night needs the one before")] = 35
    frames: Annotated[int | None, Field(ge=7, description="frames that no registered version pins, since written")] = 400
    history: Annotated[int | None, Field(ge=LONGEST_WINDOW_DAYS, description="gold.policy_days by whole months")] = None
    unreferenced_files: Annotated[
        int, Field(ge=7, le=365, description="days until VACUUM takes a file; 7 is Delta's own floor, and longer than any night")
    ] = 7
    vacuum_every_nights: Annotated[int, Field(ge=1, description="VACUUM lists every file of a table")] = 7


@dataclass(frozen=True)
class Rule:
    """Rows of `table` go by a partition column, so that a deletion drops files and rewrites none."""

    table: str
    kept_as: str
    column: str

    def predicate(self, retention: Retention, date: dt.date) -> str | None:
        """Of rows that are too old for night `date`; None where they are kept for ever."""
        days: int | None = getattr(retention, self.kept_as)
        if days is None:
            return None
        first = date - dt.timedelta(days=days)
        return f"{self.column} < '{first:%Y-%m}'" if self.column == "local_month" else f"{self.column} < DATE'{first}'"


RULES = (
    Rule("bronze.quarantine", "quarantine", "received_date"),
    Rule("silver.trips", "silver", "start_date"),
    Rule("silver.events", "silver", "start_date"),
    Rule("gold.window_sums", "windows", "as_of_date"),
    Rule("gold.credibility", "scores", "as_of_date"),
    Rule("gold.policy_features", "scores", "as_of_date"),
    Rule("gold.policy_scores", "scores", "score_date"),
    Rule("gold.policy_days", "history", "local_month"),
)
"""Tables not named here keep every row: reference.*, bronze.ledger, gold.drift, performance, shadow, decisions and nights."""
