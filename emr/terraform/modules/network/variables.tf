variable "name" {
  description = "prefix of names"
  type        = string
}

variable "region" {
  description = "region of the VPC"
  type        = string
}

variable "cidr" {
  description = "address range of the VPC, a /16"
  type        = string
}

variable "zones" {
  description = "availability zones, two at least"
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2
    error_message = "Two zones at least: the load balancer and the database stand in two."
  }
}

variable "single_nat" {
  description = "one NAT gateway for all zones, where a lost zone may cost the login"
  type        = bool
}

variable "interface_services" {
  description = "AWS services that private subnets reach by an interface endpoint"
  type        = list(string)
}

variable "bucket_arns" {
  description = "the platform's buckets: the S3 endpoint lets nothing else out"
  type        = list(string)
}

variable "table_arns" {
  description = "the platform's DynamoDB tables"
  type        = list(string)
}

variable "log_key_arn" {
  description = "KMS key of flow logs"
  type        = string
}

variable "log_days" {
  description = "days that flow logs are kept"
  type        = number
}
