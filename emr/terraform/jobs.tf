# EMR, who runs on it, and what starts it.

locals {
  conf = yamldecode(file("${path.module}/../../conf/${var.environment}.yml"))

  settings_of = {
    for start in ["night", "train"] : start => merge(local.conf.emr.spark_submit, lookup(lookup(local.conf.emr, "of_starts", {}), start, {}))
  }

  # what emr/request.py makes of them, word for word: sorted, and quoted where a shell would need it
  spark_submit_parameters = {
    for start, found in local.settings_of : start => join(" ", [
      for s in [for key, value in found : "${key}=${value}"] :
      "--conf ${length(regexall("[^a-zA-Z0-9_@%+=:,./-]", s)) == 0 ? s : "'${replace(s, "'", "'\"'\"'")}'"}"
    ])
  }
}

# what a start may ask for: vCPUs, and GB with Spark's overhead of a tenth where none is stated
locals {
  vcpus = {
    for start, s in local.settings_of : start =>
    tonumber(s["spark.driver.cores"]) + tonumber(s["spark.executor.cores"]) * tonumber(s["spark.dynamicAllocation.maxExecutors"])
  }
  worker_gb = {
    for start, s in local.settings_of : start => {
      for who in ["driver", "executor"] : who => ceil(
        tonumber(trimsuffix(s["spark.${who}.memory"], "g"))
        + try(tonumber(trimsuffix(s["spark.${who}.memoryOverhead"], "g")), tonumber(trimsuffix(s["spark.${who}.memory"], "g")) / 10)
      )
    }
  }
  memory_gb = {
    for start, s in local.settings_of : start =>
    local.worker_gb[start].driver + local.worker_gb[start].executor * tonumber(s["spark.dynamicAllocation.maxExecutors"])
  }
}

module "roles" {
  source = "./modules/roles"

  name                = local.name
  account_id          = local.account
  region              = var.region
  bucket_arns         = module.storage.arns
  lake_prefix         = module.storage.lake_prefix
  key_arns            = module.keys.arns
  delta_log_table_arn = module.locks.arns["delta_log"]
  alerts_topic_arn    = module.topics.arns["alerts"]
  cluster_role_arn    = one(module.cluster[*].node_role_arn)
}

module "serverless" {
  source = "./modules/serverless"

  name               = local.name
  release_label      = var.release_label
  max_vcpus          = var.max_vcpus
  subnet_ids         = module.network.subnets["jobs"]
  security_group_ids = [module.network.groups["jobs"]]
}

module "cluster" {
  source = "./modules/cluster"
  count  = var.cluster.is_on ? 1 : 0

  name              = local.name
  account_id        = local.account
  region            = var.region
  release_label     = var.release_label
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.subnets["jobs"]
  security_group_id = module.network.groups["jobs"]
  buckets           = module.storage.buckets
  key_arns          = module.keys.arns
  starts            = ["night", "train", "maintain", "replay"]
  core_units        = var.cluster.core_units
  max_units         = var.cluster.max_units
}

module "topics" {
  source = "./modules/topics"

  name               = local.name
  account_id         = local.account
  key_arn            = module.keys.arns["audit"]
  has_pagerduty      = nonsensitive(var.pagerduty_endpoint != null)
  pagerduty_endpoint = var.pagerduty_endpoint
  reviewer_emails    = var.reviewer_emails
}

module "orchestration" {
  source = "./modules/orchestration"

  name         = local.name
  account_id   = local.account
  region       = var.region
  application  = { id = module.serverless.id, arn = module.serverless.arn }
  role_arns    = module.roles.arns
  schedules    = var.schedules
  schedules_on = var.schedules_on
  topics       = module.topics.arns
  key_arn      = module.keys.arns["audit"]
  log_days     = var.log_days

  submission = {
    conf_name               = coalesce(var.conf_address, var.environment)
    entry_point             = local.conf.emr.entry_point
    log_uri                 = local.conf.emr.log_uri
    timeout_minutes         = local.conf.emr.timeout_minutes
    spark_submit_parameters = local.spark_submit_parameters
  }
}

module "alarms" {
  source = "./modules/alarms"

  name               = local.name
  topic_arn          = module.topics.arns["alerts"]
  application_id     = module.serverless.id
  machines           = module.orchestration.machines
  undelivered_queue  = module.orchestration.undelivered_queue
  delta_log_table    = module.locks.delta_log_table
  database_id        = module.database.id
  balancer           = module.balancer.suffixes
  are_nights_watched = var.schedules_on.deadline
}

module "budgets" {
  source = "./modules/budgets"

  name      = local.name
  topic_arn = module.topics.arns["alerts"]
  limits    = var.budgets
}
