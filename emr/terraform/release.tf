# Who may bring a new release: GitHub's own identity of one repository, where there is one.

module "pipeline" {
  source = "./modules/pipeline"
  count  = var.repository == null ? 0 : 1

  name              = local.name
  environment       = var.environment
  repository        = var.repository
  account_id        = local.account
  region            = var.region
  bucket_arns       = module.storage.arns
  key_arns          = module.keys.arns
  application_arn   = module.serverless.arn
  night_role_arn    = module.roles.arns["night"]
  machine_arns      = values(module.orchestration.machines)
  machine_role_arns = values(module.orchestration.role_arns)
  # the names that bootstrap/ gives
  state = { bucket = "${local.global_name}-state", key = "telematics/${var.environment}.tfstate" }
}
