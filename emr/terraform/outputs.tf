# What `telematics emr configure --env E` reads (terraform output -json), and what people look for. Where conf/<environment>.yml
# already names a place, the name must be that of what is made here: a plan that would part them does not go through.

locals {
  names = module.storage.buckets
  spark = local.conf.spark
}

output "region" {
  description = "emr.region"
  value       = var.region
}

output "application_id" {
  description = "emr.application_id"
  value       = module.serverless.id

  precondition {
    condition     = max(values(local.vcpus)...) <= var.max_vcpus
    error_message = "conf/${var.environment}.yml: a start may ask for ${max(values(local.vcpus)...)} vCPUs, and max_vcpus is ${var.max_vcpus}: it would wait for ever."
  }
  precondition {
    condition     = max(values(local.memory_gb)...) <= var.max_vcpus * 4
    error_message = "conf/${var.environment}.yml: a start may ask for ${max(values(local.memory_gb)...)} GB, and the application has 4 for each of ${var.max_vcpus} vCPUs: it would wait for ever."
  }
}

output "role_arns" {
  description = "emr.execution_role_arns"
  value       = module.roles.arns

  precondition {
    condition     = alltrue([for start, name in module.roles.names : endswith(local.conf.emr.execution_role_arns[start], ":role/${name}")])
    error_message = "conf/${var.environment}.yml: emr.execution_role_arns do not end in ${join(", ", values(module.roles.names))}."
  }
}

output "buckets" {
  description = "what -> name of its bucket"
  value       = local.names
}

output "lake" {
  description = "lake"
  value       = "s3://${local.names["lake"]}/${trimsuffix(module.storage.lake_prefix, "/")}"

  precondition {
    condition     = local.conf.lake == "s3://${local.names["lake"]}/${trimsuffix(module.storage.lake_prefix, "/")}"
    error_message = "conf/${var.environment}.yml: lake is ${local.conf.lake}, and the bucket is ${local.names["lake"]}."
  }
}

output "landing_root" {
  description = "landing.root"
  value       = "s3://${local.names["landing"]}"

  precondition {
    condition     = local.conf.landing.root == "s3://${local.names["landing"]}"
    error_message = "conf/${var.environment}.yml: landing.root is ${local.conf.landing.root}, and the bucket is ${local.names["landing"]}."
  }
}

output "entry_point" {
  description = "emr.entry_point"
  value       = local.conf.emr.entry_point

  precondition {
    condition     = startswith(local.conf.emr.entry_point, "s3://${local.names["artifacts"]}/")
    error_message = "conf/${var.environment}.yml: emr.entry_point is not in ${local.names["artifacts"]}."
  }
}

output "log_uri" {
  description = "emr.log_uri"
  value       = "s3://${local.names["logs"]}/emr/"

  precondition {
    condition     = local.conf.emr.log_uri == "s3://${local.names["logs"]}/emr/"
    error_message = "conf/${var.environment}.yml: emr.log_uri is ${local.conf.emr.log_uri}, and roles write to s3://${local.names["logs"]}/emr/."
  }
}

output "tracking_uri" {
  description = "mlflow_tracking_uri"
  value       = module.balancer.tracking_uri
}

output "lock_table" {
  description = "spark.io.delta.storage.S3DynamoDBLogStore.ddb.tableName"
  value       = module.locks.delta_log_table

  precondition {
    condition     = local.spark["spark.io.delta.storage.S3DynamoDBLogStore.ddb.tableName"] == module.locks.delta_log_table
    error_message = "conf/${var.environment}.yml: Delta's log store names another table than ${module.locks.delta_log_table}."
  }
  precondition {
    condition     = local.spark["spark.io.delta.storage.S3DynamoDBLogStore.ddb.region"] == var.region
    error_message = "conf/${var.environment}.yml: Delta's log store names another region than ${var.region}."
  }
}

output "lease_table" {
  description = "table of leases"
  value       = module.locks.lease_table
}

output "anchor" {
  description = "registry.anchor"
  value       = "s3://${local.names["anchor"]}/registry"

  precondition {
    condition     = local.conf.registry.anchor == "s3://${local.names["anchor"]}/registry"
    error_message = "conf/${var.environment}.yml: registry.anchor is ${local.conf.registry.anchor}, and the locked bucket is ${local.names["anchor"]}."
  }
}

output "athena" {
  description = "workgroup and databases for `telematics tables --ddl athena`"
  value       = { workgroup = module.catalog.workgroup, databases = module.catalog.databases }
}

output "addresses" {
  description = "what people open"
  value       = { for service, host in module.balancer.hosts : service => "https://${host}" }
}

output "repositories" {
  description = "image -> where it is pushed to"
  value       = module.services.repositories
}

output "alerts_topic" {
  description = "alerts.channels.sns"
  value       = module.topics.arns["alerts"]

  precondition {
    condition     = endswith(local.conf.alerts.channels.sns, ":${local.name}-alerts")
    error_message = "conf/${var.environment}.yml: alerts.channels.sns does not end in ${local.name}-alerts."
  }
}

output "machines" {
  description = "what -> its state machine"
  value       = module.orchestration.machines
}

output "cluster_id" {
  description = "the EC2 cluster; null while it is off"
  value       = one(module.cluster[*].id)
}

output "pipeline" {
  description = "what release.yml is told: AWS_ROLE by environment, and IMAGE_REPOSITORY"
  value       = one([for p in module.pipeline : { roles = p.role_arns, image_repository = p.image_repository }])
}
