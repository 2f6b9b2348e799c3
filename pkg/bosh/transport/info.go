package transport

import (
	"context"
	"errors"
	"slices"

	"github.com/cloudfoundry/bosh-cli/v7/director"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Info asks the director who it is, and whom it takes the caller for. A wrong
// password is not an error here: /info is always answered, and User is empty then.
func (t *Transport) Info(ctx context.Context) (bosh.Info, error) {
	answer, err := Read(ctx, t, director.Client.Info)
	if err != nil {
		return bosh.Info{}, err
	}
	return newInfo(answer)
}

// newInfo reads the answer of /info.
func newInfo(r director.InfoResp) (bosh.Info, error) {
	if r.Version == "" || r.UUID == "" {
		return bosh.Info{}, errors.New("read the director's info: version or uuid is missing: check that url is a director's")
	}
	info := bosh.Info{Name: r.Name, UUID: r.UUID, Version: r.Version, User: r.User, CPI: r.CPI, AuthType: r.Auth.Type}
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
