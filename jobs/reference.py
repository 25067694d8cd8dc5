"""The night's job `reference`: load policies, devices, consents, claims and fairness groups that have landed."""

from expectations.gate import QualityGate
from expectations.standing import TABLES, standing_suite
from jobs.context import JobContext, JobResult
from jobs.loading_landing import load_landed
from transforms.standing import measures


def run(ctx: JobContext) -> JobResult:
    """Load every source of reference rows in the configuration's landing folder, and look at the tables as they then stand.

    Raises GateFailed where two versions of a key are known at once: nothing may be priced with them.
    """
    result = load_landed(ctx, lambda target: target.startswith("reference."))
    if isinstance(ctx.gate, QualityGate):
        current = {t.name: ctx.lake.read_current(t.name) for t in TABLES}
        ctx.gate.judge(standing_suite(), measures(current, TABLES).collect()[0].asDict(), "may not be priced with")
    return result
