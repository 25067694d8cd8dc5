"""Whether a version may score: an approval in the model's history that is unexpired and names what the version consists of."""

import datetime as dt

from lake.conf import Conf
from lake.errors import ModelRefused
from registry.history import APPROVED, REJECTED, WITHDRAWN, Entry, History, read


def refuse_unapproved(conf: Conf, model: str, version: str, digest: str) -> Entry:
    """The approval of a version that holds the alias champion and whose files have the digest.

    Raises ModelRefused saying what is missing and what to run.
    """
    history = read(conf, model).sound()
    found = approval_of(history, conf, model, version, digest)
    refuse_moved(history, model, version)
    return found


def approval_of(history: History, conf: Conf, model: str, version: str, digest: str) -> Entry:
    """The same from a history that was read."""
    what = f"{model} version {version}"
    found = history.last(version, APPROVED, REJECTED, WITHDRAWN)
    if found is None or found.action != APPROVED:
        why = f"was {found.action}: {found.reason}" if found else "is not approved"
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


def refuse_moved(history: History, model: str, alias: str | None) -> None:
    """Raises ModelRefused where the alias champion is not on the version that the history says is in force."""
    if alias == history.champion:
        return
    holds, says = alias or "none", history.champion or "none"
    back = f"telematics registry promote {model} {says}" if history.champion else f"telematics registry withdraw {model}"
    raise ModelRefused(
        f"{model}: the alias champion is on version {holds}, and by the history version {says} is in force: "
        f"`{back}` puts it right"
    )
