"""The first five minutes: a simulated fleet and book, a trained champion, three nights, and where to look next."""

import datetime as dt
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.commands_night import run_nights
from jobs.nightly import NightlyOptions
from jobs.state import State, terminal
from lake.errors import ConfigError, NoChampion, raise_for
from lake.masking import without_secrets
from lake.s3 import on_s3
from lake.sources import load_source

NIGHTS = 3
AUTHOR, REVIEWER = "demo-author", "demo-reviewer"
REFERENCE = {f"sim_{table}": table for table in ("policies", "devices", "consents", "fairness_groups", "claims")}
BOOK_DAYS = 730


def simulate_with_progress(policies: int, days: int, seed: int, out: Path, book_policies: int, book_days: int) -> Any:
    """Run the simulator with a progress bar. Returns its summary."""
    from simulator import simulate

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as live:
        tasks: dict[str, Any] = {}

        def progress(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = live.add_task(what, total=1.0)
            live.update(tasks[what], completed=share)

        return simulate(policies, days, seed, out, book_policies=book_policies, book_days=book_days, progress=progress)


class _Steps:
    """Says what is being done, and how long it took."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def do(self, what: str, work: Callable[[], Any]) -> Any:
        print(f"\n== {what}", flush=True)
        began = time.monotonic()
        result = work()
        print(f"   ({time.monotonic() - began:.0f} s, {time.monotonic() - self.started:.0f} s in all)", flush=True)
        return result


def run_demo(here: State, policies: int, days: int, book_policies: int, seed: int) -> None:
    """Run every step; what an earlier demo has done already is skipped by the steps themselves."""
    if on_s3(here.conf.landing.root):
        raise ConfigError("the demo writes its simulated files to a local landing root; the configuration has an s3:// one")
    steps, out = _Steps(), Path(here.conf.landing.root)
    summary = steps.do(
        f"Simulating {policies} cars for {days} days, and a book of {book_policies:,} policies",
        lambda: simulate_with_progress(policies, days, seed, out, book_policies, BOOK_DAYS),
    )
    print(summary.describe())
    steps.do("Loading reference tables and the book's history", lambda: _load_reference(here, out))
    train_date = summary.start + dt.timedelta(days=days - NIGHTS - 1)
    steps.do("Training a frequency and a severity model, approving and promoting them", lambda: _train(here, train_date))
    dates = [summary.start + dt.timedelta(days=days - NIGHTS + n) for n in range(NIGHTS)]
    found = [steps.do(f"Night {date}", partial(run_nights, here, date, NightlyOptions())) for date in dates]
    print(where(here, dates[-1]))
    print(ginis(here, out))
    raise_for(complaint for complaints in found for complaint in complaints)


def _load_reference(here: State, out: Path) -> None:
    from jobs.commands_data import load_files

    for source, table in REFERENCE.items():
        load_files(here, source, [str(out / "reference" / f"{table}*.csv")], f"reference.{table}", None, None)
    if list((out / "history").glob("*.parquet")):
        load_files(here, "sim_policy_days", [str(out / "history" / "*.parquet")], "gold.policy_days", None, None)


def _train(here: State, valuation: dt.date) -> None:
    from jobs.train import train
    from registry.actors import actor
    from registry.champion import champion
    from registry.deciding import Decision, approve, promote
    from registry.versions import choose

    try:
        champion(here.conf, "liability")
        print("   there is a champion already: not trained again")
        return
    except NoChampion:
        pass
    reviewer = actor(here.conf, REVIEWER)
    for result in train(here.lake, here.conf, valuation, AUTHOR):
        print(result.describe())
        chosen = choose(here.conf, result.model, result.version)
        entry, _ = approve(here.conf, chosen, reviewer, Decision("first version of the demo"))
        print(entry.describe().strip())
        promote(here.conf, chosen, reviewer, "first champion")
        print(choose(here.conf, result.model, result.version).describe())


def ginis(here: State, out: Path) -> str:
    """How well the champion ranks policies that it has not seen, beside the oracle."""
    from registry.champion import champion
    from simulator import oracle

    found = champion(here.conf, "liability")
    oracle_gini = oracle.gini(oracle.rates(out), found.test_predictions())
    low, high = found.gini_interval
    return (
        f"Gini on policies the model has not seen: {found.gini:.3f} (95 % interval {low:.3f} to {high:.3f}); "
        f"the oracle, who knows the true rates, reaches {oracle_gini:.3f} on the same policies."
    )


def where(here: State, date: dt.date) -> str:
    """What to open next."""
    conf = here.conf
    page = conf.reports_path / "nights" / date.isoformat() / "index.html"
    lines = (
        "",
        f"lake          {conf.lake}     (telematics tables)",
        f"scores        telematics show gold.policy_scores --where \"score_date = DATE'{date}'\" --limit 5 --format json",
        f"page          {page}",
        f"drift report  {page.with_name('drift.html')}",
        f"MLflow        {without_secrets(conf.tracking_uri)}",
        f"sources       {load_source('sim_phone', conf.sources_path).name} and others in {conf.sources_path}",
        "open next     telematics ui     (MLflow and the reports in your browser)",
        "",
    )
    return "\n".join(lines)
