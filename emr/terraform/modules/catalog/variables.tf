variable "name" {
  description = "prefix of databases and name of the workgroup"
  type        = string
}

variable "account_id" {
  description = "owner of the bucket of results"
  type        = string
}

variable "layers" {
  description = "layer of the lake -> what it holds; bronze and quarantine hold positions and are not for Athena"
  type        = map(string)
  default = {
    reference = "policies, devices, claims, consents and groups, as known over time"
    silver    = "trips and events"
    gold      = "policy days, features, scores, drift, performance, nights"
  }
}

variable "lake_bucket" {
  description = "bucket of the lake"
  type        = string
}

variable "lake_prefix" {
  description = "key prefix of the lake's root, with its slash"
  type        = string
}

variable "result_bucket" {
  description = "bucket of query results"
  type        = string
}

variable "key_arn" {
  description = "KMS key of the catalogue and of results"
  type        = string
}

variable "scan_limit_gb" {
  description = "bytes that one query may scan"
  type        = number
  default     = 100
}

variable "force_destroy" {
  description = "let `terraform destroy` delete a workgroup with queries; dev only"
  type        = bool
}
