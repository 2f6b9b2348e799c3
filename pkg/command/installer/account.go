package installer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// findAccount opens the AWS account, where one is used: when there is a section
// aws, a bucket for the state, or nothing that names another director. The region
// may come from AWS_REGION or the profile.
func (s *session) findAccount(ctx context.Context, exists bool) error {
	c := s.config
	stored, err := s.storedConfig(ctx)
	if errors.Is(err, bootstrap.ErrNotFound) && exists {
		return s.missing(err)
	}
	if err != nil && !errors.Is(err, bootstrap.ErrNotFound) {
		return err
	}
	if stored == nil || stored.AWS != nil {
		assumeAWS(c)
	}
	if c.AWS != nil && c.AWS.Region == "" && stored != nil && stored.AWS != nil {
		c.AWS.Region = stored.AWS.Region
	}
	region := ""
	switch {
	case c.AWS != nil:
		region = c.AWS.Region
	case c.State == nil || c.State.Bucket == "":
		return nil // nothing of AWS is used
	}
	if err := s.checkPlaces(); err != nil {
		return err
	}
	if s.account, err = account.Open(ctx, account.Options{Region: region, Notify: s.Notify, Env: s.Env}); err != nil {
		return err
	}
	if c.AWS != nil {
		c.AWS.Region = s.account.Region()
	}
	return s.checkPlaces()
}

// assumeAWS takes AWS for what is wanted where nothing names another director, so
// that a first install needs no file.
func assumeAWS(c *config.Config) {
	if c.AWS == nil && c.Director.URL == "" {
		c.AWS = &config.AWS{}
	}
}

// checkPlaces finds what is wrong with name, region, zones and signing key before anybody is
// asked: a region that does not exist would be looked for in the DNS. The rest is
// checked when it is merged with what is stored.
func (s *session) checkPlaces() error {
	var wrong config.Problems
	for _, p := range s.source.Locate(config.Validate(config.Defaults(s.config), now())) {
		missing := p.Key == "aws.region" && s.config.AWS != nil && s.config.AWS.Region == ""
		if !p.Warning && !missing && (p.Key == "name" || p.Key == "aws.region" || p.Key == bootstrap.SigningKey || strings.HasPrefix(p.Key, "aws.zones")) {
			wrong = append(wrong, p)
		}
	}
	if wrong == nil {
		return nil
	}
	return wrong
}

// awsAccount is bootstrap's account over the adapter.
type awsAccount struct {
	account *account.Account
	config  *config.Config
}

// Identity implements bootstrap.Account.
func (a awsAccount) Identity(ctx context.Context) (bootstrap.Identity, error) {
	id, err := a.account.Identity(ctx)
	return bootstrap.Identity{Account: id.Account, ARN: id.ARN}, err
}

// Zones implements bootstrap.Account.
func (a awsAccount) Zones(ctx context.Context) ([]string, error) {
	zones, err := a.account.Zones(ctx)
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	return names, err
}

// Offerings implements bootstrap.Account.
func (a awsAccount) Offerings(ctx context.Context, types []string) (map[string][]string, error) {
	return a.account.Offerings(ctx, types)
}

// Subnets implements bootstrap.Account.
func (a awsAccount) Subnets(ctx context.Context, ids []string) ([]bootstrap.Subnet, error) {
	list, err := a.account.Subnets(ctx, ids)
	subnets := make([]bootstrap.Subnet, len(list))
	for i, s := range list {
		subnets[i] = bootstrap.Subnet(s)
	}
	return subnets, err
}

// KeyPair implements bootstrap.Account.
func (a awsAccount) KeyPair(ctx context.Context) (name, owner string, err error) {
	pair, found, err := a.account.KeyPair(ctx, stackName(a.config.Name))
	if err != nil || !found {
		return "", "", err
	}
	return stackName(a.config.Name), pair.Tags[ownerTag], nil
}

// Quotas implements bootstrap.Account.
func (a awsAccount) Quotas(ctx context.Context, n bootstrap.Needs) (bootstrap.Quotas, error) {
	found, err := a.account.Quotas(ctx, account.Needs(n))
	return bootstrap.Quotas(found), err
}

// HostedZone implements bootstrap.Account.
func (a awsAccount) HostedZone(ctx context.Context, domain string) (string, bool, error) {
	zone, found, err := a.account.HostedZone(ctx, domain)
	return zone.ID, found, err
}

// Address implements bootstrap.Account.
func (a awsAccount) Address(ctx context.Context) (string, error) { return a.account.EgressAddress(ctx) }

// PutParameter implements bootstrap.Account. Besides the given tags it has that which
// says whose it is.
func (a awsAccount) PutParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (bool, error) {
	all := map[string]string{}
	maps.Copy(all, tags)
	all[ownerTag] = a.config.Name
	return a.account.PutParameter(ctx, name, value, all)
}

// DeleteParameters implements bootstrap.Account.
func (a awsAccount) DeleteParameters(ctx context.Context, prefix string, only ...string) ([]string, error) {
	return a.account.DeleteParameters(ctx, prefix, only...)
}

// Parameters implements bootstrap.Account.
func (a awsAccount) Parameters(ctx context.Context, prefix string) ([]string, error) {
	return a.account.Parameters(ctx, prefix)
}

// Elsewhere implements bootstrap.Account.
func (a awsAccount) Elsewhere(ctx context.Context, name string) (bootstrap.Elsewhere, error) {
	return lookElsewhere(ctx, a.account, name)
}

// Left implements bootstrap.Account.
func (a awsAccount) Left(ctx context.Context) ([]string, error) {
	return a.account.Tagged(ctx, ownerTag, a.config.Name)
}

// Possessions implements bootstrap.Account.
func (a awsAccount) Possessions(ctx context.Context, kind bootstrap.ThingKind, ids []string) ([]bootstrap.Possession, error) {
	look := map[bootstrap.ThingKind]func(context.Context, []string) ([]account.Possession, error){
		bootstrap.Instance: a.account.Instances, bootstrap.Volume: a.account.Volumes, bootstrap.Image: a.account.Images,
	}[kind]
	found, err := look(ctx, ids)
	list := make([]bootstrap.Possession, len(found))
	for i, p := range found {
		list[i] = bootstrap.Possession(p)
	}
	return list, err
}

// Keys implements bootstrap.Account.
func (a awsAccount) Keys(ctx context.Context) (bootstrap.Keys, error) {
	keys, err := a.account.Keys(ctx)
	if err != nil {
		return bootstrap.Keys{}, fmt.Errorf("keys for the director's CPI: %w", err)
	}
	return bootstrap.Keys{AccessKey: secret.New(keys.AccessKey), SecretKey: keys.SecretKey, SessionToken: keys.SessionToken}, nil
}

// Parameter implements bootstrap.Account.
func (a awsAccount) Parameter(ctx context.Context, name string) (secret.Value, error) {
	value, err := a.account.GetParameter(ctx, name)
	if errors.Is(err, aws.ErrNotFound) {
		return secret.Value{}, nil
	}
	return value, err
}

// DatabaseAuthorities implements bootstrap.Account.
func (a awsAccount) DatabaseAuthorities(ctx context.Context) (string, error) {
	return a.account.DatabaseAuthorities(ctx)
}

// AccessKeys implements bootstrap.Account.
func (a awsAccount) AccessKeys(ctx context.Context, user string) ([]bootstrap.AccessKey, error) {
	list, err := a.account.AccessKeys(ctx, user)
	if errors.Is(err, aws.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", bootstrap.ErrNotFound, err)
	}
	keys := make([]bootstrap.AccessKey, len(list))
	for i, k := range list {
		keys[i] = bootstrap.AccessKey(k)
	}
	return keys, err
}

// TryAccessKey implements bootstrap.Account.
func (a awsAccount) TryAccessKey(ctx context.Context, id, key secret.Value) (bool, error) {
	err := a.account.TryAccessKey(ctx, id, key)
	if errors.Is(err, aws.ErrCredentials) {
		return false, nil
	}
	return err == nil, err
}

// NewAccessKey implements bootstrap.Account.
func (a awsAccount) NewAccessKey(ctx context.Context, user string) (id, key secret.Value, err error) {
	return a.account.NewAccessKey(ctx, user)
}

// DeleteAccessKey implements bootstrap.Account.
func (a awsAccount) DeleteAccessKey(ctx context.Context, user, id string) error {
	return a.account.DeleteAccessKey(ctx, user, id)
}
