output "names" {
  description = "every alarm"
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
