package aws

import (
	"io"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// services are all of them.
func (c *Cloud) services() []service {
	all := []service{
		{name: "sts", variable: "STS", prefix: "sts", protocol: query, refusals: queryRefusals, action: formAction, serve: c.serveSTS,
			open: map[string]bool{"AssumeRoleWithWebIdentity": true}},
		{name: "ec2", variable: "EC2", prefix: "ec2", protocol: ec2Query, refusals: ec2Refusals, action: formAction, serve: c.serveEC2},
		{name: "ssm", variable: "SSM", prefix: "ssm", protocol: json11, refusals: jsonRefusals, action: targetAction, serve: c.serveSSM},
		{name: "kms", variable: "KMS", prefix: "kms", protocol: json11, refusals: jsonRefusals, action: targetAction, serve: c.serveKMS},
		{name: "route53", variable: "ROUTE_53", prefix: "route53", protocol: restXML, refusals: queryRefusals, serve: c.serveRoute53,
			action: func(*http.Request, []byte) string { return "ListHostedZonesByName" }},
		{name: "tagging", variable: "RESOURCE_GROUPS_TAGGING_API", prefix: "tag", protocol: json11, refusals: jsonRefusals, action: targetAction, serve: c.serveTagging},
		{name: "s3", variable: "S3", prefix: "s3", protocol: s3XML, refusals: s3Refusals, action: s3Action, serve: c.serveS3},
		{name: "iam", variable: "IAM", prefix: "iam", protocol: query, refusals: queryRefusals, action: formAction, serve: c.serveIAM},
		{name: "servicequotas", variable: "SERVICE_QUOTAS", prefix: "servicequotas", protocol: json11, refusals: jsonRefusals, action: targetAction, serve: c.serveQuotas},
		{name: "rds-ca", variable: "RDS_CA", action: func(*http.Request, []byte) string { return "GetBundle" },
			serve: func(w http.ResponseWriter, _ *http.Request, _ *call) {
				_, _ = io.WriteString(w, c.ca.PEM())
			}},
		{name: "checkip", variable: "CHECKIP", action: func(*http.Request, []byte) string { return "CheckIP" },
			serve: func(w http.ResponseWriter, _ *http.Request, _ *call) {
				_, _ = io.WriteString(w, c.options.Address+"\n")
			}},
	}
	if handler := c.options.CloudFormation; handler != nil {
		all = append(all, service{name: "cloudformation", variable: "CLOUDFORMATION", prefix: "cloudformation", protocol: query, refusals: queryRefusals, action: formAction,
			serve: func(w http.ResponseWriter, r *http.Request, in *call) {
				stacks := handler
				if in.region != c.options.Region {
					stacks = c.stacksIn(in.region)
				}
				stacks.ServeHTTP(w, r.WithContext(cloudformation.WithJudge(r.Context(), in.judge)))
			}})
	}
	return all
}

// Refusal is a fault that makes a service refuse once in its own words:
// Refusal("ec2", 503, "RequestLimitExceeded", "Request limit exceeded.").
func (c *Cloud) Refusal(name string, status int, code, message string) fault.Fault {
	for _, s := range c.services() {
		if s.name == name {
			contentType, body := s.encode(newRefusal(status, code, message))
			return fault.Fault{Kind: fault.Status, Code: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
		}
	}
	return fault.Fault{Kind: fault.Status, Code: status}
}
