package aws

import (
	"io"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// services are all of them.
func (c *Cloud) services() []wire.Service {
	all := []wire.Service{
		{Name: "sts", Variable: "STS", Prefix: "sts", Protocol: wire.Query, Refusals: wire.QueryRefusals, Action: wire.FormAction, Serve: c.ServeSTS,
			Open: map[string]bool{"AssumeRoleWithWebIdentity": true}},
		{Name: "ec2", Variable: "EC2", Prefix: "ec2", Protocol: wire.EC2Query, Refusals: wire.Ec2Refusals, Action: wire.FormAction, Serve: c.ServeEC2},
		{Name: "ssm", Variable: "SSM", Prefix: "ssm", Protocol: wire.JSON11, Refusals: wire.JSONRefusals, Action: wire.TargetAction, Serve: c.ServeSSM},
		{Name: "kms", Variable: "KMS", Prefix: "kms", Protocol: wire.JSON11, Refusals: wire.JSONRefusals, Action: wire.TargetAction, Serve: c.ServeKMS},
		{Name: "route53", Variable: "ROUTE_53", Prefix: "route53", Protocol: wire.RESTXML, Refusals: wire.QueryRefusals, Serve: c.serveRoute53,
			Action: func(*http.Request, []byte) string { return "ListHostedZonesByName" }},
		{Name: "tagging", Variable: "RESOURCE_GROUPS_TAGGING_API", Prefix: "tag", Protocol: wire.JSON11, Refusals: wire.JSONRefusals, Action: wire.TargetAction, Serve: c.serveTagging},
		{Name: "s3", Variable: "S3", Prefix: "s3", Protocol: wire.S3XML, Refusals: wire.S3Refusals, Action: bucket.Action, Serve: c.ServeS3},
		{Name: "iam", Variable: "IAM", Prefix: "iam", Protocol: wire.Query, Refusals: wire.QueryRefusals, Action: wire.FormAction, Serve: c.ServeIAM},
		{Name: "servicequotas", Variable: "SERVICE_QUOTAS", Prefix: "servicequotas", Protocol: wire.JSON11, Refusals: wire.JSONRefusals, Action: wire.TargetAction, Serve: c.ServeQuotas},
		{Name: "rds-ca", Variable: "RDS_CA", Action: func(*http.Request, []byte) string { return "GetBundle" },
			Serve: func(w http.ResponseWriter, _ *http.Request, _ *wire.Call) {
				_, _ = io.WriteString(w, c.ca.PEM())
			}},
		{Name: "checkip", Variable: "CHECKIP", Action: func(*http.Request, []byte) string { return "CheckIP" },
			Serve: func(w http.ResponseWriter, _ *http.Request, _ *wire.Call) {
				_, _ = io.WriteString(w, c.options.Address+"\n")
			}},
	}
	if handler := c.options.CloudFormation; handler != nil {
		all = append(all, wire.Service{Name: "cloudformation", Variable: "CLOUDFORMATION", Prefix: "cloudformation", Protocol: wire.Query, Refusals: wire.QueryRefusals, Action: wire.FormAction,
			Serve: func(w http.ResponseWriter, r *http.Request, in *wire.Call) {
				stacks := handler
				if in.Region != c.options.Region {
					stacks = c.stacksIn(in.Region)
				}
				stacks.ServeHTTP(w, r.WithContext(cloudformation.WithJudge(r.Context(), in.Judge)))
			}})
	}
	return all
}

// Refusal is a fault that makes a service refuse once in its own words:
// Refusal("ec2", 503, "RequestLimitExceeded", "Request limit exceeded.").
func (c *Cloud) Refusal(name string, status int, code, message string) fault.Fault {
	for _, s := range c.services() {
		if s.Name == name {
			contentType, body := s.Encode(wire.NewRefusal(status, code, message))
			return fault.Fault{Kind: fault.Status, Code: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
		}
	}
	return fault.Fault{Kind: fault.Status, Code: status}
}
