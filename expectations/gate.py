"""The quality gate of every table: Spark measures in one pass, Great Expectations judges, keeps and documents.

Great Expectations' own Spark engine costs jobs per expectation (docs/quality-gates.md has the figures), so its suite
runs with the pandas engine on a one-row profile that never grows with the table.
"""

import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from expectations.checks import Check
from expectations.profile import key_check, profile
from expectations.results import CheckResult, write_results
from expectations.suites import Suite, suite_for
from lake.errors import GateFailed

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
    from great_expectations.expectations.expectation import Expectation

SITE = "night"
DOCS = "data-docs"
"""Folder of all runs' results and sites below the reports."""
BY_HAND = "by-hand"
"""Run label of loads by hand: the last one of each source."""
SHOWN = 5
"""Failed expectations named in the error; the rest are counted and stand in the data docs."""


def make_gate(docs_folder: Path, run_label: str) -> "QualityGate":
    """A gate whose results and data docs go to docs_folder/run_label. Great Expectations (seconds of import) is
    loaded meanwhile, while Spark is busy."""
    threading.Thread(target=import_module, args=("great_expectations",), daemon=True).start()
    return QualityGate(docs_folder, run_label)


@dataclass
class QualityGate:
    """gate(table_name, df) raises GateFailed where a `stop` expectation does not hold; `warnings` collects the others."""

    docs_folder: Path
    run_label: str

    def __post_init__(self) -> None:
        self.warnings: list[str] = []
        # two jobs may run beside each other; Great Expectations' context is not made for that
        self._one_at_a_time = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where this run's results and its site are."""
        return self.docs_folder / self.run_label

    def __call__(self, table_name: str, df: DataFrame) -> None:
        """Check the table or batch `df` against the suite of `table_name`.

        Raises GateFailed with one line that names the table, the expectations and what was observed.
        """
        suite = suite_for(table_name)
        measured = profile(df, suite).collect()[0].asDict()
        self.judge(replace(suite, checks=(*suite.checks, key_check(suite))), measured, "was not published")

    def judge(self, suite: Suite, measured: Mapping[str, float], failure: str) -> None:
        """Hold what was measured, by the names of the suite's checks, against their limits.

        Raises GateFailed with one line: the suite's name, `failure`, the expectations and what was observed.
        """
        with self._one_at_a_time:
            results = self._validate(suite, measured)
        write_results(self.folder, suite.table, results)
        broken = [r for r in results if not r.success]
        self.warnings += [f"{suite.table}: {r.line}" for r in broken if r.severity == "warn"]
        stops = [r for r in broken if r.severity == "stop"]
        if stops:
            more = f"; and {len(stops) - SHOWN} more" if len(stops) > SHOWN else ""
            raise GateFailed(f"{suite.table} {failure}: {'; '.join(r.line for r in stops[:SHOWN])}{more}")

    def build_docs(self) -> Path:
        """Write the run's data docs, once at its end (seconds); gives their first page, which needs no network."""
        from expectations.docs import make_offline

        site = self.folder / "site"
        self._context.build_data_docs()
        make_offline(site)
        return site / "index.html"

    @cached_property
    def _context(self) -> "EphemeralDataContext":
        from expectations.context import ephemeral_context

        return ephemeral_context(self.folder, SITE)

    def _validate(self, suite: Suite, measured: Mapping[str, float]) -> list[CheckResult]:
        import great_expectations as gx
        import pandas as pd

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        name = suite.table
        shutil.rmtree(self.folder / "validations" / name.replace(".", "/"), ignore_errors=True)
        expectations = [expectation(c) for c in suite.checks]
        context = self._context
        source = context.data_sources.add_or_update_pandas(f"profile of {name}")
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
        gx_suite = context.suites.add_or_update(gx.ExpectationSuite(name, expectations=expectations))
        definition = context.validation_definitions.add_or_update(gx.ValidationDefinition(name=name, data=batch, suite=gx_suite))
        outcome = definition.run(batch_parameters={"dataframe": pd.DataFrame([dict(measured)])}, run_id=self._run_id())
        verdict = {r.expectation_config.kwargs["column"]: r for r in outcome.results if r.expectation_config is not None}
        return [
            CheckResult.of(c, verdict[c.name].result.get("observed_value"), bool(verdict[c.name].success)) for c in suite.checks
        ]

    def _run_id(self) -> Any:
        from great_expectations.core.run_identifier import RunIdentifier

        return RunIdentifier(run_name=self.run_label)


def expectation(check: Check) -> "Expectation":
    """The check as Great Expectations holds it: the largest (only) value of the measure's column, in its range."""
    from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
    from great_expectations.expectations.metadata_types import FailureSeverity

    severity = FailureSeverity.CRITICAL if check.severity == "stop" else FailureSeverity.WARNING
    return ExpectColumnMaxToBeBetween(
        column=check.name, min_value=check.minimum, max_value=check.maximum, notes=check.reason, severity=severity
    )
