package installer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/environment"
)

// runConfig writes, checks or describes perpetual.yml. It asks nobody.
func runConfig(_ context.Context, c *command.Call) error {
	var g configGrammar
	settings := len(c.Args) > 0 && c.Args[0] == "validate"
	chosen, set, help, err := parse(c, "config", aboutConfig, &g, settings, true)
	if err != nil || help {
		return err
	}
	verb, _, _ := strings.Cut(chosen, " ")
	switch verb {
	case "init":
		return g.Init.run(c)
	case "schema":
		_, err := c.Out.Write(config.Schema())
		return err
	}
	return g.Validate.run(c, set)
}

// run prints a file to begin with.
func (g initGrammar) run(c *command.Call) error {
	if g.Region != "" && g.DirectorURL != "" {
		return fmt.Errorf("config init: --region and --director-url: want one of them, AWS or a director that exists")
	}
	if g.Name == "" {
		g.Name = c.Env(environmentPrefix + "NAME")
	}
	if g.Region == "" && g.DirectorURL == "" {
		g.Region = c.Env("AWS_REGION")
	}
	var text bytes.Buffer
	err := config.Init(&text, config.Answers{Name: g.Name, Region: g.Region, Domain: g.Domain, DirectorURL: g.DirectorURL})
	if err != nil {
		return fmt.Errorf("config init: %w", err)
	}
	_, err = c.Out.Write(text.Bytes())
	return err
}

// run says all that is wrong with a configuration, as a first deploy would see it.
func (g validateGrammar) run(c *command.Call, set given) error {
	w, problems, err := surveyWishes(c, g.common, set)
	if err != nil {
		return listed(c, err)
	}
	assumeAWS(w.config)
	if w.config.AWS != nil && w.config.AWS.Region == "" {
		w.config.AWS.Region = c.Env("AWS_REGION")
	}
	whole := config.Defaults(w.config)
	found := config.Validate(whole, now())
	user, notes, unread := environment.ReadUser(whole, w.open)
	for _, line := range notes {
		c.Notify("warning: " + line)
	}
	found = append(append(found, unread...), environment.Check(whole, user)...)
	unreadable := problems
	for _, p := range w.source.Locate(found) {
		// A key whose value cannot be read has its problem already.
		if !slices.ContainsFunc(unreadable, func(before config.Problem) bool { return before.Key != "" && strings.HasPrefix(p.Key, before.Key) }) {
			problems = append(problems, p)
		}
	}
	config.SortByLine(problems)
	for _, p := range problems {
		if p.Warning {
			c.Notify(p.Error())
		}
	}
	if err := problems.Err(); err != nil {
		return listed(c, err)
	}
	what := w.file
	if what == "" {
		what = "the configuration of " + w.config.Name
	}
	_, err = fmt.Fprintf(c.Out, "%s is valid\n", what)
	return err
}
