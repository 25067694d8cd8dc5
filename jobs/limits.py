"""The time that a job of a night may take."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from pyspark import SparkContext

from lake.errors import TimedOut

AGAIN_S = 0.5
"""Between two looks for Spark jobs to cancel: a job that was told to end may begin another."""


@contextmanager
def limited(context: SparkContext, job: str, limit_s: float | None) -> Iterator[None]:
    """Cancel what this thread asks of Spark once it has taken longer than `limit_s`, and raise TimedOut in the place of what that
    makes fail. Work beside Spark is not interrupted: what ends well, ends well. Other threads' work goes on."""
    if limit_s is None:
        yield
        return
    tag, over, ended = f"limited-{job}", Event(), Event()

    def watch() -> None:
        if not ended.wait(limit_s):
            over.set()
            while not ended.wait(AGAIN_S):
                context.cancelJobsWithTag(tag)

    watching = Thread(target=watch, name=f"limit of {job}", daemon=True)
    context.addJobTag(tag)
    watching.start()
    try:
        yield
    except Exception as e:
        if over.is_set():
            raise TimedOut(f"{job} took longer than nightly.job_timeout_minutes allows ({limit_s / 60:g})") from e
        raise
    finally:
        ended.set()
        watching.join()
        context.removeJobTag(tag)
