"""Draws the pages: one static HTML file each, nothing loaded from anywhere, text escaped."""

import datetime as dt
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitoring.night import Night
from monitoring.signals import MUCH_EVIDENCE, odds
from monitoring.stopped import Stopped
from monitoring.verdict import verdict

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
SMALL, LARGE = 10.0, 1000.0
SHOWN = 200
"""Alerts and quality warnings on a page, the gravest alerts first: it is below 1 MB whatever happens in a night."""


def render_night(night: Night | Stopped, before: dt.date | None, after: dt.date | None) -> str:
    """The page of a night, with links to the pages before and after it."""
    template = _environment().get_template("stopped.html" if isinstance(night, Stopped) else "night.html")
    return template.render(night=night, verdict=verdict(night), before=before, after=after, shown=SHOWN)


def render_index(nights: Sequence[Night | Stopped]) -> str:
    """The list of nights, newest first."""
    rows = [(n, verdict(n)) for n in sorted(nights, key=lambda n: n.date, reverse=True)]
    return _environment().get_template("index.html").render(rows=rows)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitoring"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(whole=whole, amount=amount, percent=percent, signed=signed, evidence=evidence)
    return environment


def whole(value: float | None) -> str:
    """1,234."""
    return NONE if value is None else f"{value:,.0f}".replace("-", MINUS)


def amount(value: float | None) -> str:
    """Enough digits to see a difference: 0.0123, 12.3, 1,234."""
    if value is None:
        return NONE
    size = abs(value)
    shown = f"{value:,.0f}" if size >= LARGE else f"{value:,.2f}" if size >= SMALL else f"{value:.3g}"
    return shown.replace("-", MINUS)


def evidence(value: float) -> str:
    """How many to one: 0.0123, 12.30, over 1,000,000."""
    return odds(value) if value > MUCH_EVIDENCE else amount(value)


def signed(value: float | None) -> str:
    """+12.3."""
    return NONE if value is None else ("+" if value > 0 else "") + amount(value)


def percent(value: float | None, digits: int = 1) -> str:
    """+1.2 %; a change."""
    return NONE if value is None else f"{value:+.{digits}%}".replace("-", MINUS)
