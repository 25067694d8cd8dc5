"""Approve, reject, promote, roll back: each writes the history first, then moves an alias; a rerun finishes it."""

import datetime as dt
import json
from dataclasses import dataclass, field

from lake.conf import Conf
from lake.errors import InputError, ModelRefused
from registry import history as h
from registry.actors import Actor
from registry.approval import approval_of
from registry.champion import load
from registry.evidence_files import as_json
from registry.gates import Gate, Waiver, judge, load_thresholds
from registry.store import AUTHOR_TAG, CANARY, CHAMPION, DIGEST_TAG, PREVIOUS, answering, connect
from registry.versions import Version, holder, versions
from training.artefacts import APPROVALS


@dataclass(frozen=True)
class Decision:
    """What an approver states besides yes."""

    reason: str
    conditions: tuple[str, ...] = ()
    expires: dt.date | None = None
    waivers: tuple[Waiver, ...] = field(default_factory=tuple)


def waivers_of(conf: Conf, chosen: Version) -> list[Waiver]:
    """The waivers that a version's approval rests on."""
    found = h.read(conf, chosen.model).last(chosen.version, h.APPROVED, h.REJECTED)
    return [Waiver(**w) for w in found.detail.get("waivers", [])] if found and found.action == h.APPROVED else []


def gates(conf: Conf, chosen: Version, waivers: list[Waiver]) -> list[Gate]:
    """The gates of a version as they stand now, with what its files are found to hold."""
    loaded = load(conf, chosen.model, chosen.version, chosen.run_id)
    champion = holder(conf, chosen.model, CHAMPION)
    rival = None if champion == chosen.version else champion
    found = judge(loaded.files, load_thresholds(conf.gates_path), rival, waivers, today())
    same = loaded.digest == chosen.tags.get(DIGEST_TAG)
    return [*found, Gate("digest", "pass" if same else "fail", f"files have {loaded.digest[:12]}")]


def approve(conf: Conf, chosen: Version, by: Actor, decision: Decision) -> tuple[h.Entry, list[Gate]]:
    """Write an approval. Raises ModelRefused naming each gate that is closed, or the author approving what is theirs."""
    before = h.read(conf, chosen.model).sound()
    author = chosen.tags.get(AUTHOR_TAG)
    if by.name == author:
        raise ModelRefused(f"{by.name} is the author of {chosen.model} version {chosen.version}: somebody else must approve it")
    if conf.registry.require_verified and not by.verified:
        raise ModelRefused(f"nobody vouches for {by.name}, and registry.require_verified is on: log in to MLflow or AWS")
    found = gates(conf, chosen, list(decision.waivers))
    closed = [f"{g.name} ({g.figure})" for g in found if g.status == "fail"]
    if closed:
        raise ModelRefused(f"{chosen.model} version {chosen.version} may not be approved: {'; '.join(closed)}")
    ends = [w.until for w in decision.waivers if any(g.name == w.gate and g.status == "waived" for g in found)]
    expires = min([decision.expires or _default_end(conf), *ends])
    if expires < today():
        raise InputError(f"an approval that ends on {expires} is over")
    detail = {
        "digest": chosen.tags[DIGEST_TAG], "expires": expires.isoformat(), "conditions": list(decision.conditions),
        "gates": [vars(g) for g in found],
        "waivers": [w.model_dump(mode="json") for w in decision.waivers], "rollback_target": holder(conf, chosen.model, CHAMPION),
    }  # fmt: skip
    entry = h.append(conf, chosen.model, chosen.version, h.APPROVED, by, decision.reason, detail, len(before.entries))
    publish(conf, chosen)
    return entry, found


def reject(conf: Conf, chosen: Version, by: Actor, reason: str) -> h.Entry:
    """Write a refusal; a version that holds an alias loses it to nobody, so the champion must be rolled back first."""
    if holder(conf, chosen.model, CHAMPION) == chosen.version:
        raise ModelRefused(
            f"{chosen.model} version {chosen.version} is champion: `telematics registry rollback {chosen.model}` first"
        )
    entry = h.append(conf, chosen.model, chosen.version, h.REJECTED, by, reason, {"digest": chosen.tags.get(DIGEST_TAG, "")})
    if holder(conf, chosen.model, CANARY) == chosen.version:
        unset(conf, chosen.model, CANARY)
    publish(conf, chosen)
    return entry


def promote(conf: Conf, chosen: Version, by: Actor, reason: str = "") -> Version:
    """Make an approved version champion; the one before becomes `previous`. Nothing where it is champion already."""
    before = h.read(conf, chosen.model).sound()
    loaded = load(conf, chosen.model, chosen.version, chosen.run_id)
    approval = approval_of(before, conf, chosen.model, chosen.version, loaded.digest)
    now = holder(conf, chosen.model, CHAMPION)
    if now == chosen.version:
        return chosen
    held_against = approval.detail["rollback_target"]
    if held_against != now:
        beside = f"was approved beside champion {held_against or 'none'}, and version {now} is champion now"
        raise ModelRefused(f"{chosen.model} version {chosen.version} {beside}: approve it again")
    last = before.entries[-1]
    # killed between the entry and the alias: the entry is there already
    if (last.action, last.version) != (h.PROMOTED, chosen.version):
        h.append(conf, chosen.model, chosen.version, h.PROMOTED, by, reason, {"instead_of": now}, len(before.entries))
    _hand_over(conf, chosen, now)
    return chosen


def rollback(conf: Conf, model: str, by: Actor, reason: str) -> Version:
    """Make the previous champion champion again. Raises ModelRefused where there is none, or it may not score any more."""
    target = holder(conf, model, PREVIOUS)
    if target is None:
        raise ModelRefused(f"{model} has no previous champion to go back to")
    chosen = next(v for v in versions(conf, model) if v.version == target)
    before = h.read(conf, model).sound()
    loaded = load(conf, model, target, chosen.run_id)
    approval_of(before, conf, model, target, loaded.digest)
    now = holder(conf, model, CHAMPION)
    last = before.entries[-1]
    if (last.action, last.version) != (h.ROLLED_BACK, target):
        h.append(conf, model, target, h.ROLLED_BACK, by, reason, {"instead_of": now}, len(before.entries))
    _hand_over(conf, chosen, now)
    return chosen


def _hand_over(conf: Conf, chosen: Version, now: str | None) -> None:
    """`previous` first: whenever this is cut off, the alias champion is on one version or the other."""
    with answering(conf):
        client = connect(conf)
        if now is not None and now != chosen.version:
            client.set_registered_model_alias(chosen.model, PREVIOUS, now)
        client.set_registered_model_alias(chosen.model, CHAMPION, chosen.version)
    if holder(conf, chosen.model, CANARY) == chosen.version:
        unset(conf, chosen.model, CANARY)
    publish(conf, chosen)


def unset(conf: Conf, model: str, alias: str) -> None:
    """Take an alias away."""
    with answering(conf):
        connect(conf).delete_registered_model_alias(model, alias)


def publish(conf: Conf, chosen: Version) -> None:
    """Artefact 10 beside the others: the version's entries as they stand, with the hash of each."""
    found = h.read(conf, chosen.model)
    own = [
        {**json.loads(e.body()), "hash": x}
        for e, x in zip(found.entries, found.hashes, strict=True)
        if e.version == chosen.version
    ]
    with answering(conf):
        connect(conf).log_text(chosen.run_id, as_json(own).decode(), f"evidence/{APPROVALS}")
        state = own[-1]["action"] if own else "registered"
        connect(conf).set_model_version_tag(chosen.model, chosen.version, "state", state)


def _default_end(conf: Conf) -> dt.date:
    return today() + dt.timedelta(days=load_thresholds(conf.gates_path).approval.days)


def today() -> dt.date:
    """Approvals begin and end by the calendar, UTC."""
    return dt.datetime.now(dt.UTC).date()
