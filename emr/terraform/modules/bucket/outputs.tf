output "name" {
  description = "name of the bucket, once its policy is there: who delivers to it needs that"
  value       = var.name
  depends_on  = [aws_s3_bucket_policy.this]
}

output "arn" {
  description = "ARN of the bucket, once it keeps versions: who replicates to it needs that"
  value       = aws_s3_bucket.this.arn
  depends_on  = [aws_s3_bucket_versioning.this]
}
