"""Drivers in processes of their own, killed when something appears in their lake."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT

Seen = Callable[[], bool]
GIVE_UP_S = 300.0


def start(conf: Path, *arguments: str) -> subprocess.Popen[str]:
    """`telematics --conf CONF ARGUMENTS` in a process group of its own: the Python process and its JVM."""
    command = [sys.executable, "-m", "jobs.cli", "--conf", str(conf), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def kill_when(driver: subprocess.Popen[str], seen: Seen) -> None:
    """SIGKILL to the driver and its JVM at once, as soon as `seen`. Fails where the driver ends before."""
    until = time.monotonic() + GIVE_UP_S
    try:
        while not seen():
            assert driver.poll() is None, f"ended before it could be killed: {driver.communicate()[0][-2000:]}"
            assert time.monotonic() < until, "it never came to the point where it was to be killed"
            time.sleep(0.002)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()


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
