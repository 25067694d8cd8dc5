"""The alerts of a night: decided from its facts, sent once, kept in gold.alerts, and as metrics."""

import datetime as dt

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.nights import read_nights
from jobs.silences import silences
from lake.conf import Conf
from lake.errors import Complaint, EnvironmentProblem
from lake.tables import ALERTS
from monitoring.alerting import Alert, Past, decide
from monitoring.channels import Message, send
from monitoring.metrics import metrics, to_gateway, to_textfile
from monitoring.night import Night, Raised
from monitoring.rules import Alerts, load_rules
from monitoring.signals import signals
from monitoring.stopped import Stopped

TABLE = "gold.alerts"
LONGEST_DAYS = 60
"""How far back a rule may look; nights that ran late are still among its last ones."""


def raise_alerts(ctx: JobContext, night: Night) -> tuple[Night, list[Complaint]]:
    """The night with its alerts, and what a channel did not take.

    Those are told that have not been told of this night yet. The table is written after the sending: a kill between the two
    sends again, never not at all. Raises ConfigError where alerts.yaml is not right.
    """
    rules, kept = load_rules(ctx.conf.alerts_path), _kept(ctx)
    found = _decided(ctx, night, rules, kept)
    told = {(r["rule"], r["subject"]) for r in kept if r["score_date"] == ctx.date and r["state"] == "firing"}
    complaints = _send(ctx.conf, ctx.date, [a for a in found if a.state == "firing" and (a.rule, a.subject) not in told])
    if found or any(r["score_date"] == ctx.date for r in kept):
        ctx.lake.publish(TABLE, _rows(ctx, found), f"score_date = DATE'{ctx.date}'", ctx.gate)
    raised = [Raised(**{k: v for k, v in vars(a).items() if k in Raised.model_fields}) for a in found]
    return night.model_copy(update={"alerts": raised}), complaints


def tell_stopped(conf: Conf, night: Stopped) -> list[Complaint]:
    """Tell of a night that stopped, each time that it does. Nothing is kept: the lake may be what is broken."""
    rules = load_rules(conf.alerts_path)
    quiet = [k.silence for k in silences(conf)]
    found = decide(rules.each(), signals(night, rules.limits), [], quiet, night.date, [])
    return _send(conf, night.date, [a for a in found if a.state == "firing"]) + expose(conf, night)


def expose(conf: Conf, night: Night | Stopped) -> list[Complaint]:
    """Metrics to the textfile and the gateway that are configured; what did not take them is a complaint."""
    ways = ((conf.alerts.prometheus_textfile, to_textfile), (conf.alerts.prometheus_push, to_gateway))
    complaints = []
    for place, write in ways:
        if place is not None:
            try:
                write(metrics(night, dt.datetime.now(dt.UTC)), place)
            except OSError as e:
                text = f"metrics did not reach {place}: {e.strerror or e}"
                complaints.append(Complaint(EnvironmentProblem.exit_code, text))
    return complaints


def _decided(ctx: JobContext, night: Night, rules: Alerts, kept: list[Row]) -> list[Alert]:
    past = [Past(r["score_date"], r["rule"], r["subject"]) for r in kept if r["state"] != "suppressed"]
    quiet = [k.silence for k in silences(ctx.conf)]
    published = [d for d in read_nights(ctx.lake).published if d < ctx.date]
    return decide(rules.each(), signals(night, rules.limits), past, quiet, ctx.date, published)


def _kept(ctx: JobContext) -> list[Row]:
    """Alerts of this night, where it ran before, and of those before it; none of later ones."""
    since = ctx.date - dt.timedelta(days=LONGEST_DAYS)
    lately = F.col("score_date").between(F.lit(since), F.lit(ctx.date))
    return ctx.lake.read(TABLE).where(lately).select("score_date", "rule", "subject", "state").collect()


def _rows(ctx: JobContext, found: list[Alert]) -> DataFrame:
    rows = [tuple({"score_date": ctx.date, **vars(a)}[c.name] for c in ALERTS.columns) for a in found]
    return ctx.spark.createDataFrame(rows, ALERTS.schema).coalesce(1)


def _send(conf: Conf, date: dt.date, alerts: list[Alert]) -> list[Complaint]:
    base = conf.alerts.page_address
    page = f"{base.rstrip('/')}/nights/{date}/index.html" if base else f"page: nights/{date}/index.html below the reports"
    return send(Message(date, page, tuple(alerts)), conf.alerts.channels)
