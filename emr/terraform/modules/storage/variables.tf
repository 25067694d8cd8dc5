variable "name" {
  description = "prefix of every bucket; the lake's bucket has it as its whole name"
  type        = string
}

variable "account_id" {
  description = "account that owns the buckets"
  type        = string
}

variable "region" {
  description = "region of the buckets"
  type        = string
}

variable "key_arns" {
  description = "kind of data -> KMS key: data, models, audit"
  type        = map(string)
}

variable "replica_arns" {
  description = "lake, models -> ARN of the bucket in another region that gets copies"
  type        = map(string)
}

variable "replica_key_arn" {
  description = "KMS key of the replicas, in their region"
  type        = string
}

variable "raw_tiers" {
  description = "age at which raw files move to a cheaper class"
  type        = list(object({ days = number, class = string }))
  default = [
    # read by the night they land, and by restatements of the weeks after
    { days = 30, class = "STANDARD_IA" },
    # read by a replay only, and then within milliseconds
    { days = 90, class = "GLACIER_IR" },
  ]
}

variable "raw_expire_days" {
  description = "days that raw files are kept; null: for ever"
  type        = number
  default     = null

  validation {
    condition     = var.raw_expire_days == null ? true : var.raw_expire_days >= 400
    error_message = "raw_expire_days is below 400: a quarantined record is kept for 400 days, and its replay reads the raw file."
  }
}

variable "log_days" {
  description = "days that logs of jobs and of access are kept"
  type        = number
  default     = 400
}

variable "trail_days" {
  description = "days that CloudTrail's files are kept"
  type        = number
  default     = 2555
}

variable "anchor_lock" {
  description = "Object Lock of the heads of the registry's histories"
  type        = object({ mode = string, days = number })

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.anchor_lock.mode)
    error_message = "mode is GOVERNANCE or COMPLIANCE."
  }
}

variable "force_destroy" {
  description = "let `terraform destroy` delete objects; dev only"
  type        = bool
}
