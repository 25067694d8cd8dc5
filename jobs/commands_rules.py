"""Commands `rules …`: what event rules, trip gaps and firmwares make of a source's points. They write nothing."""

import datetime as dt
from typing import Annotated, cast

import typer

from jobs.looking import Format, write
from jobs.state import DATE_FORMATS, FormatOption, SourceOption, State, check_order, day, state, terminal
from lake.driving import DrivingRules, load_driving
from lake.errors import ConfigError
from lake.event_rules import load_rules

rules_app = typer.Typer(help="What event rules, trip gaps and firmwares make of the points.", no_args_is_help=True)
FromOption = Annotated[dt.datetime | None, typer.Option("--from", formats=DATE_FORMATS, help="first UTC day")]
ToOption = Annotated[dt.datetime | None, typer.Option("--to", formats=DATE_FORMATS, help="last UTC day")]
DEFAULT_GAPS_S = [120, 200, 300, 600]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(rules_app, name="rules")


def _driving(here: State, source: str) -> DrivingRules:
    rules = load_driving([source], here.conf.sources_path, here.conf.rules_path)[source]
    if rules.source.target != "bronze.points":
        raise ConfigError(f"source '{source}' maps to {rules.source.target}: it has no points")
    return rules


def _between(first: dt.datetime | None, last: dt.datetime | None) -> tuple[dt.date | None, dt.date | None]:
    if first and last:
        check_order(first, last)
    return (day(first) if first else None, day(last) if last else None)


@rules_app.command()
def compare(
    context: typer.Context,
    source: SourceOption,
    rules: Annotated[list[str], typer.Option("--rules", help="two files in conf/rules; one: beside the source's own")],
    first: FromOption = None,
    last: ToOption = None,
    form: FormatOption = "table",
) -> None:
    """Harsh events by two versions of the rules, and what each of their differences changes, one after the other."""
    from jobs.comparing import COMPARISON, compare_rules, points_of

    here = state(context)
    driving = _driving(here, source)
    names = rules if len(rules) > 1 else [*rules, driving.rules[0].name]
    if len(names) != 2:
        raise ConfigError(f"compare two versions of rules, not {len(names)}")
    one, other = (load_rules(name, here.conf.rules_path) for name in names)
    lake = here.existing_lake
    with terminal.status(f"events of {source} by {one.name} and {other.name}"):
        rows = compare_rules(points_of(lake, driving, *_between(first, last)), one, other)
    write(rows, list(COMPARISON), cast(Format, form))


@rules_app.command()
def gaps(
    context: typer.Context,
    source: SourceOption,
    gap: Annotated[list[int] | None, typer.Option("--gap", min=30, max=3600, help="seconds; default 120, 200, 300, 600")] = None,
    first: FromOption = None,
    last: ToOption = None,
    form: FormatOption = "table",
) -> None:
    """Trips of driving by the pause that ends one."""
    from jobs.comparing import GAPS, compare_gaps, points_of

    here = state(context)
    driving = _driving(here, source)
    lake = here.existing_lake
    with terminal.status(f"trips of {source}"):
        rows = compare_gaps(points_of(lake, driving, *_between(first, last)), gap or DEFAULT_GAPS_S)
    write(rows, list(GAPS), cast(Format, form))


@rules_app.command()
def calibrate(
    context: typer.Context,
    source: SourceOption,
    reference: Annotated[str, typer.Option("--reference", help="firmware that the others are to agree with")],
    first: FromOption = None,
    last: ToOption = None,
    form: FormatOption = "table",
) -> None:
    """Factors of each firmware's accelerometer, from devices that had it and the reference: `calibrations` of the source."""
    from jobs import calibrating
    from jobs.comparing import points_of

    here = state(context)
    driving = _driving(here, source)
    if "firmware" not in driving.source.columns:
        raise ConfigError(f"source '{source}' maps no column to `firmware`: there is nothing to tell sensors apart by")
    lake = here.existing_lake
    with terminal.status(f"firmwares of {source}"):
        rows = calibrating.calibrate(points_of(lake, driving, *_between(first, last)), reference)
    write(rows, list(calibrating.COLUMNS), cast(Format, form))
