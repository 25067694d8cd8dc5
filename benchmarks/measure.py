"""What a benchmark returns, and the CPU time of this process with the JVM and the Python workers below it."""

import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One comparison; `ours` and `peer` were measured in the same run, both in `unit`; below 1, ours takes less."""

    work: str
    ours: float
    peer: float
    unit: str
    versions: str

    @property
    def ratio(self) -> float:
        """ours / peer."""
        return self.ours / self.peer if self.peer else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio}


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    reaped = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + reaped)


def tree_cpu_s() -> float:
    """CPU seconds that this process and all those below it have used, with those that have ended."""
    here = psutil.Process()
    return sum(_cpu_s(p) for p in (here, *here.children(recursive=True)))


def cpu_seconds(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and the CPU seconds it took."""
    before = tree_cpu_s()
    result = work()
    return result, tree_cpu_s() - before


def bytes_read(work: Callable[[], object]) -> int:
    """Bytes that `work` read from files, in this process, the JVM and the Python workers below it (Linux): Spark's own count
    leaves out what Parquet's vectored reads fetch in other threads."""
    before = _tree_read()
    work()
    return _tree_read() - before


def _tree_read() -> int:
    here = psutil.Process()
    return sum(p.io_counters().read_chars for p in (here, *here.children(recursive=True)))


def machine() -> str:
    """The machine in one line."""
    memory_gb = psutil.virtual_memory().total / 1e9
    python = platform.python_version()
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()}, Python {python}"


def tree_peak_gb() -> float:
    """Largest resident memory of this process and of each below it, added up (Linux): no less than the peak of the sum."""
    here = psutil.Process()
    return sum(_peak_kb(p.pid) for p in (here, *here.children(recursive=True))) / 1024**2


@contextmanager
def memory_gb(every_s: float = 1.0) -> Iterator[list[float]]:
    """Resident memory of this process and all below it, a value each `every_s` seconds; what they share counts twice."""
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(every_s):
            here = psutil.Process()
            seen.append(sum(_resident(p) for p in (here, *here.children(recursive=True))) / 1024**3)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _peak_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(x.split()[1]) for x in lines if x.startswith("VmHWM")), 0)
