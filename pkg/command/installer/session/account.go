package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// findAccount opens the AWS account, where one is used: when there is a section
// aws, a bucket for the state, or nothing that names another director. The region
// may come from AWS_REGION or the profile.
func (s *Session) findAccount(ctx context.Context, exists bool) error {
	c := s.Given.Config
	stored, err := s.storedConfig(ctx)
	if errors.Is(err, bootstrap.ErrNotFound) && exists {
		return s.Missing(err)
	}
	if err != nil && !errors.Is(err, bootstrap.ErrNotFound) {
		return err
	}
	if stored == nil || stored.AWS != nil {
		AssumeAWS(c)
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
	if region, err = s.connector.OpenAccount(ctx, region); err != nil {
		return err
	}
	if c.AWS != nil {
		c.AWS.Region = region
	}
	return s.checkPlaces()
}

// AssumeAWS takes AWS for what is wanted where nothing names another director, so
// that a first install needs no file.
func AssumeAWS(c *config.Config) {
	if c.AWS == nil && c.Director.URL == "" {
		c.AWS = &config.AWS{}
	}
}

// checkPlaces finds what is wrong with name, region, zones and signing key before anybody is
// asked: a region that does not exist would be looked for in the DNS. The rest is
// checked when it is merged with what is stored.
func (s *Session) checkPlaces() error {
	var wrong schema.Problems
	for _, p := range s.Given.Source.Locate(check.Config(config.Defaults(s.Given.Config), time.Now())) {
		missing := p.Key == "aws.region" && s.Given.Config.AWS != nil && s.Given.Config.AWS.Region == ""
		if !p.Warning && !missing && (p.Key == "name" || p.Key == "aws.region" || p.Key == keyring.SigningKey || strings.HasPrefix(p.Key, "aws.zones")) {
			wrong = append(wrong, p)
		}
	}
	if wrong == nil {
		return nil
	}
	return wrong
}

// storedConfig is what a local directory holds of the last run's configuration,
// nil if the state is elsewhere. It fails with bootstrap.ErrNotFound.
func (s *Session) storedConfig(ctx context.Context) (*config.Config, error) {
	c := s.Given.Config
	if c.State == nil || c.State.Dir == "" {
		return nil, nil
	}
	i := s.Installation(ctx)
	store, _, err := i.OpenStore(ctx, c, "", false)
	if err != nil {
		return nil, err
	}
	stored, err := i.Stored(ctx, store)
	if errors.Is(err, bootstrap.ErrNotFound) {
		return nil, fmt.Errorf("directory %s: %w", c.State.Dir, bootstrap.ErrNotFound)
	}
	return stored, err
}

// Missing says where an installation was looked for.
func (s *Session) Missing(err error) error {
	if s.Given.Config.State != nil && s.Given.Config.State.Dir != "" {
		return fmt.Errorf("there is no installation %s in %s (%w); is its state elsewhere?", s.Given.Config.Name, s.Given.Config.State.Dir, err)
	}
	where := "in this account"
	if s.Given.Config.AWS != nil {
		where += ", region " + s.Given.Config.AWS.Region
	}
	return fmt.Errorf("there is no installation %s %s (%w); is it another region (--aws-region), account (AWS_PROFILE) or name?", s.Given.Config.Name, where, err)
}
