"""Finding a Java 17: JAVA_HOME, then the PATH, then the one `telematics doctor --mend` installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from lake.errors import EnvironmentProblem

JAVA_MAJOR = 17
"""What EMR emr-spark-8.1.0 runs Spark 4.1 on; Spark 4 accepts no older one."""
MEND = (
    f"install it with your system's packages (Debian: apt-get install openjdk-{JAVA_MAJOR}-jre-headless, "
    f"macOS: brew install openjdk@{JAVA_MAJOR}) and set JAVA_HOME, or run `telematics doctor --mend`"
)


def installed_jdk_folder() -> Path:
    """Where `doctor --mend` puts a JDK."""
    return Path("~/.cache/insurityai-telematics/jdk").expanduser()


def java_major(java: str) -> int | None:
    """Major version of a java executable, or None if it does not run."""
    try:
        out = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    found = re.search(r'version "(\d+)', out.stderr + out.stdout)
    return int(found.group(1)) if found else None


def _candidates() -> list[str]:
    homes = [os.environ["JAVA_HOME"]] if os.environ.get("JAVA_HOME") else []
    on_path = [shutil.which("java")] if not homes else []
    mended = sorted(str(p) for p in installed_jdk_folder().glob("*/bin/java"))
    mended += sorted(str(p) for p in installed_jdk_folder().glob("*/Contents/Home/bin/java"))
    return [f"{h}/bin/java" for h in homes] + [p for p in on_path if p] + mended


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
