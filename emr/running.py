"""Any command of `telematics` as one job run of EMR Serverless, from a deployment by its id: what a release tries before it is
used. Nights that count go through `telematics emr submit`."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from emr.deploy import Deployment
from emr.request import Request, check, nightly_request
from lake.conf import Conf
from lake.errors import EnvironmentProblem, GateFailed

POLL_S = 20.0
WELL, ILL = "SUCCESS", ("FAILED", "CANCELLED", "CANCELLING")
_ANY = dt.date(2000, 1, 1)


def request_of(conf: Conf, conf_name: str, deployment: Deployment, arguments: Sequence[str], minutes: int) -> Request:
    """StartJobRun's parameters: as a night's but for the deployment's files and the arguments. The client token is a hash of both
    and of the UTC hour, so a request that is repeated after a lost answer starts nothing twice. Raises ConfigError."""
    if conf.emr is not None:
        settings = conf.emr.spark_submit | {"spark.archives": deployment.archives}
        emr = conf.emr.model_copy(update={"entry_point": deployment.entry, "spark_submit": settings})
        conf = conf.model_copy(update={"emr": emr})
    request = nightly_request(conf, conf_name, _ANY)
    said = " ".join(arguments)
    hour = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H}"
    token = hashlib.sha256(f"{deployment.id} {hour} {said}".encode()).hexdigest()[:16]
    request["jobDriver"]["sparkSubmit"]["entryPointArguments"] = ["--conf", conf_name, *arguments]
    request |= {
        "clientToken": f"run-{token}", "name": f"telematics {said}"[:250], "executionTimeoutMinutes": minutes,
        "tags": {"deployment": deployment.id},
    }  # fmt: skip
    check(request)
    return request


def wait(
    client: Any, application_id: str, run_id: str, minutes: int, sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:  # fmt: skip
    """Wait until the run has ended well; what it said. Raises GateFailed where it ended otherwise, and EnvironmentProblem after
    `minutes`, when it is cancelled."""
    until = clock() + minutes * 60
    while True:
        run = _run(client, application_id, run_id)
        if run["state"] == WELL:
            return f"{run_id}: {run['state']}"
        if run["state"] in ILL:
            raise GateFailed(f"{run_id} ended as {run['state']}: {' '.join(str(run.get('stateDetails', '')).split())}")
        if clock() > until:
            client.cancel_job_run(applicationId=application_id, jobRunId=run_id)
            raise EnvironmentProblem(f"{run_id} was {run['state']} after {minutes} minutes, and is cancelled")
        sleep(POLL_S)


def _run(client: Any, application_id: str, run_id: str) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = client.get_job_run(applicationId=application_id, jobRunId=run_id)["jobRun"]
    except (BotoCoreError, ClientError) as e:
        # boto3 has tried again by itself; the run goes on, and so does the watch
        return {"state": "UNKNOWN", "stateDetails": " ".join(str(e).split())}
    return answer
