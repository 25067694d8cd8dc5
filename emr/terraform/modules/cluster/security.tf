# Encryption on disk, in S3 and between nodes; instance metadata by session tokens only; a role per step.

resource "aws_emr_security_configuration" "this" {
  name = var.name
  configuration = jsonencode({
    EncryptionConfiguration = {
      EnableAtRestEncryption    = true
      EnableInTransitEncryption = true
      AtRestEncryptionConfiguration = {
        S3EncryptionConfiguration = { EncryptionMode = "SSE-KMS", AwsKmsKey = var.key_arns["data"] }
        LocalDiskEncryptionConfiguration = {
          EncryptionKeyProviderType = "AwsKms"
          AwsKmsKey                 = var.key_arns["data"]
          EnableEbsEncryption       = true
        }
      }
      InTransitEncryptionConfiguration = {
        TLSCertificateConfiguration = {
          CertificateProviderType = "PEM"
          S3Object                = "s3://${var.buckets["artifacts"]}/${var.certificates}"
        }
      }
    }
    InstanceMetadataServiceConfiguration = {
      MinimumInstanceMetadataServiceVersion = 2
      HttpPutResponseHopLimit               = 1
    }
    # a step takes the role of its start (night, train, maintain, replay); the nodes' own role reads no data
    AuthorizationConfiguration = {
      IAMConfiguration = {
        EnableApplicationScopedIAMRole = true
        ApplicationScopedIAMRoleConfiguration = {
          PropagateSourceIdentity = true
        }
      }
    }
  })
}

# In a private subnet EMR's service speaks to the nodes through this group.
resource "aws_security_group" "service" {
  name        = "${var.name}-emr-service"
  description = "EMR's own access to nodes in private subnets"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-emr-service", "for-use-with-amazon-emr-managed-policies" = "true" }
}

resource "aws_vpc_security_group_ingress_rule" "nodes_to_service" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = var.security_group_id
  description                  = "primary node to EMR's service"
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}

resource "aws_vpc_security_group_egress_rule" "service_to_nodes" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = var.security_group_id
  description                  = "EMR's service to nodes"
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_ingress_rule" "service_to_nodes" {
  security_group_id            = var.security_group_id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "EMR's service to nodes"
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_egress_rule" "nodes_to_service" {
  security_group_id            = var.security_group_id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "primary node to EMR's service"
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}
