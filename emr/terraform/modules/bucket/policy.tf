# Refusals that no allowance elsewhere can lift.

locals {
  arns = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

  transport = [
    {
      Sid       = "RefusePlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = local.arns
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      Sid       = "RefuseOldTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = local.arns
      Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
    },
  ]

  # a request that names no encryption gets the bucket's; one that names another is refused
  encryption = [
    {
      Sid       = "RefuseOtherEncryption"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.this.arn}/*"
      Condition = {
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption" = var.has_kms ? "aws:kms" : "AES256" }
      }
    },
    {
      Sid       = "RefuseKeysOfCustomers"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.this.arn}/*"
      Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
    },
  ]

  key = !var.has_kms ? [] : [{
    Sid       = "RefuseOtherKeys"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = "${aws_s3_bucket.this.arn}/*"
    Condition = {
      Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
      StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = var.key_arn }
    }
  }]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.transport, local.encryption, local.key, var.statements)
  })
  depends_on = [aws_s3_bucket_public_access_block.this]
}
