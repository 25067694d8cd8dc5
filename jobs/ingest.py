"""The night's job `ingest`: load raw points that have landed."""

from jobs.context import JobContext, JobResult
from jobs.loading_landing import load_landed
from lake.tables import POINTS


def run(ctx: JobContext) -> JobResult:
    """Load every source of points in the configuration's landing folder. A refused file is in the message and stops nothing."""
    return load_landed(ctx, lambda target: target == POINTS.name)
