"""The night as data: its jobs in order. The command line, gold.nights, emr and the docs read this list."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from jobs.context import JobContext, JobResult


@dataclass(frozen=True)
class Job:
    """A job of the night; `module` has run(JobContext) -> JobResult and is imported when it runs."""

    name: str
    module: str
    meaning: str
    writes: tuple[str, ...]
    beside: str | None = None
    """The job before it in the list that it may run beside: neither reads what the other writes."""
    reads_nights: bool = False
    """Whether it reads the night's own rows of gold.nights."""
    is_remembered: bool = False
    """Whether its row tells a rerun what to use again, and so must be there before anything follows."""

    def run(self, context: JobContext) -> JobResult:
        """Run the job. Raises TelematicsError with a one-line cause."""
        result: JobResult = import_module(self.module).run(context)
        return result


CATALOG = (
    Job("reference", "jobs.reference", "load policies, devices, consents, claims and fairness groups that have landed",
        ("reference.policies", "reference.devices", "reference.claims", "reference.consents",
         "reference.fairness_groups")),
    Job("ingest", "jobs.ingest", "load raw points that have landed",
        ("bronze.points", "bronze.quarantine", "bronze.ledger")),
    Job("trips", "jobs.trips", "points to trips and events, restating what late data changed",
        ("silver.trips", "silver.events")),
    Job("days", "jobs.days", "trips to policy days, restating what changed", ("gold.policy_days",)),
    Job("features", "jobs.features", "windows over policy days",
        ("gold.window_sums", "gold.policy_features", "gold.credibility")),
    Job("score", "jobs.score", "score every policy in force with the champion, with reasons", ("gold.policy_scores",),
        is_remembered=True),
    Job("drift", "jobs.drift", "compare features and predictions with the champion's frame", ("gold.drift",)),
    Job("performance", "jobs.performance", "claims against prices: A/E, challengers, what the experience asks for",
        ("gold.performance", "gold.shadow", "gold.decisions"), beside="drift"),
    Job("page", "jobs.page", "alerts, and the page of the night", ("gold.alerts",), reads_nights=True),
    Job("maintain", "jobs.maintain", "delete what is too old, compact small files, vacuum", (), beside="page", reads_nights=True),
)  # fmt: skip

NAMES = tuple(job.name for job in CATALOG)


def job(name: str) -> Job:
    """A job by name."""
    return next(j for j in CATALOG if j.name == name)


def waves(names: Iterable[str]) -> list[tuple[Job, ...]]:
    """The named jobs in order, those together that may run beside each other."""
    wanted, found = set(names), list[tuple[Job, ...]]()
    for one in (j for j in CATALOG if j.name in wanted):
        if found and one.beside is not None and one.beside in {j.name for j in found[-1]}:
            found[-1] = (*found[-1], one)
        else:
            found.append((one,))
    return found
