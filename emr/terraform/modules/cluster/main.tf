# A cluster for what one Serverless run is too dear for: the backfill of a history. It ends itself when idle; the next
# `terraform apply` would make it again, so it is switched on by a variable for the job at hand and off afterwards.

resource "aws_emr_cluster" "this" {
  name          = var.name
  release_label = var.release_label
  applications  = ["Spark"]
  service_role  = aws_iam_role.service.arn
  tags          = { "for-use-with-amazon-emr-managed-policies" = "true" }

  security_configuration    = aws_emr_security_configuration.this.name
  log_uri                   = "s3://${var.buckets["logs"]}/emr/"
  log_encryption_kms_key_id = var.key_arns["audit"]

  # steps say when they are done; the policy below says when nobody has given one for a while
  keep_job_flow_alive_when_no_steps = true
  termination_protection            = false
  unhealthy_node_replacement        = true
  step_concurrency_level            = 1
  scale_down_behavior               = "TERMINATE_AT_TASK_COMPLETION"

  auto_termination_policy {
    idle_timeout = var.idle_minutes * 60
  }

  ec2_attributes {
    instance_profile                  = aws_iam_instance_profile.node.arn
    subnet_ids                        = var.subnet_ids
    emr_managed_master_security_group = var.security_group_id
    emr_managed_slave_security_group  = var.security_group_id
    service_access_security_group     = aws_security_group.service.id
  }

  # a cluster whose primary or core node is reclaimed is lost, so these are never spot
  master_instance_fleet {
    name                      = "primary"
    target_on_demand_capacity = 1
    instance_type_configs {
      instance_type = "m7g.xlarge"
    }
    instance_type_configs {
      instance_type = "m6g.xlarge"
    }
    launch_specifications {
      on_demand_specification {
        allocation_strategy = "lowest-price"
      }
    }
  }

  core_instance_fleet {
    name                      = "core"
    target_on_demand_capacity = var.core_units
    dynamic "instance_type_configs" {
      for_each = { "r7g.2xlarge" = 8, "r6g.2xlarge" = 8, "r8g.2xlarge" = 8 }
      content {
        instance_type     = instance_type_configs.key
        weighted_capacity = instance_type_configs.value
        ebs_config {
          type = "gp3"
          size = 128
        }
      }
    }
    launch_specifications {
      on_demand_specification {
        allocation_strategy = "lowest-price"
      }
    }
  }

  configurations_json = jsonencode([
    { Classification = "delta-defaults", Properties = { "delta.enabled" = "true" } },
    # a node that is about to go gives its shuffle blocks away first
    { Classification = "spark-defaults", Properties = {
      "spark.decommission.enabled"                       = "true"
      "spark.storage.decommission.enabled"               = "true"
      "spark.storage.decommission.shuffleBlocks.enabled" = "true"
    } },
  ])
}

# Spot is asked for in many types at once: the more pools, the fewer are reclaimed together.
resource "aws_emr_instance_fleet" "task" {
  cluster_id           = aws_emr_cluster.this.id
  name                 = "task"
  target_spot_capacity = 0

  dynamic "instance_type_configs" {
    for_each = local.task_types
    content {
      instance_type                              = instance_type_configs.key
      weighted_capacity                          = instance_type_configs.value
      bid_price_as_percentage_of_on_demand_price = 100
      ebs_config {
        type = "gp3"
        size = 128
      }
    }
  }
  launch_specifications {
    spot_specification {
      allocation_strategy      = "price-capacity-optimized"
      timeout_action           = "SWITCH_TO_ON_DEMAND"
      timeout_duration_minutes = 10
    }
    on_demand_specification {
      allocation_strategy = "lowest-price"
    }
  }

  lifecycle {
    # managed scaling moves it
    ignore_changes = [target_spot_capacity]
  }
}

locals {
  # weighted by vCPU, memory-heavy types first; all of them Graviton, as the packed environment is built for ARM64
  task_types = {
    "r7g.2xlarge"  = 8
    "r6g.2xlarge"  = 8
    "r8g.2xlarge"  = 8
    "r7gd.2xlarge" = 8
    "r6gd.2xlarge" = 8
    "m7g.4xlarge"  = 16
  }
}

resource "aws_emr_managed_scaling_policy" "this" {
  cluster_id = aws_emr_cluster.this.id
  compute_limits {
    unit_type                       = "InstanceFleetUnits"
    minimum_capacity_units          = var.core_units
    maximum_capacity_units          = var.max_units
    maximum_core_capacity_units     = var.core_units
    maximum_ondemand_capacity_units = var.core_units
  }
}
