package bosh

import (
	"context"
	"errors"
	"slices"

	"github.com/cloudfoundry/bosh-cli/v7/director"
)

// Info is what a director tells about itself in /info.
type Info struct {
	Name     string   // "bosh-1"
	UUID     string   // "deadbeef-0000-4000-8000-000000000001"
	Version  string   // "283.1.6 (170763c7)"
	User     string   // "admin"; "" when the login is not accepted
	CPI      string   // "aws_cpi"
	AuthType string   // "basic" or "uaa"
	UAAURL   string   // "https://10.0.0.6:8443"; "" without a UAA
	Features []string // those that are on: "config_server", "local_dns", sorted
}

// Info asks the director who it is, and whom it takes the caller for. A wrong
// password is not an error here: /info is always answered, and User is empty then.
func (c *Client) Info(ctx context.Context) (Info, error) {
	answer, err := read(ctx, c, director.Client.Info)
	if err != nil {
		return Info{}, err
	}
	return newInfo(answer)
}

// newInfo reads the answer of /info.
func newInfo(r director.InfoResp) (Info, error) {
	if r.Version == "" || r.UUID == "" {
		return Info{}, errors.New("read the director's info: version or uuid is missing: check that url is a director's")
	}
	info := Info{Name: r.Name, UUID: r.UUID, Version: r.Version, User: r.User, CPI: r.CPI, AuthType: r.Auth.Type}
	for name, feature := range r.Features {
		if feature.Status {
			info.Features = append(info.Features, name)
		}
	}
	slices.Sort(info.Features)
	if text, ok := r.Auth.Options["url"].(string); ok {
		info.UAAURL = text
	} else if list, ok := r.Auth.Options["urls"].([]any); ok && len(list) > 0 {
		info.UAAURL, _ = list[0].(string)
	}
	return info, nil
}
