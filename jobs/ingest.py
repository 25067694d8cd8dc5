"""The night's job `ingest`: load raw points that have landed."""

from dataclasses import replace

from jobs.context import JobContext, JobResult
from jobs.loading_landing import load_landed
from lake.delta_log import standings
from lake.tables import POINTS, TABLES

INPUTS = "inputs"
"""In the job's detail: at which log entry each table stood that a load or a replay writes and no job after this one but
`maintain`."""
LOADED = tuple(name for name in TABLES if name.startswith(("bronze.", "reference.")))


def run(ctx: JobContext) -> JobResult:
    """Load every source of points in the configuration's landing folder. A refused file is in the message and stops nothing."""
    result = load_landed(ctx, lambda target: target == POINTS.name)
    return replace(result, detail={**result.detail, INPUTS: standings(ctx.lake, LOADED)})
