"""The monthly bill of compute at the planned scale, from measured throughputs, line by line."""

from dataclasses import dataclass

from emr.size import CORES, MEMORY_GB, START_UP_MINUTES, USE, Size, core_hour, size, work_lines
from emr.throughput import sources, value
from lake.conf import Conf
from lake.conf_emr import Emr, Prices

RAW_GB_A_MONTH, POLICIES, DAYS, WEEKS = 1000.0, 10_000_000, 30.4, 52 / 12
TRAINING_ROWS = 10_000_000
"""training.most_rows: of three snapshots (as_of_dates) of ten million policies as many are drawn."""
DRIVER_CORES, DRIVER_GB, DRIVER_JVM_GB = 16, 120, 16
"""Of a training, which holds its rows: emr.of_starts.train of production, EMR Serverless's largest worker."""
AVAILABLE_MINUTES = 300.0
"""From 01:00 UTC to 06:00, when the alarm of a late night rings (emr/terraform/variables.tf)."""
AIM_DOLLARS = 200.0
NOT_MEASURED = (
    "S3's latency and throttling: the throughputs were measured on local disk",
    "Graviton's cores against those of the machine that was measured: taken as equal, CPU second for CPU second",
    f"a candidate on {DRIVER_CORES} cores: measured on two, and taken as growing straight with rows",
    f"the share of billed core time at work ({USE:g}) and the start-up ({START_UP_MINUTES:g} min): assumed, no run on EMR yet",
    "jobs' growth beyond the sizes that were measured: straight lines from them",
    "at ten million policies: features from sums, expectations, drift, performance, a training's frame; "
    "the driver's own minutes are those of a small night, which has them all",
)


@dataclass(frozen=True)
class Line:
    """One line of the bill: dollars a month and how they come about."""

    name: str
    dollars: float
    why: str


def core_dollars(cpu_s: float, prices: Prices) -> float:
    """Dollars of CPU seconds that spread over executors."""
    return cpu_s / 3600 / USE * core_hour(prices)


def weekly_dollars(cpu_s: float, prices: Prices) -> float:
    """Dollars of a start a week: its work, and a driver and an executor while it comes up and ends."""
    hours = (START_UP_MINUTES + value("night_fixed_minutes")) / 60
    return core_dollars(cpu_s, prices) + 2 * CORES * core_hour(prices) * hours


def night_lines(night: Size, prices: Prices) -> list[Line]:
    """Each step of the night by the month, and what driver and executors cost while none of them runs."""
    steps = [
        Line(x.name, DAYS * core_dollars(x.cpu_s, prices), f"{DAYS:g} nights x {x.cpu_s / 3600:.2f} CPU h") for x in night.steps
    ]
    rest = DAYS * night.dollars - sum(x.dollars for x in steps)
    why = f"{DAYS:g} nights x {night.dollars:.2f} $ less the lines above: start-up, the driver, executors that wait for it"
    return [*steps, Line("waiting", rest, why)]


def training_cpu_s() -> float:
    """CPU seconds of a candidate with all its evidence, in the driver."""
    return TRAINING_ROWS * value("candidate_cpu_us_per_row") / 1e6


def training_minutes() -> float:
    """Of a training, from submission to candidate."""
    return START_UP_MINUTES + value("night_fixed_minutes") + training_cpu_s() / 60 / DRIVER_CORES / USE


def training_gb() -> float:
    """Memory that a training's Python needs."""
    return TRAINING_ROWS * value("candidate_bytes_per_row") / 1e9


def training_line(prices: Prices) -> Line:
    """One training a week: a large driver for all of it, and an executor while the frame is built."""
    driver = DRIVER_CORES * prices.core_hour(DRIVER_GB / DRIVER_CORES) * training_minutes() / 60
    work = f"{TRAINING_ROWS:,} rows x {value('candidate_cpu_us_per_row'):g} us = {training_cpu_s() / 3600:.1f} CPU h"
    why = f"{WEEKS:.2f} weeks x ({work} on a driver of {DRIVER_CORES} cores and {DRIVER_GB} GB, {training_minutes():.0f} min)"
    return Line("training", WEEKS * (driver + weekly_dollars(0.0, prices)), why)


def training_fits() -> str:
    """Whether the rows fit into the driver, with the figures."""
    has, needs = DRIVER_GB - DRIVER_JVM_GB, training_gb()
    fits = "enough" if needs <= has else "TOO LITTLE"
    return (
        f"  a training: {TRAINING_ROWS:,} rows x {value('candidate_bytes_per_row'):,g} bytes = {needs:.0f} GB of the driver's "
        f"{has} beside its JVM: {fits}"
    )


def maintenance_line(prices: Prices) -> Line:
    """One run of `maintain` a week over what the week wrote: compaction and vacuum."""
    points = RAW_GB_A_MONTH / DAYS * 7 * 1e9 / value("raw_bytes_per_point")
    cpu_s = points * value("compaction_cpu_us_per_point") / 1e6
    work = f"{points:,.0f} points x {value('compaction_cpu_us_per_point'):g} us"
    why = f"{WEEKS:.2f} weeks x ({work} = {cpu_s / 3600:.2f} CPU h, and a start)"
    return Line("maintenance", WEEKS * weekly_dollars(cpu_s, prices), why)


def bill(prices: Prices) -> tuple[Size, list[Line]]:
    """The size of a planned night, and every line of the month."""
    night = size(RAW_GB_A_MONTH / DAYS, POLICIES, AVAILABLE_MINUTES, prices)
    return night, [*night_lines(night, prices), training_line(prices), maintenance_line(prices)]


def report(conf: Conf) -> str:
    """The plan as text, at the configuration's prices; how many executors a night may have is compared with it."""
    prices = conf.emr.prices if conf.emr else Prices()
    budget = conf.emr.monthly_budget_dollars if conf.emr else Emr.model_fields["monthly_budget_dollars"].default
    night, lines = bill(prices)
    return "\n".join([
        f"planned: {RAW_GB_A_MONTH:,.0f} GB of raw JSON lines a month, {POLICIES:,} policies a night with exact reasons,",
        "one training and one maintenance a week",
        f"a vCPU with {MEMORY_GB // CORES} GB, EMR Serverless: {core_hour(prices):.4f} $/h",
        "", "a night:", *work_lines(night.steps),
        f"  {night.executors} executors of {CORES} cores, {night.minutes:.0f} minutes, {night.dollars:.2f} $",
        *_asked(conf, night), training_fits(),
        "", "a month, $:", *(f"  {x.name:<12}{x.dollars:>9.2f}   {x.why}" for x in lines), _total(lines, budget),
        "", "measured:", *sources(),
        "", "not measured:", *(f"  {x}" for x in NOT_MEASURED),
    ])  # fmt: skip


def _total(lines: list[Line], budget: float) -> str:
    total = sum(x.dollars for x in lines)
    aim = "reached" if total <= AIM_DOLLARS else "missed"
    of_budget = f"{total / budget:.0%}"
    return f"  {'in all':<12}{total:>9.2f}   aim {AIM_DOLLARS:.0f}: {aim}; budget {budget:.0f}: {of_budget} of it"


def _asked(conf: Conf, night: Size) -> list[str]:
    allowed = conf.emr.spark_submit.get("spark.dynamicAllocation.maxExecutors") if conf.emr else None
    if allowed is None:
        return []
    enough = "enough" if int(allowed) >= night.executors else "TOO FEW"
    return [f"  the configuration allows {allowed} executors: {enough}"]
