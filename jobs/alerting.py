"""The alerts of a night: decided from its facts, sent once to each channel, kept in gold.alerts, and as metrics."""

import datetime as dt
from dataclasses import fields, replace

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.nights import read_nights
from jobs.silences import silences
from lake.conf import CONF_FOLDER, Conf
from lake.conf_sections import Channels
from lake.errors import Complaint, EnvironmentProblem
from lake.log import note
from lake.masking import without_secrets
from lake.tables import ALERTS
from monitoring.alerting import Alert, Past, Silence, decide
from monitoring.channels import Message, addressees, send
from monitoring.metrics import metrics, to_gateway, to_textfile
from monitoring.night import Night, Raised
from monitoring.rules import Alerts, load_rules
from monitoring.signals import signals
from monitoring.stopped import Stopped

TABLE = "gold.alerts"
LONGEST_DAYS = 60
"""How far back a rule may look; nights that ran late are still among its last ones."""
RESENT_DAYS = 7
"""How long a channel is tried again; it may be gone for good, and the pages have it all."""


def raise_alerts(ctx: JobContext, night: Night) -> tuple[Night, list[Complaint]]:
    """The night with its alerts, and what a channel did not take.

    A channel is sent what it has not taken yet of this night, and of the RESENT_DAYS before it. The table is written after
    the sending: a kill between the two sends again, never not at all. Raises ConfigError where alerts.yaml is not right.
    """
    rules, kept = load_rules(ctx.conf.alerts_path), _kept(ctx)
    nights = _not_taken(ctx, kept) | {ctx.date: _owing(ctx, _decided(ctx, night, rules, kept), kept)}
    told, complaints = send([_message(ctx.conf, date, alerts) for date, alerts in nights.items()], ctx.conf.alerts.channels)
    if any(nights.values()) or any(r["score_date"] == ctx.date for r in kept):
        dates = ", ".join(f"DATE'{date}'" for date in nights)
        ctx.lake.publish(TABLE, _rows(ctx, told), f"score_date IN ({dates})", ctx.gate)
    raised = [Raised(**{k: v for k, v in vars(a).items() if k in Raised.model_fields}) for a in told[-1].alerts]
    return night.model_copy(update={"alerts": raised}), complaints


def tell_stopped(conf: Conf, night: Stopped) -> list[Complaint]:
    """Tell of a night that stopped, each time that it does. Nothing is kept: the lake may be what is broken."""
    rules = _readable_rules(conf)
    found = decide(rules.each(), signals(night, rules.limits), [], _readable_silences(conf), night.date, [])
    firing = [replace(a, owed=addressees(a, conf.alerts.channels)) for a in found if a.state == "firing"]
    return send([_message(conf, night.date, firing)], conf.alerts.channels)[1]


def _readable_rules(conf: Conf) -> Alerts:
    """Those that are shipped in the place of ones that may be what stopped the night."""
    try:
        return load_rules(conf.alerts_path)
    except Exception:
        return load_rules(CONF_FOLDER / "alerts.yaml")


def _readable_silences(conf: Conf) -> list[Silence]:
    """None where the lake, which has them, does not answer: one message too many is better than none."""
    try:
        return [k.silence for k in silences(conf)]
    except Exception as e:
        note("silences cannot be read: all are told", cause=_why(e))
        return []


def expose(conf: Conf, night: Night | Stopped) -> list[Complaint]:
    """Metrics to the textfile and the gateway that are configured; what did not take them is a complaint."""
    ways = ((conf.alerts.prometheus_textfile, to_textfile), (conf.alerts.prometheus_push, to_gateway))
    complaints = []
    for place, write in ways:
        if place is not None:
            try:
                write(metrics(night, dt.datetime.now(dt.UTC)), place)
            except Exception as e:
                # whatever answers at the address must not stop the night
                complaints.append(Complaint(EnvironmentProblem.exit_code, f"metrics did not reach {place}: {_why(e)}"))
    return complaints


def _why(failure: Exception) -> str:
    said = failure.strerror if isinstance(failure, OSError) else None
    return without_secrets(said or f"{type(failure).__name__}: {' '.join(str(failure).split())[:200]}")


def _decided(ctx: JobContext, night: Night, rules: Alerts, kept: list[Row]) -> list[Alert]:
    past = [Past(r["score_date"], r["rule"], r["subject"]) for r in kept if r["state"] != "suppressed"]
    quiet = [k.silence for k in silences(ctx.conf)]
    published = [d for d in read_nights(ctx.lake).published if d < ctx.date]
    return decide(rules.each(), signals(night, rules.limits), past, quiet, ctx.date, published)


def _owing(ctx: JobContext, found: list[Alert], kept: list[Row]) -> list[Alert]:
    """Firing alerts with the channels that are to get them: all that there are, or those that did not take it before."""
    channels = ctx.conf.alerts.channels
    told = {(r["rule"], r["subject"]): r["owed"] or () for r in kept if r["score_date"] == ctx.date and r["state"] == "firing"}
    due = ((a, told.get((a.rule, a.subject)), addressees(a, channels)) for a in found)
    return [
        replace(a, owed=tuple(x for x in names if before is None or x in before)) if a.state == "firing" else a
        for a, before, names in due
    ]


def _not_taken(ctx: JobContext, kept: list[Row]) -> dict[dt.date, list[Alert]]:
    """All alerts of the nights just before, of which a channel that there is has not taken one; the oldest first."""
    nights: dict[dt.date, list[Alert]] = {}
    for row in sorted(kept, key=lambda r: r["score_date"]):
        if ctx.date - dt.timedelta(days=RESENT_DAYS) <= row["score_date"] < ctx.date:
            nights.setdefault(row["score_date"], []).append(_alert(row, ctx.conf.alerts.channels))
    return {date: alerts for date, alerts in nights.items() if any(a.owed for a in alerts)}


def _alert(row: Row, channels: Channels) -> Alert:
    given = {f.name: row[f.name] for f in fields(Alert)}
    alert = Alert(**given | {"why": row["why"] or "", "owed": ()})
    return replace(alert, owed=tuple(x for x in addressees(alert, channels) if x in (row["owed"] or ())))


def _kept(ctx: JobContext) -> list[Row]:
    """Alerts of this night, where it ran before, and of those before it; none of later ones."""
    since = ctx.date - dt.timedelta(days=LONGEST_DAYS)
    lately = F.col("score_date").between(F.lit(since), F.lit(ctx.date))
    return ctx.lake.read(TABLE).where(lately).collect()


def _rows(ctx: JobContext, told: list[Message]) -> DataFrame:
    rows = [tuple({"score_date": m.date, **vars(a)}[c.name] for c in ALERTS.columns) for m in told for a in m.alerts]
    return ctx.spark.createDataFrame(rows, ALERTS.schema).coalesce(1)


def _message(conf: Conf, date: dt.date, alerts: list[Alert]) -> Message:
    base = conf.alerts.page_address
    page = f"{base.rstrip('/')}/nights/{date}/index.html" if base else f"page: nights/{date}/index.html below the reports"
    return Message(date, page, tuple(alerts))
