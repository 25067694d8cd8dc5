"""Columns and schemas of every table, the session, Delta reads and idempotent writes, configuration."""

import os

from lake.quiet import silence

# threads of XGBoost that wait for each other otherwise spin: beside anything else that runs, a training takes ten times as long
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
silence()
