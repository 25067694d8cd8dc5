"""Each Spark setting of each target has one reason, and the page says what is set."""

import pytest

from emr.settings import ENVIRONMENTS, PAGE, ec2, own_machine, page, reason_of, reasons, serverless, targets
from lake.conf import load_conf
from lake.session import OWN_MACHINE


@pytest.fixture(autouse=True)
def as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own S3 server is nobody else's."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def test_each_setting_has_one_reason_and_each_reason_a_setting() -> None:
    known = reasons()
    keys = {key for found in targets().values() for key in found}
    assert {key: found for key in keys if len(found := reason_of(key, known)) != 1} == {}
    assert {x for key in keys for x in reason_of(key, known)} == set(known)


def test_the_page_is_what_is_set() -> None:
    assert PAGE.read_text() == page(), "run `python -m emr.settings`"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_suits_one_machine_only_is_not_set_on_emr(environment: str) -> None:
    assert set(OWN_MACHINE) <= set(own_machine())
    conf = load_conf(environment)
    for found in (serverless(conf), ec2(conf)):
        assert not set(OWN_MACHINE) & set(found)
        # two drivers on S3 lose commits without it
        assert found["spark.delta.logStore.s3.impl"] == "io.delta.storage.S3DynamoDBLogStore"
        assert found["spark.sql.ansi.enabled"] == "true"
    assert not [key for key in ec2(conf) if "emr-serverless" in key]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_sizes_fit_each_other(environment: str) -> None:
    found = serverless(load_conf(environment))
    cores = int(found["spark.executor.cores"]) * int(found["spark.dynamicAllocation.maxExecutors"])
    assert int(found["spark.sql.shuffle.partitions"]) == 4 * cores
    assert int(found["spark.dynamicAllocation.initialExecutors"]) <= int(found["spark.dynamicAllocation.maxExecutors"])
