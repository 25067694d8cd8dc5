output "name" {
  description = "name of the bucket, once its policy is there: who delivers to it needs that"
  value       = var.name
  depends_on  = [aws_s3_bucket_policy.this]
}

output "arn" {
  description = "ARN of the bucket"
  value       = aws_s3_bucket.this.arn
}
