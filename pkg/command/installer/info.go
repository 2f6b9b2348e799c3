package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
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
	s, err := openToLook(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.close()
	i := s.installation(ctx)
	info, err := i.Info(ctx, g.Secrets || g.Show != "")
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.missing(err)
	}
	if err != nil {
		return err
	}
	for _, line := range info.State {
		s.display.Warn(line)
	}
	if g.Env && len(info.State) > 0 && !info.Old { // a shell would go on with it, and log in
		return fmt.Errorf("info --env: %s; nothing was printed", info.State[0])
	}
	text, err := render(ctx, g, s, i, info)
	s.display.Close()
	if err != nil {
		return err
	}
	switch {
	case g.Show != "" || g.Env && g.Secrets: // what was asked for is neither masked nor spelt out
		_, err = c.Exact().Write([]byte(text))
	case g.Secrets && (g.JSON || s.flags.Output == "json"):
		_, err = c.Out.Write([]byte(text))
	case g.Secrets:
		err = s.printed(text, nil)
	case g.Env || g.JSON || s.flags.Output == "json": // programs read it, in no other spelling
		if _, err = s.out.Write([]byte(text)); err == nil {
			err = s.out.Flush()
		}
	default:
		err = s.print(text)
	}
	if err != nil {
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

// missing says where an installation was looked for.
func (s *session) missing(err error) error {
	if s.Given.Config.State != nil && s.Given.Config.State.Dir != "" {
		return fmt.Errorf("there is no installation %s in %s (%w); is its state elsewhere?", s.Given.Config.Name, s.Given.Config.State.Dir, err)
	}
	where := "in this account"
	if s.Given.Config.AWS != nil {
		where += ", region " + s.Given.Config.AWS.Region
	}
	return fmt.Errorf("there is no installation %s %s (%w); is it another region (--aws-region), account (AWS_PROFILE) or name?", s.Given.Config.Name, where, err)
}

// render is what info prints.
func render(ctx context.Context, g grammar.Info, s *session, i *bootstrap.Installation, info bootstrap.Info) (string, error) {
	switch {
	case g.Env:
		return exportsOf(ctx, g, s, i, info), nil
	case g.Show != "":
		return show(info, g.Show, func() (secret.Value, error) { return i.GatewayKey(ctx, info) })
	case g.JSON || s.flags.Output == "json":
		var b strings.Builder
		err := printJSON(&b, info)
		return b.String(), err
	}
	text := infoTable(info) + "\n" + loginCommands(info)
	if !g.Secrets {
		return text + fmt.Sprintf("\nSecrets are shown by: perpetual info %s --secrets\n", info.Name), nil
	}
	secrets, err := yaml.Marshal(info.Secrets)
	if err != nil {
		return "", fmt.Errorf("print the credentials: %w", err)
	}
	return text + loginLines(info) + "\n" + string(secrets), nil
}

// loginLines are what people look for among the secrets.
func loginLines(info bootstrap.Info) string {
	if info.Person.Username == "" {
		return ""
	}
	return fmt.Sprintf("\nConcourse user  %s\npassword        %s\n", info.Person.Username, info.Person.Password.Reveal())
}

// soon is the number of days from which on a certificate's end is marked.
const soon = 30

// infoTable is the information for people.
func infoTable(info bootstrap.Info) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	for _, r := range [][2]string{
		{"name", info.Name}, {"Concourse", info.URL}, {"director", info.Director}, {"account", info.Account}, {"region", info.Region},
	} {
		if r[1] != "" {
			row(r[0], r[1])
		}
	}
	for _, name := range keys(info.Addresses) {
		row("address of "+name, info.Addresses[name])
	}
	for _, name := range keys(info.Versions) {
		row(name, info.Versions[name])
	}
	if len(info.Versions) > 0 && !info.Verified {
		row("verified", "not by deploy: after a self-upgrade the pipeline's job verify tells")
	}
	row("changed last by", "perpetual "+info.Program)
	_ = w.Flush()
	if len(info.Certificates) > 0 {
		b.WriteString("\nCertificates\n")
		for _, c := range info.Certificates {
			mark := ""
			if c.DaysLeft < soon {
				mark = "soon"
			}
			row("  "+c.Name, c.NotAfter.UTC().Format(time.DateOnly), fmt.Sprintf("%d days left", c.DaysLeft), mark)
		}
		_ = w.Flush()
	}
	if len(info.Steps) > 0 {
		b.WriteString("\nLast changes\n")
		for _, s := range info.Steps {
			row("  "+s.Step, s.At.UTC().Format(time.RFC3339), s.Report)
		}
		_ = w.Flush()
	}
	return trimmed(b.String())
}

func keys(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}
