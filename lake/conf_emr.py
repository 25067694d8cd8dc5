"""Sections of a configuration that say where on EMR a start goes, with which role, and what it costs."""

from typing import Annotated, Literal

from pydantic import Field

from lake.conf_section import Section

RoleName = Literal["night", "train", "maintain", "replay"]
Arn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]


class Prices(Section):
    """List prices of EMR Serverless on ARM in us-east-1, dollars. The one place that has them."""

    vcpu_hour: Annotated[float, Field(ge=0, description="of a vCPU")] = 0.042094
    gb_hour: Annotated[float, Field(ge=0, description="of a GB of memory")] = 0.004628
    storage_gb_hour: Annotated[float, Field(ge=0, description="of a GB of disk beyond the 20 GB that each worker has")] = 0.000111

    def core_hour(self, memory_gb: float) -> float:
        """Dollars of a vCPU with so much memory for an hour."""
        return self.vcpu_hour + memory_gb * self.gb_hour


class Roles(Section):
    """One role per application start: a run has one role for all that it does."""

    night: Annotated[Arn, Field(description="of nightly and backfill")]
    train: Annotated[Arn, Field(description="of train")]
    maintain: Annotated[Arn, Field(description="of maintain")]
    replay: Annotated[Arn, Field(description="of quarantine replay")]


class Ec2(Section):
    """The EC2 cluster for what one Serverless run is too dear for."""

    cluster_id: Annotated[str, Field(pattern=r"^j-[A-Z0-9]+$", description="id of the running cluster")]
    spark_submit: Annotated[
        dict[str, str], Field(default_factory=dict, description="over the settings that a Serverless run has")
    ]


class Emr(Section):
    """The EMR Serverless application that runs the night, and what a submission needs."""

    region: Annotated[str, Field(description="AWS region of the application")]
    application_id: Annotated[str, Field(pattern=r"^[0-9a-z]{1,64}$", description="EMR Serverless application")]
    execution_role_arns: Annotated[Roles, Field(description="start -> its role")]
    entry_point: Annotated[str, Field(pattern=r"^s3://", description="emr/entry.py as deployed")]
    log_uri: Annotated[str, Field(pattern=r"^s3://", description="prefix for driver and executor logs")]
    timeout_minutes: Annotated[int, Field(ge=5, le=10_080, description="a run that takes longer is cancelled by EMR")] = 240
    spark_submit: Annotated[
        dict[str, str], Field(default_factory=dict, description="Spark settings that must be known before the driver starts")
    ]
    of_starts: Annotated[
        dict[RoleName, dict[str, str]],
        Field(default_factory=dict, description="role -> settings of its Serverless runs over spark_submit"),
    ]
    ec2: Annotated[Ec2 | None, Field(description="a cluster for steps; null: none")] = None
    prices: Annotated[Prices, Field(description="what a run's billed resources cost")] = Prices()
    monthly_budget_dollars: Annotated[float, Field(gt=0, description="of runs; `emr cost --month` compares")] = 800.0

    def settings_of(self, role: RoleName) -> dict[str, str]:
        """Spark settings that a start with the role is submitted with."""
        return self.spark_submit | self.of_starts.get(role, {})
