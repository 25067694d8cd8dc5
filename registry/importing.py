"""A version of another registry as a candidate of this one, by the exam pack that was written there."""

from dataclasses import dataclass

from lake.conf import Conf
from lake.errors import InputError
from registry import history as h
from registry.actors import Actor, refuse_unverified
from registry.log import register_contents
from registry.origins import origin_of
from registry.pack import Pack, read_pack
from registry.versions import versions


@dataclass(frozen=True)
class Imported:
    """What a pack is here; `is_new` is false where it was here already."""

    pack: Pack
    version: str
    is_new: bool

    def describe(self) -> str:
        """One line."""
        origin, digest = self.pack.origin, self.pack.contents.digest
        here = f"{origin.model} version {self.version}"
        there = f"version {origin.version} of {origin.registry}, {self.pack.state} there, digest {digest}"
        if not self.is_new:
            return f"nothing was registered: {here} is it already ({there})"
        return f"registered {here}, a candidate: {there}; see `telematics registry show {origin.model} {self.version}`"


def import_pack(conf: Conf, path: str, by: Actor) -> Imported:
    """Register a pack's version, once. Approves and promotes nothing: what was decided elsewhere is decided anew here.

    Raises InputError for a pack that does not prove itself, or that says to be a version which is here with other files.
    """
    refuse_unverified(conf, by)
    pack = read_pack(path)
    there = _there(conf, pack)
    if there is not None:
        return Imported(pack, there, is_new=False)
    if pack.origin.registry == conf.registry_history:
        what = f"{pack.origin.model} version {pack.origin.version}"
        raise InputError(f"{path} says that it is of this registry, which has no such {what}")
    return Imported(pack, register_contents(conf, pack.contents, by, pack.origin).version, is_new=True)


def _there(conf: Conf, pack: Pack) -> str | None:
    """The version that is of the same origin."""
    model = pack.origin.model
    known = {v.version for v in versions(conf, model)}
    for entry in h.read(conf, model).sound().entries if known else ():
        is_registered = entry.action == h.REGISTERED and entry.version in known
        if is_registered and origin_of(conf.registry_history, entry) == pack.origin:
            if entry.detail["digest"] != pack.contents.digest:
                raise InputError(f"{model} version {entry.version} is of the same origin and has other files: one is not genuine")
            return entry.version
    return None
