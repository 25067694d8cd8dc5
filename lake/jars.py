"""The jars Delta and S3 need, by pinned coordinates and checksums, fetched once into a folder.

Ivy, which ships inside pyspark, fetches them from its default repository, so neither Maven nor a repository's
address is needed here.
"""

import fcntl
import hashlib
import subprocess  # nosec B404 # Java on a jar of known digest, no shell
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyspark

from lake.errors import EnvironmentProblem, TelematicsError
from lake.java import find_java


@dataclass(frozen=True)
class Jar:
    """A Maven coordinate and the sha256 of its jar."""

    organisation: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the jar folder."""
        return f"{self.organisation}_{self.artifact}-{self.version}.jar"


DELTA_JARS = (
    Jar("io.delta", "delta-spark_4.1_2.13", "4.2.0", "8480050a55c7e50427f3bec3af9243f98fc7cbfa453a2ef55e6ea8d0b7b121ff"),
    Jar("io.delta", "delta-storage", "4.2.0", "2d84df76551f2b3cd27b120abec67ccbba324cea6ec45eb659edcc54234f99f3"),
    Jar("io.delta", "delta-kernel-api", "4.2.0", "7c5e742192794b069ac64fb40ab0933e1a70d27f1f32805bdd8c06af1d4df012"),
    Jar("io.delta", "delta-kernel-defaults", "4.2.0", "ce6cfcde63a1642fc71b836b90a4056b9b8c90d22fb66e8d103bf33f750419c7"),
    Jar("io.delta", "delta-kernel-unitycatalog", "4.2.0", "8bbdfe74de90dea403e8c749da045a62f96810378f362ab99e7e030f75963b49"),
    Jar("io.unitycatalog", "unitycatalog-client", "0.4.1", "133ac960d301f2c95ef3c763f88e04939de76938892e144393e4018d29dd3469"),
)
S3_JARS = (
    Jar("org.apache.hadoop", "hadoop-aws", "3.4.2", "d2d24e6b715b5656b9d238bf13b6682a07e2004dd36aad74a73aeb854319f4d9"),
    Jar("software.amazon.awssdk", "bundle", "2.29.52", "62638f33045690c6bc5e496b54b0b2e89a9ad38cbedacdf6e017fea6bc85f55c"),
)
"""Some 640 MB, which a lake on disk has no use for: fetched when a place on S3 is first named."""


def _is_good(path: Path, jar: Jar) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == jar.sha256


def missing_jars(folder: Path, wanted: Sequence[Jar] = DELTA_JARS) -> list[Jar]:
    """Jars that are absent from the folder or differ from their checksum."""
    return [jar for jar in wanted if not _is_good(folder / jar.file_name, jar)]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(jar: Jar, folder: Path) -> None:
    with TemporaryDirectory(dir=folder) as work:
        command = [
            find_java(), "-cp", f"{Path(pyspark.__file__).parent}/jars/*", "org.apache.ivy.Main",
            "-notransitive", "-confs", "default", "-cache", f"{work}/ivy",
            "-dependency", jar.organisation, jar.artifact, jar.version,
            "-retrieve", f"{work}/[organisation]_[artifact]-[revision].[ext]",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)  # nosec B603 # as above
        fetched = Path(work) / jar.file_name
        if not _is_good(fetched, jar):
            why = "its checksum differs from the pinned one" if fetched.is_file() else (done.stdout + done.stderr).strip()[-300:]
            raise EnvironmentProblem(f"cannot fetch {jar.organisation}:{jar.artifact}:{jar.version}: {' '.join(why.split())}")
        fetched.replace(folder / jar.file_name)


def ensure_jars(folder: Path, wanted: Sequence[Jar] = DELTA_JARS) -> list[Path]:
    """Paths of the wanted jars, fetching what is missing; safe when two processes start at once.

    Raises EnvironmentProblem naming the jar that cannot be had.
    """
    if missing_jars(folder, wanted):
        with _locked(folder):
            for jar in missing_jars(folder, wanted):
                _fetch(jar, folder)
    return [folder / jar.file_name for jar in wanted]


def main() -> int:
    """`python -m lake.jars [s3]`: fetch what is missing into the configured folder; 0, or the problem's exit code."""
    from lake.conf import load_conf

    wanted = DELTA_JARS + (S3_JARS if "s3" in sys.argv[1:] else ())
    try:
        folder = load_conf().jars
        if folder is not None:
            ensure_jars(Path(folder).expanduser(), wanted)
    except TelematicsError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
