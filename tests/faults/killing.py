"""Drivers in processes of their own, killed when something appears in their lake."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import ROOT

Seen = Callable[[], bool]
GIVE_UP_S = 300.0


DRIVER = """
import sys
from jobs.cli import run
from lake.conf import load_conf
from lake.session import spark_session

spark_session(load_conf(sys.argv[1]))
sys.stdin.readline()
sys.exit(run(["--conf", *sys.argv[1:]]))
"""
"""`telematics --conf CONF ARGUMENTS`, whose session is there before it is told to go."""


def drivers(times: int, conf: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Drivers one after the other; each starts its session while the one before it works."""
    waiting = [_start(conf, arguments)]
    try:
        for n in range(times):
            if n + 1 < times:
                waiting.append(_start(conf, arguments))
            yield waiting.pop(0)
    finally:
        for driver in waiting:
            _kill(driver)


def _start(conf: Path, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    return _process("-c", DRIVER, str(conf), *arguments)


def start(conf: Path, *arguments: str) -> subprocess.Popen[str]:
    """`telematics --conf CONF ARGUMENTS`, which goes at once."""
    return _process("-m", "jobs.cli", "--conf", str(conf), *arguments)


def _process(*python: str) -> subprocess.Popen[str]:
    """In a process group of its own: the Python process, its workers and its JVM."""
    return subprocess.Popen(
        [sys.executable, *python], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def _kill(driver: subprocess.Popen[str]) -> None:
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()


def kill_when(driver: subprocess.Popen[str], seen: Seen) -> None:
    """Let it go, and SIGKILL the driver and its JVM at once, as soon as `seen`. Fails where the driver ends before."""
    until = time.monotonic() + GIVE_UP_S
    assert driver.stdin is not None
    try:
        driver.stdin.write("go\n")
        driver.stdin.flush()
        while not seen():
            assert driver.poll() is None, f"ended before it could be killed: {driver.communicate()[0][-2000:]}"
            assert time.monotonic() < until, "it never came to the point where it was to be killed"
            time.sleep(0.002)
    finally:
        _kill(driver)


def commits(lake: Path, table: str) -> int:
    """Entries in a table's log, by its files; 0 where there is none."""
    return len(list((lake / table.replace(".", "/", 1) / "_delta_log").glob("*.json")))


def one_more(lake: Path, table: str) -> Seen:
    """The table has a commit that it does not have now."""
    before = commits(lake, table)
    return lambda: commits(lake, table) > before


def there_is(lake: Path, pattern: str) -> Seen:
    """A path below the lake that is not there now."""
    before = set(lake.glob(pattern))
    return lambda: bool(set(lake.glob(pattern)) - before)
