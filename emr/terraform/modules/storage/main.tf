# Every bucket of the account. What is in which, and for how long, is said once, in `buckets`.

locals {
  lake_prefix = "lake/"

  buckets = {
    # no rule for current objects, ever: Delta's log names files, and one that a lifecycle took breaks the table.
    # Delta's own VACUUM and `telematics maintain` decide; noncurrent versions go after a month.
    lake = { suffix = "", key = "data", rules = [] }

    landing = {
      suffix = "-landing", key = "data"
      rules  = [{ id = "raw", prefix = "", tiers = var.raw_tiers, expire_days = var.raw_expire_days }]
    }

    artifacts = { suffix = "-artifacts", key = "data", rules = [] }

    # an artefact that was put in the place of another is noticed by its digest; the other is still there to compare
    models = { suffix = "-models", key = "models", rules = [], noncurrent_days = 365 }
    anchor = { suffix = "-anchor", key = "models", rules = [] }

    logs = {
      suffix = "-logs", key = "audit"
      rules  = [{ id = "logs", prefix = "", tiers = [], expire_days = var.log_days }]
    }

    athena = {
      suffix = "-athena", key = "data"
      # results of queries are copies of gold, and live as long as somebody may look at them again
      rules = [{ id = "results", prefix = "", tiers = [], expire_days = 7 }]
    }

    trail = {
      suffix = "-trail", key = "audit"
      rules = [{
        id    = "trail", prefix = "", expire_days = var.trail_days
        tiers = [{ days = 90, class = "GLACIER_IR" }]
      }]
    }
  }

  replicated = {
    # the small file names the format of the tables: without it the copy counts as one of older code
    lake   = ["${local.lake_prefix}gold/", "${local.lake_prefix}_registry/", "${local.lake_prefix}_format.json"]
    models = [""]
  }

  names = merge({ for bucket, b in local.buckets : bucket => "${var.name}${b.suffix}" }, { access = "${var.name}-access" })
}

module "bucket" {
  source   = "../bucket"
  for_each = local.buckets

  name              = local.names[each.key]
  key_arn           = var.key_arns[each.value.key]
  access_log_bucket = module.access.name
  rules             = each.value.rules
  noncurrent_days   = try(each.value.noncurrent_days, 30)
  object_lock       = each.key == "anchor" ? var.anchor_lock : null
  statements        = try(local.statements[each.key], [])
  force_destroy     = var.force_destroy && each.key != "anchor"

  replication = !contains(keys(local.replicated), each.key) ? null : {
    role_arn        = aws_iam_role.replication[each.key].arn
    bucket_arn      = var.replica_arns[each.key]
    replica_key_arn = var.replica_key_arn
    prefixes        = local.replicated[each.key]
  }
}

# AWS delivers access logs to a bucket with SSE-S3 only
module "access" {
  source = "../bucket"

  name          = local.names["access"]
  has_kms       = false
  rules         = [{ id = "access", prefix = "", expire_days = var.log_days }]
  statements    = local.access_statements
  force_destroy = var.force_destroy
}
