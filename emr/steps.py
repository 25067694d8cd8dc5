"""Steps of an EMR cluster on EC2 as a service of runs."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from emr.aws import Refused, asking, client
from emr.logs import Logs
from emr.request import STEPS, ec2_of, emr_of, step
from emr.runs import STEP_PHASES, Phase, Run
from emr.starts import Start
from lake.conf import Conf

_YARN_APPLICATION = re.compile(r"\bapplication_(\d+_\d+)\b")


class Steps:
    """The cluster that a configuration names."""

    retries_safely = False

    def __init__(self, conf: Conf, conf_name: str, emr_client: Any = None, once: Any = None) -> None:
        self.conf, self.conf_name, self.emr = conf, conf_name, emr_of(conf, conf_name)
        self.cluster_id = ec2_of(conf, conf_name).cluster_id
        self.client = emr_client or client(STEPS, self.emr.region)
        self.reader = Logs(self.emr.region)
        # a step has no token: what adds one is never sent again by itself
        self.once = once or emr_client or client(STEPS, self.emr.region, tries=1)

    def start(self, start: Start) -> str:
        """Add the step; each call adds one."""
        request = step(self.conf, self.conf_name, start)
        with asking(f"adding {start.token} to cluster {self.cluster_id}"):
            return str(self.once.add_job_flow_steps(**request)["StepIds"][0])

    def get(self, run_id: str) -> Run:
        """A step."""
        with asking(f"looking at step {run_id}"):
            return _run(self.client.describe_step(ClusterId=self.cluster_id, StepId=run_id)["Step"])

    def runs(self, since: dt.datetime, until: dt.datetime | None = None) -> Iterator[Run]:
        """Steps created in [since, until), from all pages."""
        with asking(f"listing steps of cluster {self.cluster_id}"):
            for page in self.client.get_paginator("list_steps").paginate(ClusterId=self.cluster_id):
                for run in map(_run, page["Steps"]):
                    if since <= run.created_at and (until is None or run.created_at < until):
                        yield run

    def cancel(self, run_id: str) -> None:
        """Ask for the step's end, also while it runs."""
        given = {"ClusterId": self.cluster_id, "StepIds": [run_id], "StepCancellationOption": "SEND_INTERRUPT"}
        with asking(f"cancelling step {run_id}"):
            answers = self.client.cancel_steps(**given)["CancelStepsInfoList"]
        for answer in answers:
            # what EMR will not cancel it says in an answer that is well by itself
            if answer["Status"] == "FAILED":
                raise Refused(f"cancelling step {run_id}: {answer.get('Reason', 'no reason given')}", "CancelStepsFailed")

    def logs(self, run: Run, stream: str) -> list[str]:
        """The driver is YARN's first container; which application it is of, spark-submit writes to the step's own stderr."""
        root = f"{self.emr.log_uri.rstrip('/')}/{self.cluster_id}"
        own = f"{root}/steps/{run.id}"
        found = _YARN_APPLICATION.search(self.reader.read([f"{own}/stderr.gz"]) or "")
        if found is None:
            return [f"{own}/{stream}.gz"]
        container = f"{root}/containers/application_{found[1]}/container_{found[1]}_01_000001"
        return [f"{container}/{stream}.gz", f"{own}/{stream}.gz"]

    def page(self, run: Run) -> str | None:
        """Spark's page is behind the cluster's own network."""
        return None


def _run(found: dict[str, Any]) -> Run:
    status = found["Status"]
    timeline, failure = status.get("Timeline", {}), status.get("FailureDetails", {})
    said = [failure.get("Reason"), failure.get("Message"), status.get("StateChangeReason", {}).get("Message")]
    started, ended = timeline.get("StartDateTime"), timeline.get("EndDateTime")
    return Run(
        id=found["Id"], name=found["Name"], state=status["State"], phase=STEP_PHASES.get(status["State"], Phase.UNKNOWN),
        details=" ".join("; ".join(x for x in said if x).split()), created_at=timeline["CreationDateTime"].astimezone(dt.UTC),
        seconds=int((ended - started).total_seconds()) if started and ended else None,
    )  # fmt: skip
