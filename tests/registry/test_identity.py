"""Who approves: a real MLflow server with logins says so, and AWS does; nobody else's word counts."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError
from registry.actors import PASSWORD, USER, Actor, actor
from tests.servers import free_port

pytestmark = pytest.mark.slow
NEEDED = ("Flask-WTF==1.2.2", "WTForms==3.2.1")
"""What `mlflow[auth]` adds; only the server with logins needs it, so it is in a folder of its own."""
NAME, SECRET = "rita", "a-password-of-the-tests-1"
START_S = 120.0


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an MLflow server that knows one user."""
    root = tmp_path_factory.mktemp("mlflow")
    uv = str(Path(sys.executable).with_name("uv"))
    done = subprocess.run(
        [uv, "pip", "install", "-q", "--no-deps", "--target", str(root / "site"), *NEEDED],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr.splitlines()[-1:]}")
    (root / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{root}/auth.db\nadmin_username = {NAME}\n"
        f"admin_password = {SECRET}\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    port = free_port()
    own = {
        "PYTHONPATH": str(root / "site"),
        "MLFLOW_AUTH_CONFIG_PATH": str(root / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "x",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "1", "--backend-store-uri", f"sqlite:///{root}/mlflow.db"],
        cwd=root, env={**os.environ, **own}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None and time.monotonic() < until, "MLflow with logins did not start"
            time.sleep(0.5)


@pytest.fixture
def at_server(conf: Conf, login: str, monkeypatch: pytest.MonkeyPatch) -> Conf:
    monkeypatch.setenv(USER, NAME)
    monkeypatch.setenv(PASSWORD, SECRET)
    return conf.model_copy(update={"mlflow_tracking_uri": login})


def test_who_mlflow_lets_in_is_verified(at_server: Conf) -> None:
    found = actor(at_server)
    assert (found.name, found.verified, found.source) == (NAME, True, "MLflow")
    assert actor(at_server, NAME) == found


def test_nobody_is_somebody_else(at_server: Conf) -> None:
    with pytest.raises(InputError, match=f"--as paul: MLflow says that you are {NAME}"):
        actor(at_server, "paul")


@pytest.mark.parametrize(("name", "password"), [(NAME, "wrong"), ("paul", SECRET), (NAME, "")])
def test_a_wrong_password_is_refused_and_not_repeated(
    at_server: Conf, monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    monkeypatch.setenv(USER, name)
    monkeypatch.setenv(PASSWORD, password)
    with pytest.raises(EnvironmentProblem, match=f"MLflow does not accept {USER} {name}") as e:
        actor(at_server)
    assert not password or password not in str(e.value)


@mock_aws
def test_the_caller_of_aws_is_verified(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", USER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = actor(conf.model_copy(update={"lake": "s3://bucket/lake"}))
    assert found.verified and found.source == "AWS" and found.name.startswith("arn:aws:sts::")


@mock_aws
def test_sts_is_asked_where_aws_has_it(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", USER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # nobody listens there: whoever did could say any name
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    assert actor(conf.model_copy(update={"lake": "s3://bucket/lake"})).verified


def test_a_session_s_name_makes_nobody_another() -> None:
    ann, rita = (Actor(f"arn:aws:sts::123456789012:assumed-role/Dev/{name}", True, "AWS") for name in ("ann", "rita"))
    assert ann.principal == rita.principal == "arn:aws:sts::123456789012:assumed-role/Dev"
    other = Actor("arn:aws:sts::123456789012:assumed-role/Review/ann", True, "AWS")
    users = [Actor(f"arn:aws:iam::123456789012:user/{name}", True, "AWS") for name in ("ann", "rita")]
    assert len({x.principal for x in (ann, other, *users)}) == 4


def test_a_local_name_is_nobodys_word(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(USER, raising=False)
    found = actor(conf, "rita")
    assert (found.name, found.verified, found.source) == ("rita", False, "claimed")
