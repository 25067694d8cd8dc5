"""Finding a Java 17: JAVA_HOME, the PATH, where systems put theirs, then the one `telematics doctor --mend` installed."""

import os
import re
import shutil
import subprocess  # nosec B404 # asks a Java for its version, no shell
from pathlib import Path

from lake.errors import EnvironmentProblem

JAVA_MAJOR = 17
"""What EMR emr-spark-8.1.0 runs Spark 4.1 on; Spark 4 accepts no older one."""
MEND = (
    f"install it with your system's packages (Debian: apt-get install openjdk-{JAVA_MAJOR}-jre-headless, "
    f"macOS: brew install openjdk@{JAVA_MAJOR}) and set JAVA_HOME, or run `telematics doctor --mend`"
)
SYSTEM_JAVAS = (
    f"/usr/lib/jvm/*{JAVA_MAJOR}*/bin/java",
    f"/opt/homebrew/opt/openjdk@{JAVA_MAJOR}/bin/java",
    f"/Library/Java/JavaVirtualMachines/*{JAVA_MAJOR}*/Contents/Home/bin/java",
)
"""Where Debian, Red Hat, Homebrew and macOS keep a Java that need not be the default one."""
_VERSION_TIMEOUT_S = 60


def installed_jdk_folder() -> Path:
    """Where `doctor --mend` puts a JDK."""
    return Path("~/.cache/insurityai-telematics/jdk").expanduser()


def java_major(java: str) -> int | None:
    """Major version of a java executable (8 for the old 1.8 scheme), or None if it does not run."""
    try:
        command = [java, "-version"]
        out = subprocess.run(command, capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False)  # nosec B603 # as above
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', out.stderr + out.stdout)
    return int(found.group(1)) if found else None


def _candidates() -> list[str]:
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    first = [f"{home}/bin/java"] if home else []
    first += [on_path] if on_path else []
    system = [str(p) for pattern in SYSTEM_JAVAS for p in sorted(Path("/").glob(pattern.lstrip("/")))]
    mended = [str(p) for p in sorted(installed_jdk_folder().glob("**/bin/java"))]
    return list(dict.fromkeys(first + system + mended))


def find_java() -> str:
    """Path of a Java 17 executable. Raises EnvironmentProblem in one sentence that says how to mend it."""
    seen: list[str] = []
    for java in _candidates():
        major = java_major(java)
        if major == JAVA_MAJOR:
            return java
        seen.append(f"{java} is {'Java ' + str(major) if major else 'not a working Java'}")
    what = "; ".join(seen) if seen else "no Java was found"
    raise EnvironmentProblem(f"Java {JAVA_MAJOR} is needed, but {what}: {MEND}.")


def use_java() -> None:
    """Point JAVA_HOME at the Java 17 that was found, for the JVM that pyspark starts."""
    os.environ["JAVA_HOME"] = str(Path(find_java()).resolve().parent.parent)
