"""Sending a request to EMR Serverless."""

from typing import Any

from emr.request import SERVICE, Request
from lake.errors import EnvironmentProblem


def client(region: str) -> Any:
    """boto3's client of EMR Serverless, with credentials found the usual way."""
    import boto3

    return boto3.client(SERVICE, region_name=region)  # type: ignore[call-overload]


def submit(request: Request, emr_client: Any) -> str:
    """Start the job run; the same request again gives the run that is there. Returns its id.

    Raises EnvironmentProblem with AWS's reason where nothing was started.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(emr_client.start_job_run(**request)["jobRunId"])
    except (BotoCoreError, ClientError) as e:
        why = " ".join(str(e).split())
        raise EnvironmentProblem(f"could not submit {request['clientToken']} to EMR Serverless: {why}") from e
