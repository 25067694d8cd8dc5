"""What can be started on EMR, as data: which command, with which role, under which name and token."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from jobs.catalog import NAMES
from lake.conf_emr import RoleName
from lake.errors import ConfigError

Kind = Literal["nightly", "backfill", "train", "maintain", "replay", "run"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NAME = re.compile(r"telematics (\w+) (.*) attempt (\d+)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Start:
    """One start of one command. `key` and `title` tell it from others of its kind, `attempt` from its own repetitions;
    `arguments` are those of `telematics` after --conf."""

    kind: Kind
    role: RoleName
    date: dt.date
    key: str
    title: str
    arguments: tuple[str, ...]
    attempt: int = 1
    nights: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The client token: the same start has the same one, whoever sends it."""
        return f"{self.kind}-{self.key}-{self.attempt}"

    @property
    def name(self) -> str:
        """The name of the run; as telling as the token, and EMR can be asked for it."""
        return f"telematics {self.kind} {self.title} attempt {self.attempt}"

    def another(self, attempt: int) -> "Start":
        """The same as another attempt."""
        return replace(self, attempt=attempt)


def nightly(date: dt.date) -> Start:
    """The night of a date, every job in one application start."""
    return Start("nightly", "night", date, str(date), str(date), ("nightly", "--date", str(date)), tags={"jobs": " ".join(NAMES)})


def backfill(first: dt.date, last: dt.date) -> Start:
    """Nights in order, in one application start. Raises ConfigError where the last is before the first."""
    if last < first:
        raise ConfigError(f"--from {first} is after --to {last}")
    arguments = ("nightly", "--from", str(first), "--to", str(last))
    nights = (last - first).days + 1
    return Start("backfill", "night", first, f"{first}-{last}", f"{first} to {last}", arguments, nights=nights)


def train(date: dt.date) -> Start:
    """A training as of a date."""
    return Start("train", "train", date, str(date), str(date), ("train", "--date", str(date)))


def maintain(date: dt.date, upgrade: bool = False) -> Start:
    """The maintenance of a date, or with `upgrade` that of the lake's format."""
    if upgrade:
        return Start("maintain", "maintain", date, f"upgrade-{date}", f"upgrade {date}", ("maintain", "--upgrade"))
    return Start("maintain", "maintain", date, str(date), str(date), ("maintain", "--date", str(date)))


def replay(date: dt.date, source: str, reason: str | None = None) -> Start:
    """A replay of a source's held records, asked for on a date. Names of sources may be longer than a token is."""
    of = [source] if reason is None else [source, reason]
    digest = hashlib.sha256("\n".join(of).encode()).hexdigest()[:12]
    arguments = ["quarantine", "replay", "--source", source, *([] if reason is None else ["--reason", reason])]
    return Start("replay", "replay", date, f"{digest}-{date}", f"{' '.join(of)} {date}", tuple(arguments))


@dataclass(frozen=True)
class Named:
    """What a run's name says."""

    kind: str
    title: str
    attempt: int

    def is_of(self, date: dt.date) -> bool:
        """Whether it is of a date: a backfill of every night from its first to its last, any other of the last date of its title
        (before that a replay has source and reason, which may look like one)."""
        dates = [x for x in map(_date, _DATE.findall(self.title)) if x is not None]
        if self.kind == "backfill":
            return bool(dates) and dates[0] <= date <= dates[-1]
        return dates[-1:] == [date]


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def named(name: str) -> Named | None:
    """What is in a run's name; None for a run that is none of ours."""
    found = _NAME.fullmatch(name)
    return Named(found[1], found[2], int(found[3])) if found else None
