"""Commands of the registry: what a reviewer sees and decides."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.state import day, state
from lake.errors import InputError

if TYPE_CHECKING:
    from registry.gates import Gate

registry_app = typer.Typer(help="Registered model versions: see, compare, approve, refuse, promote.", no_args_is_help=True)
canary_app = typer.Typer(help="A version that scores for a share of policies.", no_args_is_help=True)
registry_app.add_typer(canary_app, name="canary")
challenger_app = typer.Typer(help="Versions that score in shadow, for comparison only.", no_args_is_help=True)
registry_app.add_typer(challenger_app, name="challenger")

Model = Annotated[str | None, typer.Argument(help="registered model; without it, the only one there is")]
Version = Annotated[str | None, typer.Argument(help="version; without it, the newest")]
As = Annotated[str | None, typer.Option("--as", help="your name, where neither MLflow nor AWS knows you: marked unverified")]
Reason = Annotated[str, typer.Option(help="why, for the history")]
Alias = Annotated[str, typer.Option(help="begins with `challenger`; one version each")]


@registry_app.command("list")
def list_versions(context: typer.Context) -> None:
    """Registered versions with their aliases and metrics."""
    from registry.versions import describe_versions

    print(describe_versions(state(context).conf))


@registry_app.command("show")
def show(context: typer.Context, model: Model = None, version: Version = None) -> None:
    """A version with its gates as they stand now, and where its evidence is."""
    from registry.deciding import gates, waivers_of
    from registry.versions import choose

    conf = state(context).conf
    chosen = choose(conf, model, version)
    print(chosen.describe())
    _print_gates(gates(conf, chosen, waivers_of(conf, chosen)))
    print(f"evidence: MLflow, run {chosen.run_id}, evidence/report.html; `telematics registry export` writes it to a file")


@registry_app.command("compare")
def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="version")],
    after: Annotated[str, typer.Argument(help="version")],
    model: Annotated[str | None, typer.Option(help="registered model; without it, the only one there is")] = None,
    out: Annotated[Path | None, typer.Option(help="HTML file; without it, below the reports")] = None,
) -> None:
    """One page of what changes from one version to another: relativities, double lift, who moves and by how much."""
    from registry.comparing import compare as run
    from registry.versions import choose
    from training.report import diff_page

    conf = state(context).conf
    pair = [choose(conf, model, v) for v in (before, after)]
    found = run(conf, pair[0], pair[1], conf.training.seed)
    path = out or conf.reports_path / "models" / f"{pair[1].model}-{before}-{after}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(diff_page(f"{pair[1].model}: version {before} to {after}", found))
    gain = found["deviance_gain"]
    print(
        f"{found['rows']:,} unseen rows: deviance gain {gain['value']:.5f} [{gain['lower']:.5f}, {gain['upper']:.5f}] a car-year"
    )
    print(", ".join(f"{found[f'moved_over_{n}_percent']:.1%} move by over {n} %" for n in (5, 10, 25)))
    print(f"features in: {', '.join(found['features_in']) or 'none'}; out: {', '.join(found['features_out']) or 'none'}")
    print(path)


@registry_app.command("approve")
def approve(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    reason: Reason,
    model: Model = None,
    version: Version = None,
    condition: Annotated[list[str] | None, typer.Option(help="what the approval hangs on; may be given again")] = None,
    expires: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day; conf/gates.yaml if not")] = None,
    waive: Annotated[list[str] | None, typer.Option(help="gate to lift; may be given again; needs --until and --why")] = None,
    until: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day of the waivers")] = None,
    why: Annotated[str, typer.Option(help="why the gates are lifted")] = "",
    by: As = None,
) -> None:
    """Approve a version whose gates are open; the author of a version cannot."""
    from registry.actors import actor
    from registry.deciding import Decision
    from registry.deciding import approve as run
    from registry.gates import Waiver
    from registry.versions import choose

    conf = state(context).conf
    chosen, who = choose(conf, model, version), actor(conf, by)
    if waive and (until is None or not why):
        raise InputError("--waive needs --until and --why")
    waivers = tuple(Waiver(gate=g, until=day(until), why=why, by=who.name) for g in waive or []) if until else ()
    decision = Decision(reason, tuple(condition or ()), day(expires) if expires else None, waivers)
    entry, found = run(conf, chosen, who, decision)
    _print_gates(found)
    print(entry.describe().strip())
    print(f"it may score until {entry.detail['expires']}: `telematics registry promote {chosen.model} {chosen.version}`")


@registry_app.command("reject")
def reject(context: typer.Context, reason: Reason, model: Model = None, version: Version = None, by: As = None) -> None:
    """Refuse a version: it cannot be promoted until somebody approves it."""
    from registry.actors import actor
    from registry.deciding import reject as run
    from registry.versions import choose

    conf = state(context).conf
    print(run(conf, choose(conf, model, version), actor(conf, by), reason).describe().strip())


@registry_app.command("promote")
def promote(context: typer.Context, model: Model = None, version: Version = None, reason: Reason = "", by: As = None) -> None:
    """Make an approved version champion: from the next night on it scores. The one before stays at hand for rollback."""
    from registry.actors import actor
    from registry.deciding import promote as run
    from registry.versions import choose

    conf = state(context).conf
    chosen = run(conf, choose(conf, model, version), actor(conf, by), reason)
    print(choose(conf, chosen.model, chosen.version).describe())


@registry_app.command("rollback")
def rollback(context: typer.Context, reason: Reason, model: Model = None, by: As = None) -> None:
    """Make the previous champion champion again."""
    from registry.actors import actor
    from registry.deciding import rollback as run
    from registry.versions import choose

    conf = state(context).conf
    name = choose(conf, model).model
    chosen = run(conf, name, actor(conf, by), reason)
    print(choose(conf, name, chosen.version).describe())


@registry_app.command("withdraw")
def withdraw(context: typer.Context, reason: Reason, model: Model = None, by: As = None) -> None:
    """Take the champion out of force with nobody in its place: nights refuse until another is promoted."""
    from registry.actors import actor
    from registry.deciding import withdraw as run
    from registry.versions import choose

    conf = state(context).conf
    print(run(conf, choose(conf, model).model, actor(conf, by), reason).describe().strip())


@canary_app.command("set")
def canary_set(
    context: typer.Context,
    share: Annotated[float, typer.Option(help="share of policies, above 0 and at most 0.5")],
    model: Model = None, version: Version = None, reason: Reason = "", by: As = None,
) -> None:  # fmt: skip
    """Let an approved version score for a share of policies, or change the share; those who had it keep it as it grows."""
    from registry.actors import actor
    from registry.canary import set_canary
    from registry.versions import choose

    conf = state(context).conf
    print(set_canary(conf, choose(conf, model, version), share, actor(conf, by), reason).describe().strip())


@canary_app.command("judge")
def canary_judge(
    context: typer.Context,
    model: Model = None,
    apply: Annotated[bool, typer.Option("--apply", help="do what the rule says: double the share, or withdraw")] = False,
    by: As = None,
) -> None:
    """Widen, hold or withdraw, by claims of the policies that the canary scores against what it and the champion expected."""
    from jobs.canary_judging import experience, judge, widened
    from registry.actors import actor
    from registry.canary import LARGEST_SHARE, set_canary, share_in_force, withdraw
    from registry.champion import load
    from registry.store import CHAMPION
    from registry.versions import choose, holder

    here = state(context)
    conf = here.conf
    name = choose(conf, model).model
    version, share = share_in_force(conf, name)
    canary, champion = (load(conf, name, v) for v in (version, holder(conf, name, CHAMPION) or ""))
    found = judge(*experience(here.existing_lake, canary, champion), conf.training.seed)
    print(f"{name} version {version}, share {share.share:g}: {found.describe()}")
    if not apply or found.verdict == "hold":
        return
    chosen, who = choose(conf, name, version), actor(conf, by)
    if found.verdict == "withdraw":
        print(withdraw(conf, chosen, who, found.describe()).describe().strip())
    elif share.share < LARGEST_SHARE:
        print(set_canary(conf, chosen, widened(share.share, LARGEST_SHARE), who, found.describe()).describe().strip())
    else:
        print(f"the share is the largest: `telematics registry promote {name} {version}`")


@canary_app.command("withdraw")
def canary_withdraw(context: typer.Context, reason: Reason, model: Model = None, version: Version = None, by: As = None) -> None:
    """End a canary: the champion scores for all."""
    from registry.actors import actor
    from registry.canary import withdraw
    from registry.versions import choose

    conf = state(context).conf
    print(withdraw(conf, choose(conf, model, version), actor(conf, by), reason).describe().strip())


@challenger_app.command("set")
def challenger_set(context: typer.Context, model: Model = None, version: Version = None, alias: Alias = "challenger") -> None:
    """Let a version score every policy in shadow from the next night on. No price hangs on it, so it needs no approval."""
    from registry.challengers import set_challenger
    from registry.versions import choose

    conf = state(context).conf
    chosen = choose(conf, model, version)
    set_challenger(conf, chosen, alias)
    print(f"{chosen.model} version {chosen.version} is {alias}")


@challenger_app.command("end")
def challenger_end(context: typer.Context, model: Model = None, alias: Alias = "challenger") -> None:
    """Take the alias away: the version scores no more from the next night on."""
    from registry.challengers import end_challenger
    from registry.versions import choose

    conf = state(context).conf
    name = choose(conf, model).model
    end_challenger(conf, name, alias)
    print(f"{name} has no {alias} any more")


@registry_app.command("history")
def history(
    context: typer.Context,
    model: Model = None,
    verify: Annotated[bool, typer.Option("--verify", help="exit 10 where the chain or its anchor does not hold")] = False,
) -> None:
    """Who did what to which version, why and when."""
    from registry.history import read
    from registry.versions import choose

    conf = state(context).conf
    found = read(conf, choose(conf, model).model)
    for entry in found.entries:
        print(entry.describe())
    for entry in found.beyond:
        print(f"{entry.describe()}  NOT ANCHORED: counts for nothing")
    print(f"broken: {found.broken}" if found.broken else f"{len(found.entries)} entries, unbroken, as anchored")
    if verify:
        found.complete()


def _print_gates(found: Sequence["Gate"]) -> None:
    for gate in found:
        print(f"{gate.name:<16} {gate.status:<7} {gate.figure}")
