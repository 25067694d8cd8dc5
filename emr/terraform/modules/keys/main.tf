# One key per kind of data, so that who may read one kind can be said in one key policy and revoked by one grant.

locals {
  root = {
    Sid       = "AccountDecidesByIam"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }
}

resource "aws_kms_key" "this" {
  for_each = var.purposes

  description             = "${var.name} ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([local.root], length(each.value) == 0 ? [] : [{
      Sid       = "ServicesOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = each.value }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource  = "*"
      # a service may use the key for this account's resources only, not on behalf of somebody else's
      Condition = { StringEqualsIfExists = { "aws:SourceAccount" = var.account_id } }
    }])
  })
}

resource "aws_kms_alias" "this" {
  for_each = var.purposes

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
