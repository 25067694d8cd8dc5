"""Any command of `telematics` as one job run of EMR Serverless, from a deployment by its id: what a release tries before it is
used. Nights that count go through `telematics emr submit`."""

import datetime as dt
import hashlib
from collections.abc import Sequence

from emr.deploy import Deployment
from emr.starts import Start
from lake.conf import Conf

SHOWN_CHARACTERS = 150
"""Of the arguments in a run's name, for which EMR has 256."""


def conf_of(conf: Conf, deployment: Deployment, minutes: int) -> Conf:
    """The configuration with the deployment's files and a time limit of its own; as it is where it has no `emr` section."""
    if conf.emr is None:
        return conf
    given = {
        "entry_point": deployment.entry,
        "spark_submit": conf.emr.spark_submit | {"spark.archives": deployment.archives},
        "timeout_minutes": minutes,
    }
    return conf.model_copy(update={"emr": conf.emr.model_copy(update=given)})


def start_of(deployment: Deployment, arguments: Sequence[str], today: dt.date, attempt: int) -> Start:
    """The start of a command, told apart by deployment, arguments, UTC day and attempt: sent again it is the same one."""
    said = " ".join(arguments)
    key = hashlib.sha256(f"{deployment.id} {today} {said}".encode()).hexdigest()[:16]
    title = f"{said[:SHOWN_CHARACTERS]} ({key})"
    return Start("run", "night", today, key, title, tuple(arguments), attempt, tags={"deployment": deployment.id})
