package account

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// HostedZone is a public zone of Route 53.
type HostedZone struct {
	ID   string // "Z0123456789ABC"
	Name string // "example.com", without the last dot
}

// HostedZone finds the public zone that a record of the domain belongs into: the
// one with the longest name of which the domain is a part, label by label. It
// fails when two zones have that name, and with aws.ErrCredentials, aws.ErrDenied or
// an *aws.Error.
func (a *Account) HostedZone(ctx context.Context, domain string) (HostedZone, bool, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	domain = strings.ToLower(strings.Trim(domain, "."))
	for name := domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		found, err := a.zonesNamed(ctx, name)
		if err != nil {
			return HostedZone{}, false, a.Wrap(ctx, "look up the hosted zone of "+domain, err)
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], true, nil
		}
		return HostedZone{}, false, fmt.Errorf("look up the hosted zone of %s: there are %d public zones named %s, such as %s and %s: name one as access.hosted_zone",
			domain, len(found), name, found[0].ID, found[1].ID)
	}
	return HostedZone{}, false, nil
}

// zonesNamed gives the public zones of exactly that name. Route 53 lists zones
// from a name on, in the order of their labels from the last to the first.
func (a *Account) zonesNamed(ctx context.Context, name string) ([]HostedZone, error) {
	found := []HostedZone{}
	in := &route53.ListHostedZonesByNameInput{DNSName: &name}
	for range maxPages {
		out, err := a.route53.ListHostedZonesByName(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, zone := range out.HostedZones {
			if strings.TrimSuffix(strings.ToLower(sdk.ToString(zone.Name)), ".") != name {
				return found, nil
			}
			if zone.Config == nil || !zone.Config.PrivateZone {
				found = append(found, HostedZone{ID: strings.TrimPrefix(sdk.ToString(zone.Id), "/hostedzone/"), Name: name})
			}
		}
		if !out.IsTruncated {
			return found, nil
		}
		in.DNSName, in.HostedZoneId = out.NextDNSName, out.NextHostedZoneId
	}
	return found, nil
}
