// Package aws is a simulated Amazon Web Services account for tests and the demo:
// STS, EC2 as far as it is looked into, SSM, KMS, Route 53, the tagging API, S3, and
// other services that are added, each an HTTPS server on loopback that speaks the
// service's own protocol, checks signatures, and refuses in the service's own
// words. It follows AWS's API references, and was never compared with AWS itself.
package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ec2"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/key"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/kms"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ssm"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// What the account has unless Options say otherwise.
const (
	DefaultAccount = "123456789012"
	DefaultRegion  = "eu-central-1"
	AccessKey      = "AKIASANDBOX000000001"
	SecretKey      = "sandbox-secret-of-the-administrator"
)

// Options say what the account looks like. The zero value of a field is its default.
type Options struct {
	Account string // "123456789012"
	Region  string // of Env, "eu-central-1"; all regions of AWS exist
	// Zones are the region's availability zones, ["eu-central-1a", "eu-central-1b"].
	// Default: its real ones.
	Zones []string
	// Lacking are the instance types that a zone does not offer, by zone, besides
	// those that are lacking anyway: m6a.xlarge in each region's last zone.
	Lacking map[string][]string
	Images  []string // ids of images that exist in Region, "ami-0a1b2c3d4e5f60718"
	// Possessions are the VMs, disks and images that can be looked up in Region by their
	// ids; nil: there are none.
	Possessions func() ec2.Possessions
	// Address is what the caller's address seems to be, "203.0.113.7".
	Address string
	// CloudFormation serves that service, with Created and Deleted of this Cloud as
	// its OnCreate and OnDelete if the other services shall know of its resources;
	// nil: it is not there.
	CloudFormation http.Handler
	// Dir gets the CA's certificate as ca.pem, for AWS_CA_BUNDLE; empty: none.
	Dir string
}

// Cloud is the simulated account.
type Cloud struct {
	// Faults spoil the wire, by service: "sts", "ec2", "ssm", "kms", "route53",
	// "tagging", "s3", "cloudformation", "checkip".
	Faults map[string]*fault.Script

	options Options
	ca      *tlsca.CA

	*compute
	*keyring
	*vault
	*parameters
	*buckets

	mu        sync.Mutex
	offset    time.Duration // of the servers' clocks
	servers   []*http.Server
	endpoints map[string]string
	calls     map[string]map[string]int // by service and action, those that succeeded
	writes    map[string]int            // by service
	zones     []HostedZone
	tagged    map[string]map[string]string // tags by ARN
	stacks    map[string]http.Handler      // CloudFormation in the other regions
}

// New makes an account; Start serves it.
func New(o Options) (*Cloud, error) {
	if o.Account == "" {
		o.Account = DefaultAccount
	}
	if o.Region == "" {
		o.Region = DefaultRegion
	}
	if o.Address == "" {
		o.Address = "203.0.113.7"
	}
	c := &Cloud{
		options: o, Faults: map[string]*fault.Script{}, endpoints: map[string]string{},
		calls: map[string]map[string]int{}, writes: map[string]int{}, tagged: map[string]map[string]string{}, stacks: map[string]http.Handler{},
		vault: kms.New(o.Region, o.Account), parameters: ssm.New(),
	}
	c.compute = ec2.New(ec2.Options{Account: o.Account, Region: o.Region, Zones: o.Zones, Lacking: o.Lacking, Images: o.Images, Possessions: o.Possessions})
	c.keyring = key.New(o.Account, c.now, AccessKey, key.Key{Secret: SecretKey, Account: o.Account, ARN: "arn:aws:iam::" + o.Account + ":user/admin"})
	var err error
	if c.buckets, err = bucket.New(o.Region, o.Account); err != nil {
		return nil, err
	}
	if c.ca, err = tlsca.New(); err != nil {
		return nil, err
	}
	for _, s := range c.services() {
		c.Faults[s.Name] = &fault.Script{}
	}
	return c, nil
}

// Start serves all services until ctx ends or Close is called, and gives their
// URLs by service, and the CA's certificate.
func (c *Cloud) Start(ctx context.Context) (endpoints map[string]string, ca string, err error) {
	config, err := c.ca.Config(tlsca.Options{})
	if err != nil {
		return nil, "", err
	}
	if c.options.Dir != "" {
		if err := os.WriteFile(c.caFile(), []byte(c.ca.PEM()), 0o600); err != nil {
			return nil, "", fmt.Errorf("write the CA's certificate: %w", err)
		}
	}
	for _, s := range c.services() {
		if err := c.serve(s, config); err != nil {
			return nil, "", errors.Join(fmt.Errorf("serve %s: %w", s.Name, err), c.Close())
		}
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return maps.Clone(c.endpoints), c.ca.PEM(), nil
}

// serve begins to serve one service.
func (c *Cloud) serve(s wire.Service, config *tls.Config) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: c.Faults[s.Name].Wrap(c.gate(s)), TLSConfig: config, ReadHeaderTimeout: time.Minute,
		ErrorLog:     log.New(io.Discard, "", 0),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2: faults strike connections
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers = append(c.servers, server)
	c.endpoints[s.Name] = "https://" + listener.Addr().String()
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}

// Close stops serving; requests that wait end.
func (c *Cloud) Close() error {
	c.mu.Lock()
	servers := c.servers
	c.servers = nil
	c.mu.Unlock()
	var all error
	for _, script := range c.Faults {
		script.Close()
	}
	for _, server := range servers {
		all = errors.Join(all, server.Close())
	}
	return all
}

// caFile is where the CA's certificate is written.
func (c *Cloud) caFile() string { return filepath.Join(c.options.Dir, "ca.pem") }

// CA is the certificate of the servers' CA, as PEM.
func (c *Cloud) CA() string { return c.ca.PEM() }

// Env is the environment in which a program takes this for AWS, as the
// administrator of the account.
func (c *Cloud) Env() map[string]string {
	admin, _ := c.Find(AccessKey)
	c.mu.Lock()
	defer c.mu.Unlock()
	env := map[string]string{
		"AWS_REGION": c.options.Region, "AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": admin.Secret,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	}
	for _, s := range c.services() {
		if url, ok := c.endpoints[s.Name]; ok {
			env["AWS_ENDPOINT_URL_"+s.Variable] = url
		}
	}
	if c.options.Dir != "" {
		env["AWS_CA_BUNDLE"] = c.caFile()
	}
	return env
}

// Writes counts the calls that changed something, over all services. A change
// set of CloudFormation changes nothing until it is executed. Objects of S3,
// where the state with its lease and journal is, are counted by WritesBy alone.
func (c *Cloud) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for name, of := range c.writes {
		if name != objects {
			n += of
		}
	}
	return n
}

// objects is the name under which WritesBy counts what is written into buckets.
const objects = "objects"

// WritesBy are the counts of Writes by service, and "objects", those of S3's
// objects.
func (c *Cloud) WritesBy() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.writes)
}

// Calls counts the calls of a service that succeeded, by action: "GetCallerIdentity".
func (c *Cloud) Calls(service string) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls[service])
}
