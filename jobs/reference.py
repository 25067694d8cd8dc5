"""The night's job `reference`: load policies, devices, consents and claims that have landed."""

from jobs.context import JobContext, JobResult
from jobs.loading_landing import load_landed


def run(ctx: JobContext) -> JobResult:
    """Load every source of reference rows in the configuration's landing folder."""
    return load_landed(ctx, lambda target: target.startswith("reference."))
