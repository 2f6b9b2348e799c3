package aws

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// EndpointHost checks an endpoint of S3 or STS and gives its host. State holds
// credentials: it goes over https only, or does not leave the machine.
func EndpointHost(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", errors.New("the endpoint is not a URL such as https://s3.example.com:9000")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !dial.Local(u.Hostname())) {
		return "", fmt.Errorf("endpoint %s: credentials and state go over https only", u.Redacted())
	}
	return u.Host, nil
}
