"""What runs cost: billed hours by the configuration's prices, per run, per night and per month."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from emr.runs import Billed, Run
from emr.starts import named
from lake.conf_emr import Emr, Prices
from lake.errors import ConfigError

_JOB_LINE = re.compile(r"^\d{4}-\d\d-\d\d (\w+): .* \((\d+(?:\.\d+)?) s\)$", re.MULTILINE)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Cost:
    """Hours and dollars of a run; or of several."""

    billed: Billed
    dollars: float

    def __add__(self, other: "Cost") -> "Cost":
        a, b = self.billed, other.billed
        both = Billed(a.vcpu_h + b.vcpu_h, a.gb_h + b.gb_h, a.storage_gb_h + b.storage_gb_h)
        return Cost(both, self.dollars + other.dollars)

    def describe(self) -> str:
        """One line."""
        b = self.billed
        return f"{b.vcpu_h:.2f} vCPU h, {b.gb_h:.2f} GB h, {b.storage_gb_h:.2f} GB h of disk: {self.dollars:.2f} $"


NOTHING = Cost(Billed(0.0, 0.0, 0.0), 0.0)


def cost(billed: Billed, prices: Prices) -> Cost:
    """Dollars of billed hours."""
    of = (billed.vcpu_h * prices.vcpu_hour, billed.gb_h * prices.gb_hour, billed.storage_gb_h * prices.storage_gb_hour)
    return Cost(billed, sum(of))


def of_run(run: Run, prices: Prices, stdout: str | None) -> list[str]:
    """The cost of one run, shared over its jobs where its log says how long each took."""
    if run.billed is None:
        took = "" if run.seconds is None else f" It took {run.seconds / 60:.1f} minutes."
        return [f"{run.describe()}: nothing is billed for it by itself (yet).{took}"]
    whole = cost(run.billed, prices)
    return [run.describe(), whole.describe(), *_shares(whole, seconds_of_jobs(stdout or ""), run.seconds)]


def seconds_of_jobs(stdout: str) -> dict[str, float]:
    """Job -> seconds, as a night prints them."""
    found: dict[str, float] = defaultdict(float)
    for name, seconds in _JOB_LINE.findall(stdout):
        found[name] += float(seconds)
    return dict(found)


def _shares(whole: Cost, seconds: dict[str, float], of_run_s: int | None) -> list[str]:
    """Jobs that ran side by side took their seconds together: their sum may be more than the run's."""
    if not seconds:
        return []
    # start-up and what is between jobs
    all_s = max(sum(seconds.values()), float(of_run_s or 0))
    rest = {"between jobs": all_s - sum(seconds.values())} if all_s > sum(seconds.values()) else {}
    return ["by job, shared by seconds:", *(_share(whole, name, s, s / all_s) for name, s in (seconds | rest).items())]


def _share(whole: Cost, name: str, seconds: float, part: float) -> str:
    b = whole.billed
    return (
        f"  {name:<14}{seconds:>9.1f} s{b.vcpu_h * part:>10.3f} vCPU h{b.gb_h * part:>10.3f} GB h{whole.dollars * part:>9.4f} $"
    )


def month(text: str) -> tuple[dt.datetime, dt.datetime]:
    """[first, next first) of a month YYYY-MM, UTC. Raises ConfigError where it is none."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ConfigError(f"'{text}' is no month: give YYYY-MM")
    year, number = int(found[1]), int(found[2])
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return dt.datetime(year, number, 1, tzinfo=dt.UTC), dt.datetime(*after, 1, tzinfo=dt.UTC)


def of_month(text: str, runs: Iterable[Run], emr: Emr) -> list[str]:
    """A line a run, a sum for each start, and the whole against the budget. `runs` are as `get` gives them."""
    lines, sums, unbilled = [], defaultdict[str, Cost](lambda: NOTHING), 0
    for run in sorted(runs, key=lambda x: x.created_at):
        if run.billed is None:
            unbilled += 1
            continue
        one = cost(run.billed, emr.prices)
        what = named(run.name)
        sums[what.kind if what else "others"] += one
        lines.append(f"  {run.created_at:%Y-%m-%d} {run.name or run.id}: {one.describe()}, {run.phase}")
    total = sum(sums.values(), NOTHING)
    share = total.dollars / emr.monthly_budget_dollars
    over = "OVER THE BUDGET" if share > 1 else f"{share:.0%} of it"
    return [
        f"runs of {text} (UTC), by billed resources at the configuration's prices:", *lines,
        *(f"{kind:<9} {x.describe()}" for kind, x in sorted(sums.items())),
        f"in all    {total.describe()}; budget {emr.monthly_budget_dollars:.0f} $: {over}",
        *([f"{unbilled} run(s) have no bill yet; of a cluster's steps none has one, the cluster has"] if unbilled else []),
    ]  # fmt: skip
