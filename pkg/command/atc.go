package command

import (
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// atc gives nothing for a source without a concourse section.
func (c *call) atc(s resource.Concourse) (upgrade.ATC, upgrade.Concourse, error) {
	if s == (resource.Concourse{}) {
		return nil, nil, nil
	}
	client, err := c.concourseClient(s)
	if err != nil {
		return nil, nil, err
	}
	return client, client, nil
}

// concourseClient opens a client of the Concourse API.
func (c *call) concourseClient(s resource.Concourse) (*concourse.Client, error) {
	client, err := concourse.New(concourse.Config{
		URL: s.URL, Team: s.Team, Username: s.Username, Password: s.Password, CACert: s.CACert, Notify: c.notify, Debug: c.debug,
		Retry: patience(retry.Default),
	})
	if err != nil {
		return nil, fmt.Errorf("source.concourse: %w", err)
	}
	return client, nil
}
