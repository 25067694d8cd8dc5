"""Gold: what watches the scores, and who is told."""

from lake import columns as c
from lake.columns import Column
from lake.table import Table

DRIFT = Table(
    "gold.drift",
    "a watched figure of a night against its reference: the champion's frame, or the same weekday of weeks before",
    (
        c.SCORE_DATE.required(),
        Column("column", "string", "", "feature, prediction, daily value, or feature whose reasons are watched", nullable=False),
        Column("kind", "string", "", "feature, prediction, daily or reason", nullable=False),
        Column("unit", "string", "", "unit of the means and the shift"),
        Column("method", "string", "", "how the statistic is computed"),
        Column("statistic", "double", "", "value of the drift statistic"),
        Column("threshold", "double", "", "value from which the column counts as drifted"),
        Column("drifted", "boolean", "", "statistic at or above threshold", nullable=False),
        Column("reference_rows", "bigint", "rows", "rows of the reference"),
        Column("current_rows", "bigint", "rows", "rows of the night"),
        Column("reference_mean", "double", "", "mean in the reference, in the column's unit"),
        Column("current_mean", "double", "", "mean in the night, in the column's unit"),
        Column("shift", "double", "", "current_mean - reference_mean"),
        Column("shift_lower", "double", "", "lower end of the 99.9 % interval"),
        Column("shift_upper", "double", "", "upper end of the 99.9 % interval"),
        Column("p_value", "double", "", "of the statistic where nothing changed; null where it has none"),
    ),
    key=("score_date", "kind", "column"),
    partition_by=("score_date",),
    published=True,
)

PERFORMANCE = Table(
    "gold.performance",
    "a segment's actual claims against those the published scores expected",
    (
        c.SCORE_DATE.required(),
        Column("segment", "string", "", "what the book is cut by: all, coverage, territory_band ...", nullable=False),
        Column("value", "string", "", "the segment's value", nullable=False),
        Column("earned_car_years", "double", "car-years", "exposure earned under published scores"),
        Column("actual_claims", "bigint", "claims", "claims occurred in that exposure and known by the cutoff"),
        Column("expected_claims", "double", "claims", "frequency x exposure"),
        Column("actual_over_expected", "double", "", "A/E; null where nothing is expected"),
        Column("lower", "double", "", "lower end of the exact (Garwood) 95 % interval of A/E"),
        Column("upper", "double", "", "upper end of that interval"),
        Column("maturity_days", "double", "days", "mean age of the exposure at the cutoff"),
    ),
    key=("score_date", "segment", "value"),
    partition_by=("score_date",),
    published=True,
)

ALERTS = Table(
    "gold.alerts",
    "a figure of a night that is beyond its limit under a rule of alerts.yaml, and whether anybody is told",
    (
        c.SCORE_DATE.required(),
        Column("rule", "string", "", "name in alerts.yaml", nullable=False),
        Column("subject", "string", "", "the column, source, file or segment it is about; all for the book", nullable=False),
        Column("severity", "string", "", "info, warning or critical", nullable=False),
        Column("owner", "string", "", "who has to look", nullable=False),
        Column("state", "string", "", "firing, pending, suppressed or silenced; only firing ones are sent", nullable=False),
        Column("text", "string", "", "what was seen, in original units", nullable=False),
        Column("nights", "int", "", "of the rule's last nights on which it was beyond, tonight included", nullable=False),
        Column("value", "double", "", "the figure"),
        Column("limit", "double", "", "from where it is beyond"),
        Column("why", "string", "", "why it is not firing"),
        Column("runbook", "string", "", "what to do", nullable=False),
    ),
    key=("score_date", "rule", "subject"),
    partition_by=("score_date",),
    published=True,
)
