"""A night's wall time by job: the last night of a lake against its first, so that growth with the lake's age shows."""

import os
import subprocess  # nosec B404 # our own command line
import sys
import tempfile
from pathlib import Path

import duckdb
import pyspark
from deltalake import DeltaTable

from benchmarks.measure import Row

LAKE = Path(os.environ.get("TELEMATICS_LAKE", "var/lake"))
LAST_RUN_SQL = """
SELECT job, night_date, arg_max(seconds, finished_at) AS seconds FROM nights WHERE status = 'finished' GROUP BY job, night_date
"""
COMPARED_SQL = """
SELECT f.night_date AS first, l.night_date AS last, l.job, l.seconds AS ours, f.seconds AS peer
FROM runs l JOIN runs f ON f.job = l.job
WHERE l.night_date = (SELECT max(night_date) FROM runs) AND f.night_date = (SELECT min(night_date) FROM runs)
ORDER BY l.seconds DESC
"""


def run() -> list[Row]:
    """One row a job and one for the whole night, from the lake's gold.nights; a demo is run where there is no lake."""
    if (LAKE / "gold" / "nights" / "_delta_log").is_dir():
        return rows(LAKE)
    with tempfile.TemporaryDirectory() as work:
        lake = Path(work) / "lake"
        here = {**os.environ, "TELEMATICS_LANDING__ROOT": f"{work}/landing"}
        subprocess.run([sys.executable, "-m", "jobs.cli", "--lake", str(lake), "demo"], env=here, check=True)  # nosec B603 # as above
        return rows(lake)


def rows(lake: Path) -> list[Row]:
    """The rows of a lake that has nights."""
    with duckdb.connect() as db:
        db.register("nights", DeltaTable(str(lake / "gold" / "nights")).to_pyarrow_table())
        db.execute(f"CREATE TABLE runs AS {LAST_RUN_SQL}")
        found = db.execute(COMPARED_SQL).fetchall()
    return [Row(f"{job}: night {last} (ours) and {first}", ours, peer, "s", f"Spark {pyspark.__version__}")
            for first, last, job, ours, peer in found]  # fmt: skip
