output "arns" {
  description = "alerts, reviewers -> ARN of the topic"
  value       = { for topic, t in aws_sns_topic.this : topic => t.arn }
}
