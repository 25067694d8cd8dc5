output "id" {
  description = "identifier of the instance"
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "host name of the instance"
  value       = aws_db_instance.this.address
}

output "secret_arn" {
  description = "secret with user name and password"
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "backups" {
  description = "what a copy of the backups is made from"
  value       = { database_arn = aws_db_instance.this.arn, days = aws_db_instance.this.backup_retention_period }
}
