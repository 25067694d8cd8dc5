"""Which versions score a night: the champions, a canary's share, challengers in shadow; and what a rerun has to use again."""

from dataclasses import dataclass, field, replace
from typing import Any

from jobs.context import JobContext
from jobs.nights import champion_of_record
from lake.conf import Conf
from lake.errors import ModelRefused, ShadowFailed
from lake.masking import without_secrets
from registry.canary import Share, canary
from registry.challengers import Unscored, challengers
from registry.champion import Registered, champion, load
from registry.store import model_name

Canary = tuple[Registered, Share]


@dataclass(frozen=True)
class NightModels:
    """By coverage: the champion, the canary with its share where there is one, challengers by alias. The night goes on without
    those that are `unscored`."""

    champions: dict[str, Registered]
    canaries: dict[str, Canary] = field(default_factory=dict)
    challengers: dict[str, dict[str, Registered]] = field(default_factory=dict)
    unscored: dict[str, tuple[Unscored, ...]] = field(default_factory=dict)
    stale_days: int | None = None
    """Without distance in the window of so many days a device is stale; None: never."""

    @property
    def all(self) -> list[Registered]:
        """Every version that scores."""
        shadows = (m for by in self.challengers.values() for m in by.values())
        return [*self.champions.values(), *(m for m, _ in self.canaries.values()), *shadows]

    def without(self, coverage: str, alias: str, why: str) -> "NightModels":
        """The same without a challenger that cannot be scored."""
        others = dict(self.challengers[coverage])
        gone = others.pop(alias)
        # a worker knows other secrets by their variables than this process
        said = (*self.unscored.get(coverage, ()), Unscored(alias, gone.model, gone.version, without_secrets(why)))
        return replace(self, challengers=self.challengers | {coverage: others}, unscored=self.unscored | {coverage: said})

    def without_failed(self, failure: ShadowFailed) -> "NightModels":
        """The same without the challenger that a worker could not score."""
        who, _, why = str(failure).partition(": ")
        coverage, _, alias = who.rpartition("/")
        return self.without(coverage, alias, why)

    def detail(self) -> dict[str, Any]:
        """`models`: [model, version, run id] by coverage, for reruns, `canaries` the same with share and salt, `challengers`
        the same by alias; model, version and run_id of the first, for readers."""
        first = next(iter(self.champions.values()))
        return {
            **dict(zip(("model", "version", "run_id"), _name(first), strict=True)),
            "models": {c: _name(m) for c, m in self.champions.items()},
            "canaries": {c: [*_name(m), s.share, s.salt] for c, (m, s) in self.canaries.items()},
            "challengers": {c: {a: _name(m) for a, m in by.items()} for c, by in self.challengers.items() if by},
            "unscored": {c: [[u.alias, u.model, u.version, u.why] for u in us] for c, us in self.unscored.items() if us},
            "digests": {_key(*_name(m)[:2]): m.digest for m in self.all},
            "stale_device_days": self.stale_days,
            "cached": [f"{m.model} version {m.version}" for m in self.champions.values() if m.cached],
        }


def _key(model: str, version: str) -> str:
    return f"{model}/{version}"


def _check_files(night: NightModels, record: dict[str, Any]) -> NightModels:
    """The same. Raises ModelRefused for a version whose files are not those that the night was scored with."""
    for model in night.all:
        then = record.get("digests", {}).get(_key(model.model, model.version), model.digest)
        if then != model.digest:
            what = f"{model.model} version {model.version}, which scored this night"
            raise ModelRefused(
                f"{what}, has other files now: digest {model.digest[:12]}, not {then[:12]}; a rerun would change prices"
            )
    return night


def _name(model: Registered) -> list[str]:
    return [model.model, model.version, model.run_id]


def models_of_night(ctx: JobContext, coverages: list[str]) -> NightModels:
    """What the night was first scored with; for coverages it has not been scored for, what the aliases say.

    Raises NoChampion, and ModelRefused for a champion or canary that is not approved, and for a version whose files are not those
    that the night was scored with.
    """
    record = champion_of_record(ctx.lake, ctx.date)
    recorded = record.get("models", {})
    champions = {c: load(ctx.conf, *recorded[c]) if c in recorded else champion(ctx.conf, c) for c in coverages}
    if record:
        by_coverage = {c: {a: load(ctx.conf, *name) for a, name in by.items()} for c, by in record.get("challengers", {}).items()}
        unscored = {c: tuple(Unscored(*u) for u in us) for c, us in record.get("unscored", {}).items()}
        stale_days = record.get("stale_device_days")
        night = NightModels(champions, recorded_canaries(ctx.conf, record), by_coverage, unscored, stale_days)
        return _check_files(night, record)
    canaries = {c: x for c in coverages if (x := canary(ctx.conf, model_name(c))) is not None}
    found = {c: challengers(ctx.conf, model_name(c)) for c in coverages}
    ready, unscored = {c: x.ready for c, x in found.items()}, {c: x.unscored for c, x in found.items()}
    return NightModels(champions, canaries, ready, unscored, ctx.conf.nightly.stale_device_days)


def recorded_canaries(conf: Conf, record: dict[str, Any]) -> dict[str, Canary]:
    """The canaries of a night's record, by coverage."""
    kept = record.get("canaries", {})
    return {c: (load(conf, *kept[c][:3]), Share(*kept[c][3:])) for c in kept}
