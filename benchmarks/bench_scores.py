"""Scoring from Delta to Delta: champion with a challenger, and champion with exact reasons, against MLflow's own spark_udf.

The peers do what one would write first: a pyfunc around both boosters, and one around shap.TreeExplainer. Reasons of the peer are
measured on fewer rows, for its time a row does not depend on how many there are.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import mlflow
import pandas as pd
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import score_peers
from benchmarks.measure import Row, cpu_seconds, memory_gb, tree_peak_gb
from benchmarks.priced import FEATURES, NAMES, UNKNOWN, risks, spec
from jobs.batches import batches_of, rows_a_batch, worker_bytes
from jobs.score_rows import Scoring, in_worker, scored_ddl, shadow_batch
from lake.conf import load_conf
from lake.session import spark_session
from training.fitting import Progress, fit_data
from training.pipeline import settings_of
from training.scorer import Scorer
from training.table import prepare_table

POLICIES = int(os.environ.get("TELEMATICS_BENCH_POLICIES", "1000000"))
FITTED_ROWS, PEER_ROWS = 20_000, 20_000
"""Rows that models are fitted on, and that the peer explains."""
BOOKS = {"book": POLICIES, "few": PEER_ROWS}
GIVEN = {"km_365": 9_000.0, "days_driven_365": 250.0, "completeness_365": 0.98}
"""What is stated beside a score."""


def run() -> list[Row]:
    """CPU seconds of both sides; for reasons per thousand rows, whose inverse is rows a second and core."""
    spark = spark_session(load_conf("local"), "benchmark")
    champion, challenger = fitted(1), fitted(2)
    with tempfile.TemporaryDirectory() as work:
        for name, policies in BOOKS.items():
            book(spark, policies).write.format("delta").save(f"{work}/{name}")
        peers = (score_peers.logged(champion, work, reasons=False), score_peers.logged(champion, work, reasons=True))
        measured(spark, Path(work), "few", (champion, challenger), peers)  # the JVM warms up, and workers start
        return measured(spark, Path(work), "book", (champion, challenger), peers)


def measured(spark: SparkSession, work: Path, name: str, pairs: tuple[Scorer, Scorer], peers: tuple[str, str]) -> list[Row]:
    """All four, over one of the books; the peer's reasons over the small one."""
    both = [Scoring(role, "own", pair.parts()) for role, pair in zip(("champion", "challenger"), pairs, strict=True)]
    rows, few = (spark.read.format("delta").load(f"{work}/{x}") for x in (name, "few"))
    two, peer = cpu(work, rows, priced(spark, both)), cpu(work, rows, by_udf(spark, peers[0]))
    began = time.perf_counter()
    with memory_gb() as memory:
        reasons = cpu(work, rows, with_reasons(spark, both[:1]))
    tell(time.perf_counter() - began, reasons, memory, BOOKS[name])
    slow = cpu(work, few, by_udf(spark, peers[1]))
    what = f"{BOOKS[name] / 1e6:g} M policies, {FEATURES} features, Delta to Delta"
    trees = sum(b.num_boosted_rounds() for b in (pairs[0].frequency, pairs[0].severity))
    version = f"MLflow {mlflow.__version__}, {trees} trees"
    thousand = 1e3
    return [
        Row(f"{what}: champion and challenger; peer: spark_udf, champion alone", two, peer, "CPU s", version),
        Row(f"{what}: champion with exact reasons; peer: spark_udf of TreeExplainer on {PEER_ROWS:,}",
            thousand * reasons / BOOKS[name], thousand * slow / PEER_ROWS, "CPU s a thousand", version),
    ]  # fmt: skip


def tell(seconds: float, cpu_s: float, memory: list[float], policies: int) -> None:
    """What scoring with reasons took, and its memory at each tenth of the way."""
    hours = seconds * (os.cpu_count() or 1) / 3600
    dollars = hours * load_conf("production").nightly.dollars_per_vcpu_hour
    tenths = [memory[round(n * (len(memory) - 1) / 10)] for n in range(11)] if memory else []
    print(
        f"{policies:,} policies with reasons: {seconds:.0f} s, {policies / cpu_s:,.0f} a second and core, "
        f"{hours:.3f} vCPU-hours, {dollars:.4f} $; memory, GB, by tenths: {' '.join(f'{x:.1f}' for x in tenths)}, "
        f"peak {max(memory, default=tree_peak_gb()):.1f}",
        flush=True,
    )


def cpu(work: Path, rows: DataFrame, score: Callable[[DataFrame], DataFrame]) -> float:
    """CPU seconds of scoring rows into a Delta table."""
    spark = rows.sparkSession

    def go() -> None:
        with batches_of(spark, rows_a_batch(worker_bytes(spark), FEATURES + len(GIVEN))):
            score(rows).write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(f"{work}/scores")

    return cpu_seconds(go)[1]


def with_reasons(spark: SparkSession, scorings: list[Scoring]) -> Callable[[DataFrame], DataFrame]:
    """As a night does it."""
    sent = spark.sparkContext.broadcast(scorings)
    return lambda rows: rows.mapInPandas(in_worker(sent), scored_ddl())


def priced(spark: SparkSession, scorings: list[Scoring]) -> Callable[[DataFrame], DataFrame]:
    """Every scoring as one in shadow: prices without reasons."""
    sent = spark.sparkContext.broadcast(scorings)
    return lambda rows: rows.mapInPandas(_shadows(sent), scored_ddl())


def _shadows(sent: Broadcast[list[Scoring]]) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    def score(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for scoring in sent.value:
                yield shadow_batch(scoring, batch)

    return score


def by_udf(spark: SparkSession, model: str) -> Callable[[DataFrame], DataFrame]:
    """mlflow.pyfunc.spark_udf over the features."""
    found = mlflow.pyfunc.spark_udf(spark, model, result_type=score_peers.RESULT, env_manager="local")
    return lambda rows: rows.select("policy_id", "vehicle_id", "coverage", found(F.struct(*NAMES)).alias("scored"))


def book(spark: SparkSession, policies: int) -> DataFrame:
    """Covers in force with their features, a twentieth of them unknown."""
    ids = spark.range(policies, numPartitions=8)
    features = {n: F.when(F.rand(k) >= F.lit(UNKNOWN), F.randn(k + 100)).alias(n) for k, n in enumerate(NAMES)}
    key = (F.format_string("p%08d", "id").alias("policy_id"), F.format_string("v%08d", "id").alias("vehicle_id"))
    given = [F.lit(value).alias(name) for name, value in GIVEN.items()]
    return ids.select(*key, F.lit("own").alias("coverage"), F.lit(True).alias("consented"), *given, *features.values())


def fitted(seed: int) -> Scorer:
    """A pair on rows like the book's, by the product's own training."""
    found = spec()
    return fit_data(prepare_table(risks(FITTED_ROWS, seed), found), settings_of(found), Progress()).scorer
