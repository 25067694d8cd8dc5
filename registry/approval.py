"""Whether a version may score: an approval in the model's history that is unexpired and names what the version consists of."""

import datetime as dt

from lake.conf import Conf
from lake.errors import ModelRefused
from registry.history import APPROVED, REJECTED, Entry, History, read


def refuse_unapproved(conf: Conf, model: str, version: str, digest: str) -> Entry:
    """The approval of a version whose files have the digest. Raises ModelRefused saying what is missing and what to run."""
    return approval_of(read(conf, model).sound(), conf, model, version, digest)


def approval_of(history: History, conf: Conf, model: str, version: str, digest: str) -> Entry:
    """The same from a history that was read."""
    what = f"{model} version {version}"
    found = history.last(version, APPROVED, REJECTED)
    if found is None or found.action == REJECTED:
        why = f"was rejected: {found.reason}" if found else "is not approved"
        raise ModelRefused(f"{what} {why}; see `telematics registry show {model} {version}`, then `telematics registry approve`")
    if found.detail["digest"] != digest:
        stated = found.detail["digest"][:12]
        raise ModelRefused(f"{what} is not what was approved: its files have digest {digest[:12]}, not {stated}")
    until = dt.date.fromisoformat(found.detail["expires"])
    if until < dt.datetime.now(dt.UTC).date():
        raise ModelRefused(f"the approval of {what} ended on {until}; review it and run `telematics registry approve` again")
    if conf.registry.require_verified and not found.actor.verified:
        raise ModelRefused(f"{what} was approved by {found.actor.name}, for whom nobody vouches: registry.require_verified is on")
    return found
