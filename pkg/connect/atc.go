package connect

import (
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// ATC opens a client of the Concourse API; it asks nobody. It fails when the section is
// empty.
func (c Connector) ATC(s resource.Concourse) (*concourse.Client, error) {
	client, err := concourse.New(concourse.Config{
		Config: session.Config{
			URL: s.URL, Username: s.Username, Password: s.Password, CACert: s.CACert, Notify: c.Notify, Debug: c.Debug,
			Retry: Patience(retry.Default),
		},
		Team: s.Team,
	})
	if err != nil {
		return nil, fmt.Errorf("source.concourse: %w", err)
	}
	return client, nil
}

// shortly is how often a Concourse is asked that may be left unasked.
var shortly = retry.Policy{Attempts: 3, First: 500 * time.Millisecond, Max: 2 * time.Second}

// Anonymous opens a client without a login, for what Concourse tells anybody. Whoever asks
// can do without the answer, so that nobody is told of retries.
func (c Connector) Anonymous(url, caCert string) (*concourse.Client, error) {
	return concourse.New(concourse.Config{Config: session.Config{URL: url, CACert: caCert, Retry: Patience(shortly), Debug: c.Debug}})
}
