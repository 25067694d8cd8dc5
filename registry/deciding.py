"""Approve, reject, promote, roll back: each writes the history first, then moves an alias; a rerun finishes it."""

import datetime as dt
import json
from dataclasses import dataclass, field

from lake.conf import Conf
from lake.errors import InputError, ModelRefused
from lake.tables_gold import FEATURES_TABLE
from registry import history as h
from registry.actors import Actor, refuse_unverified
from registry.approval import approval_of, refuse_moved
from registry.champion import load
from registry.evidence_files import as_json
from registry.gates import Gate, Waiver, judge, load_thresholds
from registry.origins import IMPORTED, refuse_own, rival_of
from registry.store import CANARY, CHAMPION, PREVIOUS, answering, connect
from registry.versions import Version, holder, versions
from training.artefacts import APPROVALS
from training.scorer_spec import ScorerSpec
from training.table import VERSION as TABLE_VERSION


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
    history = h.read(conf, chosen.model).sound()
    rival = rival_of(conf, history, chosen.version)
    found = judge(loaded.files, load_thresholds(conf.gates_path), rival, waivers, today())
    registered = history.registered(chosen.version).detail["digest"]
    # whole: of an imported version it is the one proof, and is compared with what its own registry says
    figure = f"files have {loaded.digest}, registered with {'the same' if loaded.digest == registered else registered}"
    return [*found, Gate("digest", "pass" if loaded.digest == registered else "fail", figure)]


def approve(conf: Conf, chosen: Version, by: Actor, decision: Decision) -> tuple[h.Entry, list[Gate]]:
    """Write an approval. Raises ModelRefused naming each gate that is closed, or the author approving what is theirs."""
    before = h.read(conf, chosen.model).sound()
    refuse_moved(before, chosen.model, holder(conf, chosen.model, CHAMPION))
    registered = before.registered(chosen.version)
    refuse_own(conf, registered, by)
    refuse_unverified(conf, by)
    if IMPORTED in registered.detail:
        # or who imports under a made-up name would be the second pair of eyes
        refuse_unverified(conf, registered.actor)
    found = gates(conf, chosen, list(decision.waivers))
    closed = [f"{g.name} ({g.figure})" for g in found if g.status == "fail"]
    if closed:
        raise ModelRefused(f"{chosen.model} version {chosen.version} may not be approved: {'; '.join(closed)}")
    ends = [w.until for w in decision.waivers if any(g.name == w.gate and g.status == "waived" for g in found)]
    expires = min([decision.expires or _default_end(conf), *ends])
    if expires < today():
        raise InputError(f"an approval that ends on {expires} is over")
    detail = {
        "digest": registered.detail["digest"], "expires": expires.isoformat(), "conditions": list(decision.conditions),
        "gates": [vars(g) for g in found],
        "waivers": [w.model_dump(mode="json") for w in decision.waivers], "rollback_target": before.champion,
    }  # fmt: skip
    entry = h.append(conf, chosen.model, chosen.version, h.APPROVED, by, decision.reason, detail, len(before.entries))
    publish(conf, chosen)
    return entry, found


def reject(conf: Conf, chosen: Version, by: Actor, reason: str) -> h.Entry:
    """Write a refusal; a canary loses its alias to nobody, and the champion must be taken out of force first."""
    before = h.read(conf, chosen.model).sound()
    if chosen.version in (before.champion, holder(conf, chosen.model, CHAMPION)):
        raise ModelRefused(
            f"{chosen.model} version {chosen.version} is champion: `telematics registry rollback {chosen.model}` or "
            f"`telematics registry withdraw {chosen.model}` first"
        )
    digest = before.registered(chosen.version).detail["digest"]
    entry = h.append(conf, chosen.model, chosen.version, h.REJECTED, by, reason, {"digest": digest})
    if holder(conf, chosen.model, CANARY) == chosen.version:
        unset(conf, chosen.model, CANARY)
    publish(conf, chosen)
    return entry


def refuse_unscorable(chosen: Version, spec: ScorerSpec) -> None:
    """Raises ModelRefused for a model of the lake whose nights could not score it: features that no night makes."""
    made = {c.name for c in FEATURES_TABLE.columns}
    lacking = [c for c in spec.inputs if c not in made]
    if spec.feature_version != TABLE_VERSION and lacking:
        raise ModelRefused(
            f"{chosen.model} version {chosen.version} needs {', '.join(lacking)}, which gold.policy_features has not: "
            "nights could not score it; train without over_base, or use it by `telematics predict`"
        )


def promote(conf: Conf, chosen: Version, by: Actor, reason: str = "") -> Version:
    """Make an approved version champion; the one before becomes `previous`. Nothing but the alias where the history says that it
    is champion already: a promotion that was killed is finished so, and an alias that was moved by hand put back."""
    before = h.read(conf, chosen.model).sound()
    loaded = load(conf, chosen.model, chosen.version, chosen.run_id)
    approval = approval_of(before, conf, chosen.model, chosen.version, loaded.digest)
    refuse_unscorable(chosen, loaded.scorer.spec)
    if before.champion == chosen.version and before.crowned is not None:
        _hand_over(conf, chosen, before.crowned.detail["instead_of"])
        return chosen
    refuse_moved(before, chosen.model, holder(conf, chosen.model, CHAMPION))
    now, held_against = before.champion, approval.detail["rollback_target"]
    if held_against != now:
        beside = f"was approved beside champion {held_against or 'none'}, and version {now or 'none'} is champion now"
        raise ModelRefused(f"{chosen.model} version {chosen.version} {beside}: approve it again")
    h.append(conf, chosen.model, chosen.version, h.PROMOTED, by, reason, {"instead_of": now}, len(before.entries))
    _hand_over(conf, chosen, now)
    return chosen


def rollback(conf: Conf, model: str, by: Actor, reason: str) -> Version:
    """Make the previous champion champion again. Raises ModelRefused where there is none, or it may not score any more."""
    before = h.read(conf, model).sound()
    last, alias = before.crowned, holder(conf, model, CHAMPION)
    # killed between the entry and the alias: the entry is there already
    killed = last is not None and last.action == h.ROLLED_BACK and alias != last.version
    target = None if last is None or before.champion is None else last.version if killed else last.detail["instead_of"]
    if target is None:
        raise ModelRefused(
            f"{model} has no previous champion to go back to; `telematics registry withdraw {model}` takes the one in force out"
        )
    chosen = next(v for v in versions(conf, model) if v.version == target)
    loaded = load(conf, model, target, chosen.run_id)
    approval_of(before, conf, model, target, loaded.digest)
    if killed and last is not None:
        _hand_over(conf, chosen, last.detail["instead_of"])
        return chosen
    refuse_moved(before, model, alias)
    h.append(conf, model, target, h.ROLLED_BACK, by, reason, {"instead_of": before.champion}, len(before.entries))
    _hand_over(conf, chosen, before.champion)
    return chosen


def withdraw(conf: Conf, model: str, by: Actor, reason: str) -> h.Entry:
    """Take the champion out of force with nobody in its place: its approval ends, and nights refuse until another is promoted.

    Takes the alias away too where the history says that nobody is in force, and raises ModelRefused where there is no champion.
    """
    before = h.read(conf, model).sound()
    alias = holder(conf, model, CHAMPION)
    if before.champion is not None:
        instead = {"instead_of": before.champion}
        entry = h.append(conf, model, before.champion, h.WITHDRAWN, by, reason, instead, len(before.entries))
    elif alias is not None and before.crowned is not None:
        # a withdrawal that was cut off
        entry = before.crowned
    else:
        if alias is not None:
            unset(conf, model, CHAMPION)
        raise ModelRefused(f"{model} has no champion by its history: nothing to withdraw")
    for held in (CHAMPION, CANARY):
        if holder(conf, model, held) is not None:
            unset(conf, model, held)
    publish(conf, next(v for v in versions(conf, model) if v.version == entry.version))
    return entry


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
