"""How large an application a night needs: from measured CPU time to executors, minutes and dollars, every step printed."""

import math
from dataclasses import dataclass

from emr.throughput import value
from lake.conf_emr import Prices
from lake.errors import ConfigError

CORES, MEMORY_GB = 4, 16
"""An executor, and the driver: spark.executor.memory 14g and Spark's overhead of a tenth, rounded up to what EMR bills."""
START_UP_MINUTES = 3.0
"""From the submission to Spark's first task: assumed, workers start and fetch the archive."""
USE = 0.5
"""Assumed share of the billed core time that does work; the rest waits: for S3, for the last task of a stage, for the driver."""
HEADROOM = 1.5
"""Assumed: a night that is half as large again (late files, a retried task) must still be in time."""
MAX_EXECUTORS = 1000


@dataclass(frozen=True)
class Step:
    """One kind of work of a night: `cpu_s` CPU seconds that spread over the executors, and how they come about."""

    name: str
    cpu_s: float
    why: str


@dataclass(frozen=True)
class Size:
    """What a night needs."""

    steps: tuple[Step, ...]
    fixed_minutes: float
    executors: int
    minutes: float
    dollars: float
    available_minutes: float
    core_dollars_per_hour: float

    @property
    def cpu_hours(self) -> float:
        """CPU hours that spread over the executors."""
        return sum(x.cpu_s for x in self.steps) / 3600

    @property
    def vcpus(self) -> int:
        """Of the executors and the driver."""
        return (self.executors + 1) * CORES


def night_steps(raw_gb: float, policies: int) -> tuple[Step, ...]:
    """The work of one night: `raw_gb` GB of uncompressed JSON lines that arrived, `policies` scored with exact reasons.

    Raises ConfigError for amounts that are not above 0.
    """
    if raw_gb <= 0 or policies <= 0:
        raise ConfigError("a size needs more than 0 GB of raw data a day and more than 0 policies")
    points = raw_gb * 1e9 / value("raw_bytes_per_point")
    mb = raw_gb * 1e3
    per_point = ("trips_cpu_us_per_point", "compaction_cpu_us_per_point")
    per_policy = ("windows_cpu_us_per_policy", "reasons_cpu_us_per_policy")
    return (
        Step("ingest", mb / value("ingest_mb_per_cpu_s"), f"{mb:,.0f} MB / {value('ingest_mb_per_cpu_s'):g} MB per CPU s"),
        *(Step(x.split("_")[0], points * value(x) / 1e6, f"{points:,.0f} points x {value(x):g} us") for x in per_point),
        *(Step(x.split("_")[0], policies * value(x) / 1e6, f"{policies:,} policies x {value(x):g} us") for x in per_policy),
    )


def size(raw_gb: float, policies: int, available_minutes: float, prices: Prices) -> Size:
    """The smallest application that has a night done within `available_minutes` of its submission, with headroom.

    Raises ConfigError where no application of MAX_EXECUTORS does.
    """
    steps = night_steps(raw_gb, policies)
    fixed = START_UP_MINUTES + value("night_fixed_minutes")
    spread = sum(x.cpu_s for x in steps) / 60 / USE
    left = available_minutes / HEADROOM - fixed
    executors = max(1, math.ceil(spread / CORES / left)) if left > 0 else MAX_EXECUTORS + 1
    if executors > MAX_EXECUTORS:
        raise ConfigError(
            f"no application is fast enough: {available_minutes:.0f} minutes less headroom ({HEADROOM:g}) and {fixed:.0f} "
            f"minutes that no executor shortens leave {left:.0f} for {spread / 60:.0f} core hours: start earlier or score later"
        )
    minutes = fixed + spread / CORES / executors
    # executors are there for all of it: an upper bound, as dynamic allocation gives them back
    dollars = (executors + 1) * CORES * core_hour(prices) * minutes / 60
    return Size(steps, fixed, executors, minutes, dollars, available_minutes, core_hour(prices))


def core_hour(prices: Prices) -> float:
    """Dollars of a vCPU for an hour, with the memory that goes with it."""
    return prices.core_hour(MEMORY_GB / CORES)


def work_lines(steps: tuple[Step, ...]) -> list[str]:
    """The CPU time of each step, and of all."""
    lines = [f"  {x.name:<12}{x.cpu_s / 3600:>10.2f} CPU h   {x.why}" for x in steps]
    return [*lines, f"  {'in all':<12}{sum(x.cpu_s for x in steps) / 3600:>10.2f} CPU h"]


def describe(found: Size) -> str:
    """The calculation, and what to put into the configuration."""
    spread = found.minutes - found.fixed_minutes
    return "\n".join([
        "work that spreads over executors, CPU time as measured:",
        *work_lines(found.steps),
        f"  / {USE:g} of billed core time at work (assumed) = {found.cpu_hours / USE:.2f} core hours",
        f"minutes that no executor shortens: {START_UP_MINUTES:g} to start (assumed) + "
        f"{found.fixed_minutes - START_UP_MINUTES:g} of the driver's own = {found.fixed_minutes:g}",
        f"{found.available_minutes:.0f} minutes until scores are due / {HEADROOM:g} headroom: "
        f"{found.executors} executors of {CORES} cores and {MEMORY_GB} GB, with the driver {found.vcpus} vCPU and "
        f"{found.vcpus // CORES * MEMORY_GB} GB",
        f"expected: {found.fixed_minutes:g} + {found.cpu_hours / USE * 60:.0f} / ({found.executors} x {CORES}) = "
        f"{found.fixed_minutes + spread:.0f} minutes",
        f"dollars a night: {found.vcpus} vCPU x {found.core_dollars_per_hour:.4f} $/h (with {MEMORY_GB // CORES} GB each) x "
        f"{found.minutes:.0f} min / 60 = {found.dollars:.2f}",
        f"conf: spark.executor.cores {CORES}, spark.executor.memory 14g, spark.dynamicAllocation.maxExecutors {found.executors}",
    ])  # fmt: skip
