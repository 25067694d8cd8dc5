# What single buckets refuse or allow besides what every bucket does.

locals {
  arn_of = { for bucket, name in local.names : bucket => "arn:aws:s3:::${name}" }

  # a deployment may add versions; only the account's root can take one away, and is seen doing so
  keep_versions = {
    for bucket in ["models", "anchor", "trail"] : bucket => [{
      Sid       = "NobodyDeletesVersions"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:BypassGovernanceRetention"]
      Resource  = [local.arn_of[bucket], "${local.arn_of[bucket]}/*"]
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = "arn:aws:iam::${var.account_id}:root" } }
    }]
  }

  trail_arn = "arn:aws:cloudtrail:${var.region}:${var.account_id}:trail/${var.name}"

  trail_delivery = [
    {
      Sid       = "TrailLooks"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = local.arn_of["trail"]
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    },
    {
      Sid       = "TrailDelivers"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arn_of["trail"]}/AWSLogs/${var.account_id}/*"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    },
  ]

  # heads are made once: whoever may write here still cannot put another in the place of one
  anchor_once = [{
    Sid       = "HeadsAreMadeOnce"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = "${local.arn_of["anchor"]}/*"
    Condition = { Null = { "s3:if-none-match" = "true" } }
  }]

  statements = {
    models = local.keep_versions["models"]
    anchor = concat(local.keep_versions["anchor"], local.anchor_once)
    trail  = concat(local.keep_versions["trail"], local.trail_delivery)
  }

  access_statements = [
    {
      Sid       = "S3Delivers"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arn_of["access"]}/s3/*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    },
    {
      Sid       = "LoadBalancerDelivers"
      Effect    = "Allow"
      Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arn_of["access"]}/balancer/AWSLogs/${var.account_id}/*"
    },
  ]
}
