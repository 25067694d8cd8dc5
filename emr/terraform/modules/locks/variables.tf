variable "name" {
  description = "prefix of the tables"
  type        = string
}

variable "key_arn" {
  description = "KMS key of the tables"
  type        = string
}

variable "is_protected" {
  description = "refuse to delete the tables"
  type        = bool
}
