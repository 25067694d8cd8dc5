"""The job `drift` itself, night after night without change: from Delta tables to gold.drift and to the rule's alerts.

Each night's vehicles are drawn anew as those of the champion's frame were. A smoke test of the whole path; how often it is wrong
is measured on far more nights by bench_drift, which draws histograms.
"""

import datetime as dt
import json
import os
import tempfile
import time
from pathlib import Path

import pandas as pd
from pyspark.sql import functions as F

from benchmarks.bench_drift import told
from benchmarks.measure import Row
from expectations.gate import make_gate
from jobs.context import JobContext
from jobs.drift import run as drift
from lake.conf import CONF_FOLDER, Conf, load_conf
from lake.conf_sections import Training
from lake.delta import Lake
from lake.session import spark_session
from monitoring.alerting import Signal
from monitoring.rules import load_rules
from registry.champion import LINEAGE_FILE
from tests.training.synthetic import frame
from training.pipeline import train
from training.scorer import Scorer

NIGHTS = int(os.environ.get("TELEMATICS_BENCH_NIGHTS", "200"))
VEHICLES = 1_000
START = dt.date(2026, 1, 1)
FRAME, RUN, MODEL = "ab" * 8, "run1", "pure-premium-liability"
KEY = ["policy_id", "vehicle_id", "coverage", "currency"]
PRICES = ["frequency", "severity", "pure_premium"]


def run() -> list[Row]:
    """Nights with an alert beside the 1 % that is allowed."""
    with tempfile.TemporaryDirectory() as work:
        conf = load_conf("local").model_copy(update={"lake": f"{work}/lake", "reports": f"{work}/reports"})
        lake = Lake(spark_session(conf, "benchmark"), conf.lake)
        prepare(lake, conf)
        began = time.perf_counter()
        nights = [signals(lake, conf, START + dt.timedelta(days=n)) for n in range(NIGHTS)]
        seconds = (time.perf_counter() - began) / NIGHTS
        rule = next(r for r in load_rules(CONF_FOLDER / "alerts.yaml").each() if r.name == "feature_drift")
        alarmed = sum(any(a.state == "firing" for a in alerts) for alerts in told(rule, iter(nights)))
        drifted = sum(any(s.beyond for s in night) for night in nights)
    print(f"  {NIGHTS} nights of {VEHICLES:,} vehicles, {seconds:.1f} s each: a column drifted in {drifted}, {alarmed} alerted")
    return [Row(f"{NIGHTS} nights of the job drift without change: alerted; peer: 1 %", 100 * alarmed / NIGHTS, 1.0, "%", "")]


def prepare(lake: Lake, conf: Conf) -> None:
    """A champion with its frame, and every night's features and scores."""
    reference = frame()
    scorer = train(reference, Training(min_claims=400)).scorer
    folder = Path(conf.lake) / "_mlflow" / "cache" / MODEL / RUN
    folder.mkdir(parents=True)
    for name, content in scorer.parts().items():
        (folder / name).write_bytes(content)
    (folder / LINEAGE_FILE).write_text(json.dumps({"frame_hash": FRAME}))
    features = pd.concat([tonight(n) for n in range(NIGHTS)], ignore_index=True)
    append(lake, f"frames.{FRAME}", reference)
    append(lake, "gold.policy_features", features)
    append(lake, "gold.policy_scores", scored(scorer, features))


def tonight(n: int) -> pd.DataFrame:
    """Features of a night, of the frame's later date."""
    rows = frame(VEHICLES, seed=1_000 + n)
    return rows.tail(VEHICLES).assign(as_of_date=START + dt.timedelta(days=n), feature_version="v1")


def scored(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """Scores by the champion, with their lineage."""
    found = rows[[*KEY, "as_of_date"]].rename(columns={"as_of_date": "score_date"}).join(scorer.score(rows)[PRICES])
    found = found.assign(role="champion", fallback=False)
    found["lineage"] = [(MODEL, "1", RUN, "v1", FRAME, dt.datetime(2026, 1, 1))] * len(found)
    return found


def append(lake: Lake, name: str, rows: pd.DataFrame) -> None:
    """Rows with those of the table's columns that they have."""
    schema = lake.table(name).schema
    clean = rows.reindex(columns=schema.names).astype(object).where(lambda x: x.notna(), None)
    lake.append_once(name, lake.spark.createDataFrame(list(clean.itertuples(index=False, name=None)), schema), name)


def signals(lake: Lake, conf: Conf, date: dt.date) -> list[Signal]:
    """What the job finds of the features."""
    gate = make_gate(conf.reports_path / "data-docs", f"{date}")
    drift(JobContext(conf, lake, date, None, "benchmark", gate))
    rows = lake.read("gold.drift").where((F.col("score_date") == F.lit(date)) & (F.col("kind") == "feature")).collect()
    return [Signal("feature_drift", r["column"], r["drifted"], "", r["statistic"], r["threshold"], r["p_value"]) for r in rows]
