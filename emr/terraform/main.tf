# Everything the platform has in an AWS account. Which module is for what: docs/terraform.md.

data "aws_caller_identity" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  # names of what is unique in the account, and of what is unique in all of AWS, as conf/<environment>.yml has them
  name        = "telematics-${var.environment}"
  global_name = "${var.organisation}-${local.name}"

  tags = { application = "telematics", environment = var.environment, managed-by = "terraform" }

  web = {
    mlflow = { port = 5000, health_path = "/health", healthy_codes = "200" }
    # before the first night there is no page to list
    pages = { port = 8080, health_path = "/", healthy_codes = "200,403" }
  }
}

module "keys" {
  source = "./modules/keys"

  name       = local.name
  account_id = local.account
  purposes = {
    data   = []
    models = []
    audit = [
      "logs.${var.region}.amazonaws.com", "delivery.logs.amazonaws.com", "cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com",
      "events.amazonaws.com", "sns.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com",
    ]
  }
}

module "replica_keys" {
  source    = "./modules/keys"
  providers = { aws = aws.replica }

  name       = local.name
  account_id = local.account
  purposes   = { replica = [] }
}

# what must survive the region: models, and of the lake gold and the registry's histories
module "replica" {
  source    = "./modules/bucket"
  for_each  = { lake = "${local.global_name}-replica", models = "${local.global_name}-models-replica" }
  providers = { aws = aws.replica }

  name          = each.value
  key_arn       = module.replica_keys.arns["replica"]
  force_destroy = !var.is_protected
}

module "storage" {
  source = "./modules/storage"

  name            = local.global_name
  account_id      = local.account
  region          = var.region
  key_arns        = module.keys.arns
  replica_arns    = { for what, bucket in module.replica : what => bucket.arn }
  replica_key_arn = module.replica_keys.arns["replica"]
  raw_expire_days = var.raw_expire_days
  log_days        = var.log_days
  anchor_lock     = var.anchor_lock
  force_destroy   = !var.is_protected
}

module "locks" {
  source = "./modules/locks"

  name         = local.global_name
  key_arn      = module.keys.arns["data"]
  is_protected = var.is_protected
}

module "network" {
  source = "./modules/network"

  name               = local.name
  region             = var.region
  cidr               = var.cidr
  zones              = var.zones
  single_nat         = var.single_nat
  interface_services = var.interface_services
  bucket_arns        = values(module.storage.arns)
  table_arns         = values(module.locks.arns)
  log_key_arn        = module.keys.arns["audit"]
  log_days           = var.log_days
}

module "catalog" {
  source = "./modules/catalog"

  name          = local.name
  account_id    = local.account
  lake_bucket   = module.storage.buckets["lake"]
  lake_prefix   = module.storage.lake_prefix
  result_bucket = module.storage.buckets["athena"]
  key_arn       = module.keys.arns["data"]
  force_destroy = !var.is_protected
}

module "audit" {
  source = "./modules/audit"

  name         = local.global_name
  trail_bucket = module.storage.buckets["trail"]
  key_arn      = module.keys.arns["audit"]
  topic_arn    = module.topics.arns["alerts"]
  data_arns    = module.storage.arns
  lake_prefix  = module.storage.lake_prefix
  log_days     = var.log_days
}
