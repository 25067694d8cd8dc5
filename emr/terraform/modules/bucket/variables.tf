variable "name" {
  description = "name of the bucket"
  type        = string
}

variable "key_arn" {
  description = "KMS key of the bucket; null: SSE-S3, for logs that AWS delivers with nothing else"
  type        = string
  default     = null
}

variable "has_kms" {
  description = "whether key_arn is given, known before the key is made"
  type        = bool
  default     = true
}

variable "access_log_bucket" {
  description = "bucket of server access logs; null: none"
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "days until a version that was overwritten or deleted goes for good, so that an erasure ends"
  type        = number
  default     = 30
}

variable "rules" {
  description = "what becomes of current objects below a prefix, by age"
  type = list(object({
    id          = string
    prefix      = optional(string, "")
    expire_days = optional(number)
    tiers       = optional(list(object({ days = number, class = string })), [])
  }))
  default = []
}

variable "object_lock" {
  description = "default retention of every version; null: no Object Lock"
  type        = object({ mode = string, days = number })
  default     = null
}

variable "statements" {
  description = "statements of the bucket policy besides those that every bucket has"
  type        = any
  default     = []
}

variable "replication" {
  description = "where versions below prefixes are copied to; null: nowhere"
  type = object({
    role_arn        = string
    bucket_arn      = string
    replica_key_arn = string
    prefixes        = list(string)
  })
  default = null
}

variable "force_destroy" {
  description = "let `terraform destroy` delete objects; dev only"
  type        = bool
  default     = false
}
