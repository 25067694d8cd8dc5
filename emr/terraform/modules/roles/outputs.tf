output "arns" {
  description = "start -> ARN of its role"
  value       = { for start, role in aws_iam_role.start : start => role.arn }
}

output "names" {
  description = "start -> name of its role"
  value       = { for start, role in aws_iam_role.start : start => role.name }
}
