// Package aws says how and as whom Amazon Web Services are reached, and why they
// refused. Its packages below speak with one of them each.
package aws

import sdk "github.com/aws/aws-sdk-go-v2/aws"

// Connection is how and as whom AWS is reached: region, credentials, endpoints,
// CA. pkg/aws/login makes it of profiles and of the environment; it passes
// through the rest of the program without being looked into.
type Connection struct {
	config *sdk.Config
	caCert string
}

// NewConnection wraps a configuration of the SDK. It is for the packages under
// pkg/aws only, so that the SDK's types stay there.
func NewConnection(config sdk.Config) Connection {
	return Connection{config: &config}
}

// WithCACert gives the connection the PEM certificates that its HTTP client
// trusts instead of the system's, for those who make a client of their own.
func (c Connection) WithCACert(pem string) Connection {
	c.caCert = pem
	return c
}

// SDK gives a copy of the configuration. It is for the packages under pkg/aws
// only.
func (c Connection) SDK() sdk.Config {
	if c.config == nil {
		return sdk.Config{}
	}
	return c.config.Copy()
}

// CACert gives the certificates of WithCACert.
func (c Connection) CACert() string { return c.caCert }

// Region is the connection's region, "eu-central-1"; empty if there is no connection.
func (c Connection) Region() string {
	if c.config == nil {
		return ""
	}
	return c.config.Region
}

// In is the same connection to another region.
func (c Connection) In(region string) Connection {
	config := c.SDK()
	config.Region = region
	return Connection{config: &config, caCert: c.caCert}
}
