output "delta_log_table" {
  description = "name of the table that Delta commits through"
  value       = aws_dynamodb_table.delta_log.name
}

output "lease_table" {
  description = "name of the table of leases"
  value       = aws_dynamodb_table.lease.name
}

output "arns" {
  description = "what -> ARN of its table"
  value       = { delta_log = aws_dynamodb_table.delta_log.arn, lease = aws_dynamodb_table.lease.arn }
}
