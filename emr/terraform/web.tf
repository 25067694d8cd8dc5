# What people look at: MLflow and the nightly pages, behind one load balancer and one login.

module "database" {
  source = "./modules/database"

  name              = local.name
  account_id        = local.account
  instance_class    = var.database_class
  subnet_ids        = module.network.subnets["services"]
  security_group_id = module.network.groups["database"]
  key_arn           = module.keys.arns["models"]
  is_protected      = var.is_protected
}

# the same 30 days in another region, for the day this one is away
module "backup_copy" {
  source    = "./modules/backup_copy"
  providers = { aws = aws.replica }

  database_arn = module.database.backups.database_arn
  days         = module.database.backups.days
  key_arn      = module.replica_keys.arns["replica"]
}

module "balancer" {
  source = "./modules/balancer"

  name               = local.name
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.subnets["edge"]
  security_group_id  = module.network.groups["balancer"]
  access_log_bucket  = module.storage.buckets["access"]
  domain             = var.domain
  zone_id            = var.zone_id
  viewer_cidrs       = var.viewer_cidrs
  services           = local.web
  oidc               = var.oidc
  oidc_client_secret = var.oidc_client_secret
  is_protected       = var.is_protected
}

module "services" {
  source = "./modules/services"

  name              = local.name
  account_id        = local.account
  region            = var.region
  subnet_ids        = module.network.subnets["services"]
  security_group_id = module.network.groups["services"]
  target_group_arns = module.balancer.target_group_arns
  hosts             = module.balancer.hosts
  images            = var.images
  tasks             = var.tasks
  database          = { address = module.database.address, secret_arn = module.database.secret_arn }
  models_bucket     = module.storage.buckets["models"]
  lake_bucket       = module.storage.buckets["lake"]
  reports_prefix    = "${module.storage.lake_prefix}_reports/"
  key_arns          = module.keys.arns
  log_days          = var.log_days
}
