"""The night as data: its jobs in order. The command line, gold.nights, emr and the docs read this list."""

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

    def run(self, context: JobContext) -> JobResult:
        """Run the job. Raises TelematicsError with a one-line cause."""
        result: JobResult = import_module(self.module).run(context)
        return result


CATALOG = (
    Job("reference", "jobs.reference", "load policies, devices, consents and claims that have landed",
        ("reference.policies", "reference.devices", "reference.claims", "reference.consents")),
    Job("ingest", "jobs.ingest", "load raw points that have landed",
        ("bronze.points", "bronze.quarantine", "bronze.ledger")),
    Job("trips", "jobs.trips", "points to trips and events, restating what late data changed",
        ("silver.trips", "silver.events")),
    Job("days", "jobs.days", "trips to policy days, restating what changed", ("gold.policy_days",)),
    Job("features", "jobs.features", "windows over policy days", ("gold.policy_features",)),
    Job("score", "jobs.score", "score every policy in force with the champion, with reasons", ("gold.policy_scores",)),
    Job("drift", "jobs.drift", "compare features and predictions with the champion's frame", ("gold.drift",)),
    Job("performance", "jobs.performance", "actual against expected claims, with maturity", ("gold.performance",)),
    Job("page", "jobs.page", "the page of the night", ()),
    Job("maintain", "jobs.maintain", "compact what the night wrote in small files", ()),
)  # fmt: skip

NAMES = tuple(job.name for job in CATALOG)


def job(name: str) -> Job:
    """A job by name."""
    return next(j for j in CATALOG if j.name == name)
