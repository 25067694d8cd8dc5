"""Switch off the usage reports that MLflow, Great Expectations, Evidently and others send to their makers.

Imported before any of them (lake.conf is imported by everything that starts a process); a value the user set stays.
"""

import os

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}


def silence() -> None:
    """Set every variable that is not set."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
