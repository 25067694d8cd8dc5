# The one thing that Terraform cannot keep in its own state: where that state is. Applied once per account by hand, with a
# local state that is then moved into the bucket it made (docs/terraform.md).

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region
}

provider "aws" {
  alias  = "replica"
  region = var.replica_region
}

data "aws_caller_identity" "this" {}

locals {
  name    = "${var.organisation}-telematics-${var.environment}-state"
  account = data.aws_caller_identity.this.account_id
}

module "key" {
  source     = "../modules/keys"
  name       = local.name
  account_id = local.account
  purposes   = { state = [] }
}

module "replica_key" {
  source     = "../modules/keys"
  providers  = { aws = aws.replica }
  name       = local.name
  account_id = local.account
  purposes   = { state = [] }
}

module "state" {
  source = "../modules/bucket"

  name    = local.name
  key_arn = module.key.arns["state"]
  # a state from before a mistake is what one goes back to: months, not days
  noncurrent_days   = 365
  access_log_bucket = module.access.name
  statements        = local.keep_versions

  replication = {
    role_arn        = aws_iam_role.replication.arn
    bucket_arn      = module.replica.arn
    replica_key_arn = module.replica_key.arns["state"]
    prefixes        = [""]
  }
}

module "replica" {
  source          = "../modules/bucket"
  providers       = { aws = aws.replica }
  name            = "${local.name}-replica"
  key_arn         = module.replica_key.arns["state"]
  noncurrent_days = 365
}

module "access" {
  source  = "../modules/bucket"
  name    = "${local.name}-access"
  has_kms = false
  rules   = [{ id = "access", prefix = "", expire_days = 400 }]
  statements = [{
    Sid       = "S3Delivers"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${local.name}-access/s3/*"
    Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
  }]
}

locals {
  keep_versions = [{
    Sid       = "NobodyDeletesVersions"
    Effect    = "Deny"
    Principal = "*"
    Action    = ["s3:DeleteObjectVersion", "s3:PutBucketVersioning"]
    Resource  = ["arn:aws:s3:::${local.name}", "arn:aws:s3:::${local.name}/*"]
    Condition = { ArnNotEquals = { "aws:PrincipalArn" = "arn:aws:iam::${local.account}:root" } }
  }]
}
