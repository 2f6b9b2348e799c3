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
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// runInfo prints what the state knows.
func runInfo(ctx context.Context, c *command.Call) error {
	var g infoGrammar
	_, set, help, err := parse(c, "info", aboutInfo, &g, true, false)
	if err != nil || help {
		return err
	}
	if g.JSON && g.Env {
		return errors.New("info: --json and --env: want one of them")
	}
	g.Quiet = true // the result says all
	s, err := openToLook(ctx, c, g.common, set, true)
	if err != nil {
		return err
	}
	defer s.close()
	info, err := s.installation().Info(ctx, g.Secrets)
	s.display.Close()
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.missing(err)
	}
	if err != nil {
		return err
	}
	text, err := g.render(info, s.flags.Output == "json")
	if err != nil {
		return err
	}
	if g.Secrets {
		_, err = c.Out.Write([]byte(text)) // what was asked for is not masked
		return err
	}
	return s.print(text)
}

// missing says where an installation was looked for.
func (s *session) missing(err error) error {
	if s.config.State != nil && s.config.State.Dir != "" {
		return fmt.Errorf("there is no installation %s in %s (%w); is its state elsewhere?", s.config.Name, s.config.State.Dir, err)
	}
	where := "in this account"
	if s.config.AWS != nil {
		where += ", region " + s.config.AWS.Region
	}
	return fmt.Errorf("there is no installation %s %s (%w); is it another region (--aws-region), account (AWS_PROFILE) or name?", s.config.Name, where, err)
}

// render is what info prints.
func (g infoGrammar) render(info bootstrap.Info, asJSON bool) (string, error) {
	switch {
	case g.Env:
		return exports(info, g.Secrets), nil
	case g.JSON || asJSON:
		var b strings.Builder
		err := printJSON(&b, info)
		return b.String(), err
	}
	text := infoTable(info)
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
	if info.Web.Username == "" {
		return ""
	}
	return fmt.Sprintf("\nConcourse user  %s\npassword        %s\n", info.Web.Username, info.Web.Password.Reveal())
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

// exports sets the environment of the bosh and fly CLIs, for eval in a shell.
// Credentials are in it only if they were asked for.
func exports(info bootstrap.Info, secrets bool) string {
	d, web := info.Access, info.Web
	user, password := d.Client, d.ClientSecret
	if d.Username != "" {
		user, password = d.Username, d.Password
	}
	var b strings.Builder
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "export %s=%s\n", name, quote(value))
		}
	}
	credential := func(name string, value secret.Value) {
		switch {
		case value.Empty():
		case secrets:
			set(name, value.Reveal())
		default:
			fmt.Fprintf(&b, "# %s: with --secrets\n", name)
		}
	}
	set("BOSH_ENVIRONMENT", d.URL)
	set("BOSH_CA_CERT", d.CACert)
	set("BOSH_DEPLOYMENT", "concourse")
	set("BOSH_CLIENT", user)
	credential("BOSH_CLIENT_SECRET", password)
	set("FLY_TARGET", info.Name)
	set("CONCOURSE_URL", web.URL)
	set("CONCOURSE_CA_CERT", web.CACert)
	set("CONCOURSE_USERNAME", web.Username)
	credential("CONCOURSE_PASSWORD", web.Password)
	return b.String()
}

// quote makes a word of the POSIX shell out of any text.
func quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("@%_-+=:,./"), r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
