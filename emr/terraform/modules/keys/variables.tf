variable "name" {
  description = "prefix of the aliases"
  type        = string
}

variable "account_id" {
  description = "account whose IAM decides"
  type        = string
}

variable "purposes" {
  description = "kind of data -> AWS services that encrypt with its key"
  type        = map(list(string))
}
