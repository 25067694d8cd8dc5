"""`telematics train --table` and `telematics predict`: models of any table, in the same registry."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.train import TrainResult
from lake.conf import Conf
from lake.errors import InputError, LakeError
from registry.actors import actor
from registry.champion import load
from registry.comparing import rival
from registry.gates import NOT_RUN
from registry.history import REJECTED, WITHDRAWN, read
from registry.log import register
from registry.origin import git_commit, lock_hash
from registry.store import model_name
from registry.trials import search_of
from registry.versions import Version, choose, versions
from training.fitting import Progress
from training.pipeline import Around
from training.pipeline import train_table as fit
from training.scorer_spec import unseen
from training.search import Trial
from training.spec import ModelSpec, load_spec
from training.table import VERSION, read_table

HASH_DIGITS = 16


def train_table(conf: Conf, table: str, spec_file: Path, author: str | None, say: Callable[[str], None]) -> TrainResult:
    """Train on a table and register a candidate. Raises TrainingRefused, ConfigError or LakeError naming what is wrong."""
    spec = load_spec(spec_file)
    rows = read_table(table)
    hashed = content_hash(rows[[c for c in spec.needed if c in rows]])
    name = model_name(spec.name)
    champion = rival(conf, name)
    around = Around(_progress(conf, name, spec, hashed, say), None, champion.scorer if champion else None)
    evidence = fit(rows, spec, around)
    if champion is not None:
        champion.noted(evidence.assessed["champion_diff"], spec.split)
    lineage = {
        "frame_hash": hashed, "frame_path": table, "frame_delta_version": "none", "feature_version": VERSION,
        "valuation": "not stated", "git_commit": git_commit(), "lock_sha256": lock_hash(), "seed": str(spec.seed),
        "left_out": next((n for n in evidence.facts.notes if n.endswith(": drop")), "nothing"), "expectations": NOT_RUN,
        "split": spec.split,
    }  # fmt: skip
    logged = register(conf, evidence, lineage, actor(conf, author))
    gini = evidence.metrics["frequency_model_gini"]
    return TrainResult(spec.name, logged.model, logged.version, logged.run_id, hashed, evidence.facts, gini)


def _progress(conf: Conf, name: str, spec: ModelSpec, hashed: str, say: Callable[[str], None]) -> Progress:
    """Trials go to MLflow, and those of a search that was stopped come from there."""
    if not spec.search.trials:
        return Progress()
    found = search_of(conf, name, {"table": hashed, "spec": spec.model_dump(exclude={"search": {"trials"}}), "seed": spec.seed})
    known = found.finished()

    def done(booster: str, trial: Trial) -> None:
        found.log(booster, trial)
        say(f"{booster} trial {trial.number} of {spec.search.trials}: loss {trial.loss:.6f} with {trial.rounds} trees")

    if known:
        say(f"{sum(map(len, known.values()))} trials of this search are known: not run again")
    return Progress(known, done)


def content_hash(rows: pd.DataFrame) -> str:
    """A hash of a table's columns and rows, whatever the file they came from."""
    found = hashlib.sha256(",".join(map(str, rows.columns)).encode())
    found.update(np.ascontiguousarray(pd.util.hash_pandas_object(rows, index=False).to_numpy()).tobytes())
    return found.hexdigest()[:HASH_DIGITS]


def predict_table(conf: Conf, table: str, model: str, version: str | None, out: Path) -> str:
    """Score a table with the champion, where there is none with the newest version that was not refused, and write it.

    Raises LakeError for features that are missing, InputError for a file of another kind or where every version was refused.
    """
    if out.suffix not in {".parquet", ".csv"}:
        raise InputError(f"--out {out}: .parquet or .csv")
    chosen = choose(conf, model, version) if version else _in_force(conf, model)
    scorer = load(conf, chosen.model, chosen.version, chosen.run_id).scorer
    rows = read_table(table).reset_index(drop=True)
    scored = rows.join(scorer.predict(rows), rsuffix="_predicted")
    try:
        scored.to_parquet(out, index=False) if out.suffix == ".parquet" else scored.to_csv(out, index=False)
    except OSError as e:
        raise LakeError(f"cannot write {out}: {e.strerror or e}") from e
    state = read(conf, chosen.model).state(chosen.version)
    said = [f"scored {len(rows):,} rows with {chosen.model} version {chosen.version} ({state}): {out}"]
    counted = unseen(rows, scorer.spec.features)
    return "\n".join(
        said + [f"{name}: levels that training had not in {n:,} rows: taken as missing" for name, n in counted.items()]
    )


def _in_force(conf: Conf, model: str) -> Version:
    history = read(conf, choose(conf, model).model).sound()
    left = [v for v in versions(conf, model) if history.state(v.version) not in {REJECTED, WITHDRAWN}]
    found = [v for v in left if v.version == history.champion] or left
    if not found:
        raise InputError(f"{model} has no champion, and every version was refused; --version scores with one all the same")
    return found[0]
