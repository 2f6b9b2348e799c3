package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cloudfoundry/bosh-cli/v7/director"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Configs lists the current version of each config of a type and, unless name is
// empty, of that name.
func (c *Client) Configs(ctx context.Context, kind, name string) ([]bosh.ConfigVersion, error) {
	query := url.Values{"latest": {"true"}, "type": {kind}}
	if name != "" {
		query.Set("name", name)
	}
	answers, err := transport.Get[[]director.Config](ctx, c.wire, "/configs?"+query.Encode())
	if err != nil {
		return nil, err
	}
	versions := make([]bosh.ConfigVersion, len(answers))
	for i, a := range answers {
		versions[i] = newConfigVersion(a)
	}
	return versions, nil
}

// CloudConfig reads the default cloud config. Its error is bosh.ErrNotFound if there
// is none.
func (c *Client) CloudConfig(ctx context.Context) (bosh.ConfigVersion, error) {
	versions, err := c.Configs(ctx, "cloud", "default")
	if err != nil {
		return bosh.ConfigVersion{}, err
	}
	if len(versions) == 0 {
		return bosh.ConfigVersion{}, fmt.Errorf("read the cloud config: %w", bosh.ErrNotFound)
	}
	return versions[0], nil
}

// UpdateConfig makes content the current version. With the ID of the version
// that was read as expectedLatestID it fails with bosh.ErrConfigChanged if there is
// another by now, unless that has this very content; without one it overwrites. The
// same content keeps its ID, so an update whose answer was lost is repeated.
func (c *Client) UpdateConfig(ctx context.Context, kind, name, content, expectedLatestID string) (bosh.ConfigVersion, error) {
	version, err := c.postConfig(ctx, kind, name, content, expectedLatestID)
	if !errors.Is(err, bosh.ErrConfigChanged) {
		return version, err
	}
	// Perhaps this very update has taken, and its answer was lost.
	now, readErr := c.Configs(ctx, kind, name)
	if readErr == nil && len(now) > 0 && sameContent(now[0].Content, content) {
		return now[0], nil
	}
	return bosh.ConfigVersion{}, err
}

// postConfig writes a config, and repeats that as a GET: with an expected id the
// repetition of what has taken is refused, without one it changes nothing.
func (c *Client) postConfig(ctx context.Context, kind, name, content, expectedLatestID string) (bosh.ConfigVersion, error) {
	body, err := json.Marshal(director.UpdateConfigBody{
		Type: kind, Name: name, Content: content, ExpectedLatestId: expectedLatestID,
	})
	if err != nil {
		return bosh.ConfigVersion{}, fmt.Errorf("update %s config %s: %w", kind, name, err)
	}
	var answer director.Config
	k := c.wire.Call(retry.Repeatable(ctx))
	err = k.Request().Post("/configs", body, func(req *http.Request) {
		req.Header.Set("Content-Type", "application/json")
	}, &answer)
	if err := k.Explain(err); err != nil {
		return bosh.ConfigVersion{}, fmt.Errorf("update %s config %s: %w", kind, name, err)
	}
	return newConfigVersion(answer), nil
}

// newConfigVersion reads a config of the API.
func newConfigVersion(a director.Config) bosh.ConfigVersion {
	return bosh.ConfigVersion{ID: a.ID, Type: a.Type, Name: a.Name, Content: a.Content, CreatedAt: a.CreatedAt}
}
