package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// Info is what info prints for people: the installation, and how to log in.
func Info(info bootstrap.Info) string { return infoTable(info) + "\n" + loginCommands(info) }

// Secrets are what info adds with --secrets: the password that people look for first,
// then all credentials as YAML.
func Secrets(info bootstrap.Info) (string, error) {
	all, err := yaml.Marshal(info.Secrets)
	if err != nil {
		return "", fmt.Errorf("print the credentials: %w", err)
	}
	return loginLines(info) + "\n" + string(all), nil
}

// loginLines are what people look for among the secrets.
func loginLines(info bootstrap.Info) string {
	if info.Person.Username == "" {
		return ""
	}
	return fmt.Sprintf("\nConcourse user  %s\npassword        %s\n", info.Person.Username, info.Person.Password.Reveal())
}

// loginCommands log in with fly, for people to copy.
func loginCommands(info bootstrap.Info) string {
	if info.Person.URL == "" {
		return ""
	}
	text := fmt.Sprintf("Log in with fly, and set up bosh in this shell\n  eval \"$(perpetual info %s --env --secrets)\"\n\nor with fly alone\n", info.Name)
	authority := ""
	if info.Person.CACert != "" {
		file := info.Name + "-ca.pem"
		text += fmt.Sprintf("  perpetual info %s --show concourse.ca_cert >%s\n", info.Name, file)
		authority = " --ca-cert " + file
	}
	return text + fmt.Sprintf("  fly -t %s login -c %s%s -u %s -p \"$(perpetual info %s --show concourse.password)\"\n",
		info.Name, info.Person.URL, authority, info.Person.Username, info.Name)
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
	for _, name := range slices.Sorted(maps.Keys(info.Addresses)) {
		row("address of "+name, info.Addresses[name])
	}
	for _, name := range slices.Sorted(maps.Keys(info.Versions)) {
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
