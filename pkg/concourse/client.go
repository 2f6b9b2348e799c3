// Package concourse speaks with the API of a Concourse web node: its version,
// its workers, and the pipelines of one team. It sets a pipeline only when that
// changes something, and never over somebody else's change.
package concourse

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// callTimeout bounds one method with all its requests and their retries,
// for callers whose context has no deadline.
const callTimeout = 3 * time.Minute

// Config says which Concourse and who is asking.
type Config struct {
	session.Config        // of a user with the role member or owner in Team
	Team           string // default: main
}

// Client is a Concourse as one user of one team sees it. It logs in when a call
// first needs that. It may be used by several goroutines. Package session is how its
// requests reach Concourse.
type Client struct {
	session *session.Session
	team    string
}

// New makes a Client without asking the network. It fails as session.New does.
func New(c Config) (*Client, error) {
	own, err := session.New(c.Config)
	if err != nil {
		return nil, err
	}
	return &Client{session: own, team: cmp.Or(c.Team, atc.DefaultTeamName)}, nil
}

// Info is what Concourse tells anybody about itself (GET /api/v1/info).
type Info struct {
	Version       string // of the web node: 8.2.5
	WorkerVersion string // of the protocol between web and worker: 2.5
	ExternalURL   string // https://ci.example.com
	ClusterName   string // as the operator named it; often empty
}

// Info asks for the version; it needs no login. It fails with an error of package
// session, or the context's.
func (c *Client) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := api.NewClient(c.session.URL(), c.session.Anonymous(ctx), false).GetInfo()
	if err == nil && info.Version == "" {
		err = errors.New("the answer names no version; is this really Concourse?")
	}
	if err != nil {
		return Info{}, c.explain("read the version", err)
	}
	return Info{
		Version: info.Version, WorkerVersion: info.WorkerVersion,
		ExternalURL: info.ExternalURL, ClusterName: info.ClusterName,
	}, nil
}

// api is the library's client for one method; right and pass are those of Session.Client.
func (c *Client) api(ctx context.Context, right string, pass ...int) api.Client {
	return api.NewClient(c.session.URL(), c.session.Client(ctx, right, pass...), false)
}
