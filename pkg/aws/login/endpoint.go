package login

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// services are the SDK's names of the services that an installation uses.
var services = []string{"STS", "IAM", "EC2", "SSM", "KMS", "Route 53", "Resource Groups Tagging API", "S3", "CloudFormation", "Service Quotas"}

// endpoints finds the endpoints that environment and profile set, for the SDK's
// clients: it is the first of a configuration's sources.
type endpoints struct {
	env  func(string) string
	rest []any
}

// GetServiceBaseEndpoint is what the SDK's clients look for in their sources.
func (e *endpoints) GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error) {
	if strings.EqualFold(e.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return "", false, nil
	}
	if found := e.env(variable(sdkID)); found != "" {
		return found, true, checkEndpoint(variable(sdkID), found)
	}
	for _, source := range e.rest {
		known, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if found, ok, err := known.GetServiceBaseEndpoint(ctx, sdkID); err != nil || ok {
			return found, ok, err
		}
	}
	return "", false, nil
}

// variable is the one that sets a service's endpoint, as the page
// "Service-specific endpoints" of the SDKs' reference guide names it.
func variable(sdkID string) string {
	return "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(sdkID, " ", "_"))
}

// checkEndpoints refuses endpoints that credentials must not go to; the SDK's
// clients would pass over the error. It sets the one for all services.
func (l *loader) checkEndpoints(ctx context.Context, c *sdk.Config) error {
	if found := l.options.Env("AWS_ENDPOINT_URL"); found != "" && c.BaseEndpoint == nil {
		c.BaseEndpoint = &found
	}
	if strings.EqualFold(l.options.Env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		c.BaseEndpoint = nil
	}
	if c.BaseEndpoint != nil {
		if err := checkEndpoint("AWS_ENDPOINT_URL", *c.BaseEndpoint); err != nil {
			return err
		}
	}
	source := c.ConfigSources[0].(*endpoints)
	for _, sdkID := range services {
		found, ok, err := source.GetServiceBaseEndpoint(ctx, sdkID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := checkEndpoint("the endpoint of "+sdkID, found); err != nil {
			return err
		}
	}
	return nil
}

// checkEndpoint lets https through, and http that does not leave the machine.
func checkEndpoint(name, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%s is not a URL such as https://vpce-0a1b2c.ec2.eu-central-1.vpce.amazonaws.com", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !dial.Local(u.Hostname())) {
		return fmt.Errorf("%s is %s: credentials go over https only", name, u.Redacted())
	}
	return nil
}
