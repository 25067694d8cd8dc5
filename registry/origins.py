"""Where a version comes from: it was trained for this registry, or imported from another, where it has another number."""

from dataclasses import dataclass

from lake.conf import Conf
from lake.errors import ModelRefused
from registry.actors import Actor
from registry.history import REGISTERED, Entry, History, read

IMPORTED = "imported"
"""In the detail of a `registered` entry: the origin of a version that was trained elsewhere."""


@dataclass(frozen=True)
class Origin:
    """The registry that a version was trained for, by where its histories are, what it is there, and whose."""

    registry: str
    model: str
    version: str
    run_id: str
    author: str

    def tags(self) -> dict[str, str]:
        """For MLflow; `author` is a tag of the version already."""
        return {f"origin_{k}": v for k, v in vars(self).items() if k != "author"}


def origin_of(registry: str, registered: Entry) -> Origin:
    """By the `registered` entry of a history that is at `registry`."""
    imported = registered.detail.get(IMPORTED)
    if imported is not None:
        return Origin(**imported)
    return Origin(registry, registered.model, registered.version, registered.detail.get("run_id", ""), registered.actor.principal)


def is_imported(conf: Conf, model: str, version: str) -> bool:
    """Whether a version was trained for another registry; by the history alone, so that MLflow is not needed."""
    registered = read(conf, model, anchored=False).last(version, REGISTERED)
    return registered is not None and IMPORTED in registered.detail


def refuse_own(conf: Conf, registered: Entry, by: Actor) -> None:
    """Raises ModelRefused for who trained a version, or brought it here."""
    roles = {registered.actor.principal: "has imported", origin_of(conf.registry_history, registered).author: "is the author of"}
    if by.principal in roles:
        what = f"{by.name} {roles[by.principal]} {registered.model} version {registered.version}"
        raise ModelRefused(f"{what}: somebody else must approve it")


def rival_of(conf: Conf, history: History, version: str) -> str | None:
    """The version in force that a candidate is to be better than, as the candidate's evidence names it: by the number that it has
    where the candidate was trained. None where there is none, or the candidate is in force itself."""
    champion = history.champion
    if champion in (None, version):
        return None
    # what was trained here was so by this history, whatever an imported one calls its registry
    if IMPORTED not in history.registered(version).detail:
        return champion
    candidate, holder = (origin_of(conf.registry_history, history.registered(str(v))) for v in (version, champion))
    return holder.version if candidate.registry == holder.registry else f"{champion} of this registry"
