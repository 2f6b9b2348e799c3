package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
)

// runUnlock breaks the lease of an installation where one is named, by argument,
// environment or file, and otherwise that of the deployment in the request on stdin.
func runUnlock(ctx context.Context, c *command.Call) error {
	var g grammar.Unlock
	_, set, help, err := grammar.Parse(c, "unlock", aboutUnlock, &g, true, false)
	if err != nil || help {
		return err
	}
	if g.ID == "" {
		return errors.New("unlock: want --id ID, which the error of the refused run names")
	}
	if w, err := grammar.ReadFile(g.Config); err == nil && w.File == "" && g.Name == "" && c.Env(grammar.Prefix+"NAME") == "" {
		return step.Unlock(ctx, c)
	}
	s, err := session.Open(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.Installation(ctx).Unlock(ctx, strings.TrimSpace(g.ID))
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.Missing(err)
	}
	if err != nil {
		return err
	}
	return s.Print(fmt.Sprintf("the lease %s of %s is broken\n", g.ID, s.Given.Config.Name))
}
