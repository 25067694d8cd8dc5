"""`telematics features --from D1 --to D2`: features of published nights anew, each as it was known at its cutoff."""

import datetime as dt
from collections.abc import Callable, Sequence

from jobs import windows
from jobs.context import JobContext
from jobs.features import publish, versions_of_night
from jobs.nights import Nights
from lake.errors import NightRefused
from lake.features import check_version

Said = Callable[[str], None]


def rebuild(contexts: Sequence[JobContext], nights: Nights, version: str | None, said: Said) -> None:
    """Publish a version, or those that a night publishes, for the date of each context, the oldest first.

    Raises ConfigError for an unknown version and NightRefused for a date without a published night, before anything is written.
    """
    if version is not None:
        check_version(version)
    never = [x.date for x in contexts if x.date not in nights.published]
    if never:
        raise NightRefused(f"no features of {len(never)} date(s) from {never[0]}: no night of them is published")
    for one in contexts:
        said(_rebuilt(one, [version] if version is not None else versions_of_night(one)))


def _rebuilt(ctx: JobContext, versions: Sequence[str]) -> str:
    how = windows.put_sums(ctx.lake, ctx.date, ctx.previous)
    rows = [publish(ctx, version) for version in versions]
    _forget_old(ctx)
    return f"{ctx.date}: features {', '.join(versions)} of {max(rows)} vehicles, sums {how}"


def _forget_old(ctx: JobContext) -> None:
    """Delete sums older than the ones just made by more than retention keeps: a year's rebuild would leave a year of them."""
    kept = ctx.conf.retention.windows
    if kept is not None:
        ctx.lake.delete_where(windows.TABLE, f"as_of_date < DATE'{ctx.date - dt.timedelta(days=kept)}'")
