package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// runInfo prints what the state knows.
func runInfo(ctx context.Context, c *command.Call) error {
	var g grammar.Info
	_, set, help, err := grammar.Parse(c, "info", aboutInfo, &g, true, false)
	if err != nil || help {
		return err
	}
	if err := single(g); err != nil {
		return err
	}
	g.Quiet = true // the result says all
	s, err := session.OpenToLook(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.Close()
	i := s.Installation(ctx)
	info, err := i.Info(ctx, g.Secrets || g.Show != "")
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.Missing(err)
	}
	if err != nil {
		return err
	}
	for _, line := range info.State {
		s.Display.Warn(line)
	}
	if g.Env && len(info.State) > 0 && !info.Old { // a shell would go on with it, and log in
		return fmt.Errorf("info --env: %s; nothing was printed", info.State[0])
	}
	text, err := render(ctx, g, s, i, info)
	s.Display.Close()
	if err != nil {
		return err
	}
	switch {
	case g.Show != "" || g.Env && g.Secrets: // what was asked for is neither masked nor spelt out
		return write(c.Exact(), text)
	case g.Secrets && (g.JSON || s.JSON()):
		return write(c.Out, text)
	case g.Secrets:
		return s.PrintWith(text, nil)
	case g.Env || g.JSON || s.JSON(): // programs read it, in no other spelling
		return s.PrintExact(text)
	}
	return s.Print(text)
}

// write prints a result as it is.
func write(to io.Writer, text string) error {
	if _, err := io.WriteString(to, text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// single refuses two ways to print at once.
func single(g grammar.Info) error {
	var ways []string
	for way, asked := range map[string]bool{"--json": g.JSON || g.Output == "json", "--env": g.Env, "--show": g.Show != ""} {
		if asked {
			ways = append(ways, way)
		}
	}
	if len(ways) > 1 {
		slices.Sort(ways)
		return fmt.Errorf("info: %s: want one of them", strings.Join(ways, " and "))
	}
	return nil
}

// render is what info prints.
func render(ctx context.Context, g grammar.Info, s *session.Session, i *bootstrap.Installation, info bootstrap.Info) (string, error) {
	askForKey := func() (secret.Value, error) { return i.GatewayKey(ctx, info) }
	switch {
	case g.Env:
		script, notes := report.Exports(info, g.Secrets, askForKey)
		for _, note := range notes {
			s.Notify(note)
		}
		return script, nil
	case g.Show != "":
		return report.Value(info, g.Show, askForKey)
	case g.JSON || s.JSON():
		return report.JSON(info)
	}
	text := report.Info(info)
	if !g.Secrets {
		return text + fmt.Sprintf("\nSecrets are shown by: perpetual info %s --secrets\n", info.Name), nil
	}
	secrets, err := report.Secrets(info)
	return text + secrets, err
}
