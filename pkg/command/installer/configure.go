package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
)

// runConfig writes, checks or describes perpetual.yml. It asks nobody.
func runConfig(_ context.Context, c *command.Call) error {
	var g grammar.Config
	settings := len(c.Args) > 0 && c.Args[0] == "validate"
	chosen, set, help, err := grammar.Parse(c, "config", aboutConfig, &g, settings, true)
	if err != nil || help {
		return err
	}
	verb, _, _ := strings.Cut(chosen, " ")
	switch verb {
	case "init":
		return initConfig(c, g.Init)
	case "schema":
		_, err := c.Out.Write(config.Schema())
		return err
	}
	return validateConfig(c, g.Validate, set)
}

// initConfig prints a file to begin with.
func initConfig(c *command.Call, g grammar.Init) error {
	if g.Region != "" && g.DirectorURL != "" {
		return fmt.Errorf("config init: --region and --director-url: want one of them, AWS or a director that exists")
	}
	if g.Name == "" {
		g.Name = c.Env(grammar.Prefix + "NAME")
	}
	if g.Region == "" && g.DirectorURL == "" {
		g.Region = c.Env("AWS_REGION")
	}
	ca, err := authority(g)
	if err != nil {
		return fmt.Errorf("config init: %w", err)
	}
	var text bytes.Buffer
	err = config.Init(&text, config.Answers{
		Name: g.Name, Region: g.Region, Domain: g.Domain, DirectorURL: g.DirectorURL, Client: g.DirectorClient, CACert: ca,
	})
	if err == nil {
		err = checkAnswers(text.Bytes())
	}
	if err != nil {
		return fmt.Errorf("config init: %w", err)
	}
	_, err = c.Exact().Write(text.Bytes())
	return err
}

// checkAnswers finds at once what config validate would find with the file.
func checkAnswers(text []byte) error {
	answered, err := config.Parse("perpetual.yml", text)
	if err != nil {
		return err
	}
	whole := config.Defaults(answered)
	problems := check.Config(whole, time.Now())
	for i, p := range problems {
		problems[i] = softened(p, whole)
	}
	return problems.Err()
}

// authority checks that the answers to a director are whole, so that the file is valid,
// and reads the certificate.
func authority(g grammar.Init) (string, error) {
	if g.DirectorURL == "" {
		if g.DirectorClient != "" || g.DirectorCACert != "" {
			return "", errors.New("--director-client and --director-ca-cert are of a director that exists: give --director-url, too")
		}
		return "", nil
	}
	var lacks []string
	if g.Domain == "" {
		lacks = append(lacks, "--domain, the name or address under which Concourse will be reached")
	}
	if g.DirectorClient == "" {
		lacks = append(lacks, "--director-client, who may deploy")
	}
	if len(lacks) > 0 {
		return "", fmt.Errorf("--director-url needs %s", strings.Join(lacks, ", and "))
	}
	if g.DirectorCACert == "" || strings.HasPrefix(strings.TrimSpace(g.DirectorCACert), "-----BEGIN") {
		return g.DirectorCACert, nil
	}
	text, err := os.ReadFile(g.DirectorCACert)
	if err != nil {
		return "", fmt.Errorf("--director-ca-cert: %w", err)
	}
	return string(text), nil
}

// softened makes a warning of a secret that is not here: the file need not have it, and
// deploy may find it in its environment.
func softened(p schema.Problem, c *config.Config) schema.Problem {
	const key = "director.client_secret"
	if p.Key == key && c.Director.ClientSecret.Empty() {
		p.Warning = true
		p.Text = "is not here; deploy needs it, from the file or as " + grammar.Prefix + "DIRECTOR_CLIENT_SECRET"
	}
	return p
}

// validateConfig says all that is wrong with a configuration, as a first deploy would see it.
func validateConfig(c *command.Call, g grammar.Validate, set grammar.Settings) error {
	w, problems, err := grammar.Survey(c, g.Common, set)
	if err != nil {
		return session.List(c, err)
	}
	session.AssumeAWS(w.Config)
	if w.Config.AWS != nil && w.Config.AWS.Region == "" {
		w.Config.AWS.Region = c.Env("AWS_REGION")
	}
	whole := config.Defaults(w.Config)
	found := check.Config(whole, time.Now())
	user, notes, unread := overlay.Read(whole, w.Open)
	for _, line := range notes {
		c.Notify("warning: " + line)
	}
	found = append(append(found, unread...), overlay.Check(whole, user)...)
	unreadable := problems
	for _, p := range w.Source.Locate(found) {
		// A key whose value cannot be read has its problem already.
		p = softened(p, whole)
		if !unreadable.About(p.Key) {
			problems = append(problems, p)
		}
	}
	schema.SortByLine(problems)
	for _, p := range problems {
		if p.Warning {
			c.Notify(p.Error())
		}
	}
	if err := problems.Err(); err != nil {
		return session.List(c, err)
	}
	what := w.File
	if what == "" {
		what = "the configuration of " + w.Config.Name
	}
	_, err = fmt.Fprintf(c.Out, "%s is valid\n", what)
	return err
}
