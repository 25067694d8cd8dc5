"""The alerts of a night: decided from its facts, sent once to each channel, kept in gold.alerts, and as metrics."""

import datetime as dt
from dataclasses import fields, replace

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.nights import WITHDRAWAL, Nights, read_nights
from jobs.silences import silences
from lake.conf import CONF_FOLDER, Conf
from lake.errors import Complaint, EnvironmentProblem
from lake.log import note
from lake.masking import said, without_secrets
from lake.tables import ALERTS
from monitoring.alerting import OVER, Alert, Past, Silence, decide
from monitoring.channels import Message, addressees, send
from monitoring.metrics import metrics, to_gateway, to_textfile
from monitoring.night import Night, Raised
from monitoring.owing import Kept, ending, incidents, over, owed_still, owing
from monitoring.rules import Alerts, load_rules
from monitoring.signals import STOPPED, signals
from monitoring.stopped import Stopped
from monitoring.without_model import ALL

TABLE = "gold.alerts"
PAGE = "page"
"""The job that tells."""
LONGEST_DAYS = 60
"""How far back a rule may look; nights that ran late are still among its last ones."""
RESENT_DAYS = 7
"""How long a channel is tried again; it may be gone for good, and the pages have it all."""


def raise_alerts(ctx: JobContext, night: Night, *, had_stopped: bool = False) -> tuple[Night, list[Complaint]]:
    """The night with its alerts, and what a channel did not take. PagerDuty's incidents are resolved where no later night is
    published; `had_stopped`: its page is still that of an attempt that stopped.

    A channel is sent what it has not taken yet of this night, and of the RESENT_DAYS before it. The table is written after
    the sending: a kill between the two sends again, never not at all. Raises ConfigError where alerts.yaml is not right.
    """
    rules, kept, known = load_rules(ctx.conf.alerts_path), _kept(ctx), read_nights(ctx.lake)
    found = owing(_decided(ctx, night, rules, kept, known), _told(ctx, kept, known), ctx.conf.alerts.channels)
    is_last = max(known.published, default=ctx.date) <= ctx.date
    stops = _stops(rules) if had_stopped or known.has_stopped(ctx.date) else []
    nights = _not_taken(ctx, kept, incidents(found) if is_last else None)
    nights[ctx.date] = _with_ends(ctx, found, kept, stops) if is_last else found
    told, complaints = send([_message(ctx.conf, date, alerts) for date, alerts in nights.items()], ctx.conf.alerts.channels)
    if any(nights.values()) or any(k.date == ctx.date for k in kept):
        dates = ", ".join(f"DATE'{date}'" for date in nights)
        ctx.lake.publish(TABLE, _rows(ctx, told), f"score_date IN ({dates})", ctx.gate)
    tonight = (vars(a) for a in told[-1].alerts if a.state != OVER)
    raised = [Raised(**{k: v for k, v in a.items() if k in Raised.model_fields}) for a in tonight]
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
    except Exception as e:
        note("the rules of alerts cannot be read: the shipped ones hold", cause=_why(e))
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
    system = failure.strerror if isinstance(failure, OSError) else None
    return without_secrets(system) if system else f"{type(failure).__name__}: {said(failure)}"


def _decided(ctx: JobContext, night: Night, rules: Alerts, kept: list[Kept], known: Nights) -> list[Alert]:
    past = [Past(k.date, k.alert.rule, k.alert.subject) for k in kept if k.alert.state not in ("suppressed", OVER)]
    quiet = [k.silence for k in silences(ctx.conf)]
    published = [d for d in known.published if d < ctx.date]
    return decide(rules.each(), signals(night, rules.limits), past, quiet, ctx.date, published)


def _told(ctx: JobContext, kept: list[Kept], known: Nights) -> list[Alert]:
    """What an earlier run of the night told; nothing where its scores were withdrawn since: these are others."""
    withdrawn, told = (known.finished_at.get((ctx.date, job)) for job in (WITHDRAWAL, PAGE))
    if withdrawn is not None and (told is None or told < withdrawn):
        return []
    return [k.alert for k in kept if k.date == ctx.date]


def _with_ends(ctx: JobContext, found: list[Alert], kept: list[Kept], stops: list[Alert]) -> list[Alert]:
    since = ctx.date - dt.timedelta(days=RESENT_DAYS)
    lately = [k for k in kept if k.date >= since or k.date == ctx.previous]
    return ending(found, [*over(found, lately, ctx.date, ctx.previous), *stops], ctx.conf.alerts.channels)


def _not_taken(ctx: JobContext, kept: list[Kept], burning: set[str] | None) -> dict[dt.date, list[Alert]]:
    """All alerts of the nights just before, of which a channel that there is has not taken one; the oldest first."""
    nights: dict[dt.date, list[Alert]] = {}
    for k in sorted(kept, key=lambda k: k.date):
        if ctx.date - dt.timedelta(days=RESENT_DAYS) <= k.date < ctx.date:
            nights.setdefault(k.date, []).append(owed_still(k.alert, ctx.conf.alerts.channels, burning))
    return {date: alerts for date, alerts in nights.items() if any(a.owed for a in alerts)}


def _kept(ctx: JobContext) -> list[Kept]:
    """Alerts of this night, where it ran before, and of those before it; none of later ones."""
    since = ctx.date - dt.timedelta(days=LONGEST_DAYS)
    lately = F.col("score_date").between(F.lit(since), F.lit(ctx.date))
    return [Kept(r["score_date"], _alert(r)) for r in ctx.lake.read(TABLE).where(lately).collect()]


def _alert(row: Row) -> Alert:
    given = {f.name: row[f.name] for f in fields(Alert)}
    return Alert(**given | {"why": row["why"] or "", "owed": tuple(row["owed"] or ())})


def _stops(rules: Alerts) -> list[Alert]:
    """What was told of a night that stopped: nothing of it is kept."""
    text = "a night stopped, and one is published since"
    stops = (r for r in rules.each() if r.measure == STOPPED and r.severity == "critical")
    return [Alert(r.name, ALL, r.severity, r.owner, r.runbook, OVER, text, 1, None, None) for r in stops]


def _rows(ctx: JobContext, told: list[Message]) -> DataFrame:
    """For the table; what PagerDuty has resolved is nobody's any more."""
    kept = ((m.date, a) for m in told for a in m.alerts if a.owed or a.state != OVER)
    rows = [tuple({"score_date": date, **vars(a)}[c.name] for c in ALERTS.columns) for date, a in kept]
    return ctx.spark.createDataFrame(rows, ALERTS.schema).coalesce(1)


def _message(conf: Conf, date: dt.date, alerts: list[Alert]) -> Message:
    base = conf.alerts.page_address
    page = f"{base.rstrip('/')}/nights/{date}/index.html" if base else f"page: nights/{date}/index.html below the reports"
    return Message(date, page, tuple(alerts))
