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

SHADOW = Table(
    "gold.shadow",
    "a version that scores in shadow against the champion, over all nights since the two met",
    (
        c.SCORE_DATE.required(),
        c.COVERAGE.required(),
        Column("alias", "string", "", "its alias, which is the role of its scores", nullable=False),
        Column("model_name", "string", "", "registered model", nullable=False),
        Column("model_version", "string", "", "the version in shadow", nullable=False),
        Column("champion_version", "string", "", "the version it is held against", nullable=False),
        Column("scored", "bigint", "rows", "covers that both scored by their models tonight", nullable=False),
        Column("why_not", "string", "", "why it was not scored tonight"),
        Column("mean_price_change", "double", "share", "its mean pure premium over the champion's - 1"),
        Column("moved_5", "double", "share", "covers whose price it would move by more than 5 %"),
        Column("moved_10", "double", "share", "the same, 10 %"),
        Column("moved_25", "double", "share", "the same, 25 %"),
        Column("first_shadow_date", "date", "", "first night of the comparison", nullable=False),
        Column("car_years", "double", "car-years", "mature exposure since, of covers that both had scored", nullable=False),
        Column("claims", "bigint", "claims", "claims on it", nullable=False),
        Column(
            "log_evidence",
            "double",
            "log units",
            "ln of the likelihood ratio of whom the claims fell on; twice it is the Poisson deviance saved at the claims' level",
            nullable=False,
        ),
    ),
    key=("score_date", "coverage", "alias"),
    partition_by=("score_date",),
    published=True,
)

BANDS_TYPE = "array<struct<band:int,car_years:double,expected_claims:double,claims:bigint>>"
DECISIONS = Table(
    "gold.decisions",
    "what the mature experience of a coverage's champion asks for, over all nights since it is champion",
    (
        c.SCORE_DATE.required(),
        c.COVERAGE.required(),
        Column("model_name", "string", "", "registered model", nullable=False),
        Column("model_version", "string", "", "the champion's version", nullable=False),
        Column("since", "date", "", "first night that it was champion without a break", nullable=False),
        Column("decision", "string", "", "undecided, keep, recalibrate or refit", nullable=False),
        Column("why", "string", "", "in words", nullable=False),
        Column("earned_car_years", "double", "car-years", "mature exposure priced by the version", nullable=False),
        Column("claims", "bigint", "claims", "claims on it, as known when it came of age", nullable=False),
        Column("expected_claims", "double", "claims", "frequency x exposure", nullable=False),
        Column("actual_over_expected", "double", "", "A/E; null where nothing is expected"),
        Column("lower", "double", "", "lower end of its interval, which holds on all nights at once; null while undecided"),
        Column("upper", "double", "", "upper end of that interval"),
        Column("log_evidence_level", "double", "log units", "ln of the evidence against A/E = 1", nullable=False),
        Column("log_evidence_shape", "double", "log units", "ln of the evidence against the bands' order and spread",
               nullable=False),
        Column("band_spread", "double", "", "standard deviation of A/E between bands over the book's, chance taken out"),
        Column("slope", "double", "", "how much of the predicted spread between bands there was: 1 all, 0 none"),
        Column("maturity_days", "double", "days", "mean age of the exposure at the cutoff", nullable=False),
        Column("bands", BANDS_TYPE, "", "by band of predicted frequency, a factor of 2^(1/4) each around the frame's mean",
               nullable=False),
    ),
    key=("score_date", "coverage"),
    partition_by=("score_date",),
    published=True,
)  # fmt: skip

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
        Column(
            "owed",
            "array<string>",
            "",
            "channels that have not taken it: they get it on a rerun or one of the next nights",
            operational=True,
        ),
    ),
    key=("score_date", "rule", "subject"),
    partition_by=("score_date",),
    published=True,
)
