"""Versions that score in shadow: those with an alias that begins with `challenger`. Their prices are for comparison only, so they
need no approval; their files must be those that were registered."""

from dataclasses import dataclass, field

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError, ModelRefused
from lake.masking import said
from registry.champion import Registered, load
from registry.store import CHAMPION, DIGEST_TAG, answering, checked_name, connect
from registry.versions import Version, holder

CHALLENGER = "challenger"
"""What their aliases begin with; the whole alias is the role of their scores."""
MAX_WHY = 300
"""Characters of why one is not scored."""


@dataclass(frozen=True)
class Unscored:
    """A challenger that the night goes on without, and why."""

    alias: str
    model: str
    version: str
    why: str


@dataclass(frozen=True)
class Challengers:
    """Of one model: what can score, by alias, and what cannot."""

    ready: dict[str, Registered] = field(default_factory=dict)
    unscored: tuple[Unscored, ...] = ()


def challengers(conf: Conf, model: str) -> Challengers:
    """The challengers of a model; none where MLflow does not answer. One that cannot be loaded is no error of the night's."""
    ready, unscored = dict[str, Registered](), list[Unscored]()
    for alias, version in _aliases(conf, model).items():
        try:
            ready[alias] = _as_registered(conf, model, version)
        except Exception as e:  # whatever is wrong with it: prices do not hang on a challenger
            unscored.append(Unscored(alias, model, version, said(e, MAX_WHY)))
    return Challengers(ready, tuple(unscored))


def _aliases(conf: Conf, model: str) -> dict[str, str]:
    """version by alias, without versions that are champion: they would be held against themselves."""
    try:
        with answering(conf):
            found = connect(conf).get_registered_model(checked_name(model)).aliases
    except EnvironmentProblem:
        return {}
    champion = found.get(CHAMPION)
    return {a: str(v) for a, v in sorted(found.items()) if a.startswith(CHALLENGER) and str(v) != str(champion)}


def _as_registered(conf: Conf, model: str, version: str) -> Registered:
    loaded = load(conf, model, version)
    with answering(conf):
        stated = connect(conf).get_model_version(model, version).tags.get(DIGEST_TAG)
    if stated is not None and stated != loaded.digest:
        raise ModelRefused(f"its files have digest {loaded.digest[:12]}, not {stated[:12]} as registered")
    return loaded


def set_challenger(conf: Conf, chosen: Version, alias: str) -> None:
    """Let a version score in shadow from the next night on. Raises InputError for an alias that is no challenger's, ModelRefused
    for the champion."""
    _check_alias(alias)
    if holder(conf, chosen.model, CHAMPION) in (None, chosen.version):
        raise ModelRefused(f"{chosen.model}: a challenger needs another version as champion")
    with answering(conf):
        connect(conf).set_registered_model_alias(chosen.model, alias, chosen.version)


def end_challenger(conf: Conf, model: str, alias: str) -> None:
    """Take the alias away. Raises InputError where no version has it."""
    _check_alias(alias)
    if holder(conf, model, alias) is None:
        raise InputError(f"no version of {model} is {alias}")
    with answering(conf):
        connect(conf).delete_registered_model_alias(model, alias)


def _check_alias(alias: str) -> None:
    checked_name(alias)
    if not alias.startswith(CHALLENGER):
        raise InputError(f"alias '{alias}': a challenger's begins with '{CHALLENGER}'")
