variable "name" {
  description = "prefix of the instance"
  type        = string
}

variable "account_id" {
  description = "account of the instance"
  type        = string
}

variable "major_version" {
  description = "PostgreSQL's major version; minor ones come by themselves"
  type        = string
  default     = "17"
}

variable "instance_class" {
  description = "size of the instance"
  type        = string
}

variable "subnet_ids" {
  description = "subnets in two zones"
  type        = list(string)
}

variable "security_group_id" {
  description = "security group of the instance"
  type        = string
}

variable "key_arn" {
  description = "KMS key of storage, secret and insights"
  type        = string
}

variable "backup_days" {
  description = "days that backups are kept, and back to which the database can be restored"
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 30 && var.backup_days <= 35
    error_message = "backup_days is 30 to 35: 30 is what is promised, 35 is the most that RDS keeps."
  }
}

variable "is_protected" {
  description = "refuse to delete the instance, and keep a last snapshot"
  type        = bool
}
