"""EMR Serverless as a service of runs."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from emr.aws import asking, client
from emr.request import SERVERLESS, emr_of, job_run
from emr.runs import SERVERLESS_PHASES, Billed, Phase, Run
from emr.starts import Start
from lake.conf import Conf
from lake.errors import TelematicsError

GRACE_S = 120
"""A cancelled driver has so long to release the lease and to put its log on S3."""


class Serverless:
    """The application that a configuration names."""

    retries_safely = True

    def __init__(self, conf: Conf, conf_name: str, emr_client: Any = None) -> None:
        self.conf, self.conf_name, self.emr = conf, conf_name, emr_of(conf, conf_name)
        self.client = emr_client or client(SERVERLESS, self.emr.region)

    def start(self, start: Start) -> str:
        """Start a job run; the same start again gives the run that is there."""
        request = job_run(self.conf, self.conf_name, start)
        with asking(f"submitting {start.token} to EMR Serverless"):
            return str(self.client.start_job_run(**request)["jobRunId"])

    def get(self, run_id: str) -> Run:
        """A job run in full."""
        with asking(f"looking at run {run_id}"):
            found = self.client.get_job_run(applicationId=self.emr.application_id, jobRunId=run_id)["jobRun"]
        return _run(found, found["jobRunId"])

    def runs(self, since: dt.datetime, until: dt.datetime | None = None) -> Iterator[Run]:
        """Job runs created in [since, until), from all pages, without what they were billed."""
        limits = {"createdAtAfter": since} | ({} if until is None else {"createdAtBefore": until})
        with asking(f"listing runs of application {self.emr.application_id}"):
            for page in self.client.get_paginator("list_job_runs").paginate(applicationId=self.emr.application_id, **limits):
                yield from (_run(x, x["id"]) for x in page["jobRuns"])

    def cancel(self, run_id: str) -> None:
        """Ask for the run's end."""
        given = {"applicationId": self.emr.application_id, "jobRunId": run_id, "shutdownGracePeriodInSeconds": GRACE_S}
        with asking(f"cancelling run {run_id}"):
            self.client.cancel_job_run(**given)

    def logs(self, run: Run, stream: str) -> list[str]:
        """Of EMR's own later attempts the log is in a folder of the attempt."""
        root = f"{self.emr.log_uri.rstrip('/')}/applications/{self.emr.application_id}/jobs/{run.id}"
        first, later = f"{root}/SPARK_DRIVER/{stream}.gz", f"{root}/attempts/{run.attempt}/SPARK_DRIVER/{stream}.gz"
        return [first, later] if run.attempt == 1 else [later, first]

    def page(self, run: Run) -> str | None:
        """Spark's page of the run, for an hour."""
        try:
            with asking(f"asking for the page of run {run.id}"):
                return str(self.client.get_dashboard_for_job_run(applicationId=self.emr.application_id, jobRunId=run.id)["url"])
        except TelematicsError:
            # a run that never started has none, and a watcher may lack the right
            return None


def _run(found: dict[str, Any], run_id: str) -> Run:
    billed = found.get("billedResourceUtilization")
    return Run(
        id=run_id, name=found.get("name", ""), state=found["state"],
        phase=SERVERLESS_PHASES.get(found["state"], Phase.UNKNOWN), details=" ".join(found.get("stateDetails", "").split()),
        created_at=found["createdAt"].astimezone(dt.UTC),
        attempt=found.get("attempt", 1), seconds=found.get("totalExecutionDurationSeconds"),
        limit_minutes=found.get("executionTimeoutMinutes"),
        billed=billed and Billed(*(billed.get(x, 0.0) for x in ("vCPUHour", "memoryGBHour", "storageGBHour"))),
    )  # fmt: skip
