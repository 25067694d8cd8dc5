"""The application wheel: every package of the tree, one console command, and the commands other layers add to it."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
PACKAGES = ("conf", "lake", "transforms", "expectations", "training", "registry", "monitoring", "jobs", "simulator", "emr")


def runtime_requirements() -> list[str]:
    """Direct dependencies from requirements.in, without the development ones below its `# development` line."""
    runtime = (ROOT / "requirements.in").read_text().split("# development")[0]
    return [line.strip() for line in runtime.splitlines() if line.strip() and not line.startswith("#")]


setup(
    name="insurityai-telematics",
    version="0.1.0",
    description="Usage-based motor insurance on Apache Spark: raw points to nightly scored policies",
    python_requires="==3.11.*",
    packages=find_packages(include=[name for package in PACKAGES for name in (package, f"{package}.*")]),
    package_data={
        "lake": ["log4j2.properties", "va_loadings_v2.json"],
        "conf": ["*.yml", "*.yaml", "sources/*.yml", "rules/*.yml", "models/*.yml"],
        "monitoring": ["templates/*"],
        "training": ["templates/*"],
        "jobs": ["templates/*"],
        "emr": ["throughput.yml", "settings.yml", "environment/*.sh", "environment/*.lock"],
        "": ["*.html", "*.j2"],
    },
    install_requires=runtime_requirements(),
    entry_points={
        "console_scripts": ["telematics = jobs.cli:main"],
        "telematics.commands": ["emr = emr.cli:app"],
    },
)
