"""A version that scores for a share of policies before it scores for all: who they are, and when the share grows or ends."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError, ModelRefused
from registry import history as h
from registry.actors import Actor
from registry.approval import approval_of
from registry.champion import Registered, load
from registry.deciding import publish, refuse_unscorable, unset
from registry.store import CANARY, answering, connect
from registry.versions import Version, holder

HEX_DIGITS = 13
"""52 bits of the hash: what a double holds exactly."""
LARGEST_SHARE = 0.5
LOOKS = 12
"""How often a canary is looked at before its intervals no longer hold: the level of each is divided by it (Bonferroni)."""


@dataclass(frozen=True)
class Share:
    """Policies whose hash with the salt lies below the share are scored by the canary."""

    share: float
    salt: str

    def holds(self, policy_id: str) -> bool:
        """Whether the policy is one of them; the same for every night and engine."""
        digest = hashlib.sha256(f"{self.salt}/{policy_id}".encode()).hexdigest()
        return bool(int(digest[:HEX_DIGITS], 16) < self.share * 16.0**HEX_DIGITS)


Verdict = Literal["widen", "hold", "withdraw"]


def verdict(lower: float, upper: float, margin: float = 0.0) -> Verdict:
    """By the interval, at level 1 - .05 / LOOKS, of the paired deviance gain over what the champion would say of the canary's
    policies: widen where it is certainly not worse than the margin, withdraw where it certainly is."""
    if upper < -margin:
        return "withdraw"
    return "widen" if lower > -margin else "hold"


def set_canary(conf: Conf, chosen: Version, share: float, by: Actor, reason: str) -> h.Entry:
    """Let an approved version score for a share of policies, or widen it: the salt stays, so who had it keeps it."""
    if not 0 < share <= LARGEST_SHARE:
        raise InputError(f"--share {share:g}: above 0 and at most {LARGEST_SHARE:g}; promote it for all")
    before = h.read(conf, chosen.model).sound()
    loaded = load(conf, chosen.model, chosen.version, chosen.run_id)
    approval_of(before, conf, chosen.model, chosen.version, loaded.digest)
    refuse_unscorable(chosen, loaded.scorer.spec)
    if before.champion in (None, chosen.version):
        raise ModelRefused(f"{chosen.model}: a canary needs another version as champion")
    last = before.last(chosen.version, h.CANARY)
    salt = last.detail["salt"] if last else f"{chosen.model}/{chosen.version}"
    entry = h.append(
        conf, chosen.model, chosen.version, h.CANARY, by, reason, {"share": share, "salt": salt}, len(before.entries)
    )
    with answering(conf):
        connect(conf).set_registered_model_alias(chosen.model, CANARY, chosen.version)
    publish(conf, chosen)
    return entry


def withdraw(conf: Conf, chosen: Version, by: Actor, reason: str) -> h.Entry:
    """End a canary: from the next night on the champion scores for all."""
    if holder(conf, chosen.model, CANARY) != chosen.version:
        raise ModelRefused(f"{chosen.model} version {chosen.version} is no canary")
    entry = h.append(conf, chosen.model, chosen.version, h.CANARY_WITHDRAWN, by, reason, {})
    unset(conf, chosen.model, CANARY)
    publish(conf, chosen)
    return entry


def share_in_force(conf: Conf, model: str) -> tuple[str, Share]:
    """(version, share) of the canary that there is, by alias and history. Raises ModelRefused where there is none."""
    version = holder(conf, model, CANARY)
    last = h.read(conf, model).sound().last(version, h.CANARY, h.CANARY_WITHDRAWN) if version is not None else None
    if version is None or last is None or last.action == h.CANARY_WITHDRAWN:
        raise ModelRefused(f"{model} has no canary: `telematics registry canary set` makes one")
    return version, Share(last.detail["share"], last.detail["salt"])


def canary(conf: Conf, model: str) -> tuple[Registered, Share] | None:
    """The canary of a model and its share, None where there is none, or where MLflow does not answer and the champion that was
    last seen scores for all. Raises ModelRefused for one that is not approved."""
    try:
        version = holder(conf, model, CANARY)
    except EnvironmentProblem:
        return None
    if version is None:
        return None
    found = h.read(conf, model).sound()
    last = found.last(version, h.CANARY, h.CANARY_WITHDRAWN)
    if last is None or last.action == h.CANARY_WITHDRAWN:
        raise ModelRefused(f"{model} version {version} has the alias {CANARY} and no entry that says for whom")
    loaded = load(conf, model, version)
    approval_of(found, conf, model, version, loaded.digest)
    return loaded, Share(last.detail["share"], last.detail["salt"])
