# EMR in both its forms, and what starts it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "telematics-test"
  account_id         = "123456789012"
  region             = "us-east-1"
  release_label      = "emr-spark-8.1.0"
  max_vcpus          = 16
  subnet_ids         = ["subnet-a", "subnet-b"]
  security_group_ids = ["sg-jobs"]
  security_group_id  = "sg-jobs"
  vpc_id             = "vpc-1"
  buckets            = { artifacts = "artifacts", logs = "logs" }
  key_arns           = { data = "arn:aws:kms:us-east-1:123456789012:key/data", audit = "arn:aws:kms:us-east-1:123456789012:key/audit" }
  starts             = ["night", "train"]
  core_units         = 16
  max_units          = 160
}

run "the_application" {
  command = plan
  module {
    source = "./modules/serverless"
  }

  assert {
    condition     = aws_emrserverless_application.this.type == "SPARK" && aws_emrserverless_application.this.architecture == "ARM64"
    error_message = "Release 8 knows type SPARK only, and the packed environment is built for ARM64."
  }
  assert {
    condition     = length(aws_emrserverless_application.this.initial_capacity) == 0
    error_message = "Workers that wait for a night cost all day."
  }
  assert {
    condition     = aws_emrserverless_application.this.maximum_capacity[0].cpu == "16 vCPU" && aws_emrserverless_application.this.maximum_capacity[0].memory == "64 GB"
    error_message = "A run has no ceiling."
  }
}

run "another_release" {
  command = plan
  module {
    source = "./modules/serverless"
  }
  variables {
    release_label = "emr-7.13.0"
  }
  expect_failures = [var.release_label]
}

run "the_cluster" {
  command = plan
  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = length(aws_emr_instance_fleet.task.instance_type_configs) >= 5
    error_message = "Spot asks for five types at least."
  }
  # Graviton: a letter or two, a generation, g
  assert {
    condition     = alltrue([for c in aws_emr_instance_fleet.task.instance_type_configs : can(regex("^[a-z]+[0-9]gd?\\.", c.instance_type))])
    error_message = "A type that is not Graviton cannot run the packed environment."
  }
  assert {
    condition = (
      one(one(aws_emr_instance_fleet.task.launch_specifications).spot_specification).allocation_strategy == "price-capacity-optimized"
      && one(one(aws_emr_instance_fleet.task.launch_specifications).spot_specification).timeout_action == "SWITCH_TO_ON_DEMAND"
    )
    error_message = "Spot is to be where there is most of it, and on-demand where there is none."
  }
  assert {
    condition = alltrue([
      for fleet in [aws_emr_cluster.this.master_instance_fleet[0], aws_emr_cluster.this.core_instance_fleet[0]] :
      fleet.target_on_demand_capacity > 0 && length(fleet.launch_specifications[0].spot_specification) == 0
    ])
    error_message = "Primary and core nodes are never spot."
  }
  assert {
    condition     = one(aws_emr_cluster.this.auto_termination_policy).idle_timeout == 1800
    error_message = "The cluster does not end by itself."
  }
  assert {
    condition     = one(aws_emr_managed_scaling_policy.this.compute_limits).maximum_ondemand_capacity_units == 16 && one(aws_emr_managed_scaling_policy.this.compute_limits).maximum_capacity_units == 160
    error_message = "Scaling beyond core is spot, to a limit."
  }
}

run "the_clusters_security" {
  command = plan
  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = jsondecode(aws_emr_security_configuration.this.configuration).InstanceMetadataServiceConfiguration.MinimumInstanceMetadataServiceVersion == 2
    error_message = "IMDSv1 is on."
  }
  assert {
    condition = alltrue([
      jsondecode(aws_emr_security_configuration.this.configuration).EncryptionConfiguration.EnableAtRestEncryption,
      jsondecode(aws_emr_security_configuration.this.configuration).EncryptionConfiguration.EnableInTransitEncryption,
      jsondecode(aws_emr_security_configuration.this.configuration).EncryptionConfiguration.AtRestEncryptionConfiguration.LocalDiskEncryptionConfiguration.EnableEbsEncryption,
      jsondecode(aws_emr_security_configuration.this.configuration).EncryptionConfiguration.AtRestEncryptionConfiguration.S3EncryptionConfiguration.EncryptionMode == "SSE-KMS",
    ])
    error_message = "Not encrypted everywhere: ${aws_emr_security_configuration.this.configuration}"
  }
}
