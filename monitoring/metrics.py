"""The night as Prometheus metrics, for a textfile collector or a push gateway. Labels are names of ours, never of customers."""

import datetime as dt

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile

from monitoring.night import Night
from monitoring.stopped import Stopped
from monitoring.verdict import verdict

LIGHTS = {"green": 0, "amber": 1, "red": 2}
JOB = "telematics_nightly"
PUSH_TIMEOUT_S = 10


def metrics(night: Night | Stopped, at: dt.datetime) -> CollectorRegistry:
    """Gauges of a night; a stopped or withdrawn one has the light and the date only, so that absence of scores can be alerted
    on."""
    registry, gauges = CollectorRegistry(), dict[str, Gauge]()

    def gauge(name: str, meaning: str, value: float | None, **labels: str) -> None:
        if value is not None:
            if name not in gauges:
                gauges[name] = Gauge(f"telematics_{name}", meaning, list(labels), registry=registry)
            (gauges[name].labels(**labels) if labels else gauges[name]).set(value)

    midnight = dt.datetime.combine(night.date, dt.time(), dt.UTC).timestamp()
    gauge("night_date_timestamp_seconds", "date of the last night, UTC midnight", midnight)
    gauge("night_ended_timestamp_seconds", "when the last night ended", at.timestamp())
    gauge("night_light", "0 green, 1 amber, 2 red", LIGHTS[verdict(night).light])
    if isinstance(night, Stopped) or night.withdrawn:
        return registry
    gauge("covers_in_force", "covers in force at the cutoff", night.in_force)
    gauge("covers_scored", "covers with a score", night.scored)
    gauge("covers_without_score", "covers in force without a score", night.missing)
    gauge("columns_drifted", "watched columns beyond their threshold", len(night.drifted))
    gauge("minutes_late", "minutes from the deadline to the scores", night.minutes_late)
    gauge("dollars", "cost of the night's vCPU until its page, at the configured price", night.dollars)
    for why, n in night.fallbacks.items():
        gauge("scores_by_fallback", "scores by the declared fallback", n, reason=why)
    for b in night.books:
        gauge("mean_pure_premium", "currency units a car-year", b.mean, coverage=b.coverage, currency=b.currency)
    for s in night.sources:
        gauge("records_read", "records read", s.read, source=s.source)
        gauge("records_quarantined", "records in quarantine", s.quarantined, source=s.source)
    for job, seconds in night.seconds.items():
        gauge("job_seconds", "wall time", seconds, job=job)
    for severity in ("info", "warning", "critical"):
        firing = sum(a.severity == severity for a in night.firing)
        gauge("alerts_firing", "alerts that somebody is told of", firing, severity=severity)
    return registry


def to_textfile(registry: CollectorRegistry, path: str) -> None:
    """Write it in one step, so that a collector never reads half of it."""
    write_to_textfile(path, registry)


def to_gateway(registry: CollectorRegistry, address: str) -> None:
    """Replace what the gateway had of the night before."""
    push_to_gateway(address, job=JOB, registry=registry, timeout=PUSH_TIMEOUT_S)
