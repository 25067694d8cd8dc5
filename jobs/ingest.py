"""The night's job `ingest`: load raw points that have landed."""

from dataclasses import replace

from jobs.context import JobContext, JobResult
from jobs.loading_landing import load_landed
from lake.delta_log import standings
from lake.tables import POINTS, TABLES

INPUTS = "inputs"
"""In the job's detail: at which log entry each table stood that the later jobs read and none of them writes."""
READ_ONLY = (POINTS.name, *(name for name in TABLES if name.startswith("reference.")))


def run(ctx: JobContext) -> JobResult:
    """Load every source of points in the configuration's landing folder. A refused file is in the message and stops nothing."""
    result = load_landed(ctx, lambda target: target == POINTS.name)
    return replace(result, detail={**result.detail, INPUTS: standings(ctx.lake, READ_ONLY)})
