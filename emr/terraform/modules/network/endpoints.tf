# Endpoints are also a fence: a job that was talked into copying data elsewhere finds no bucket but ours behind them.

locals {
  # EMR's nodes fetch their release and system packages from these, ECS its image layers
  aws_buckets = [
    "arn:aws:s3:::repo.${var.region}.emr.amazonaws.com",
    "arn:aws:s3:::*.elasticmapreduce",
    "arn:aws:s3:::prod.${var.region}.appinfo.src",
    "arn:aws:s3:::al2023-repos-${var.region}-*",
    "arn:aws:s3:::amazonlinux-2-repos-${var.region}",
    "arn:aws:s3:::prod-${var.region}-starport-layer-bucket",
  ]
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${var.region}.s3"
  route_table_ids = concat([aws_route_table.inside.id], [for table in aws_route_table.edge : table.id])
  tags            = { Name = "${var.name}-s3" }

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OurBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = flatten([for arn in var.bucket_arns : [arn, "${arn}/*"]])
      },
      {
        Sid       = "PackagesOfAws"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = [for arn in local.aws_buckets : "${arn}/*"]
      },
    ]
  })
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${var.region}.dynamodb"
  route_table_ids = [aws_route_table.inside.id]
  tags            = { Name = "${var.name}-dynamodb" }

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OurTables"
      Effect    = "Allow"
      Principal = "*"
      Action    = "dynamodb:*"
      Resource  = var.table_arns
    }]
  })
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS from inside the VPC to endpoints of AWS services"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from the VPC"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(var.interface_services)

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.services : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  tags                = { Name = "${var.name}-${each.key}" }
}
