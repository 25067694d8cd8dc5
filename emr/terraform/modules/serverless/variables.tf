variable "name" {
  description = "name of the application"
  type        = string
}

variable "release_label" {
  description = "EMR release"
  type        = string

  # the API takes any word, and says so only when a job starts
  validation {
    condition     = can(regex("^emr-spark-8\\.[1-9][0-9]*\\.[0-9]+$", var.release_label))
    error_message = "release_label is emr-spark-8.1.0 or a later 8: Spark 4.1 and Delta 4.2 are what the code is tested with."
  }
}

variable "max_vcpus" {
  description = "vCPUs of all running workers together"
  type        = number
}

variable "memory_per_vcpu_gb" {
  description = "memory of a worker per vCPU, with overhead"
  type        = number
  default     = 4
}

variable "subnet_ids" {
  description = "subnets of the workers"
  type        = list(string)
}

variable "security_group_ids" {
  description = "security groups of the workers"
  type        = list(string)
}
