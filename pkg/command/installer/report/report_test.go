package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func noKey() (secret.Value, error) { return secret.Value{}, errors.New("AWS does not answer") }

// Each mistake of a key is told from the others, and what is there is printed as it is.
func TestValue_isOneValueOrSaysWhichThereAre(t *testing.T) {
	info := bootstrap.Info{
		Name: "ci", URL: "https://ci.example.com", Gateway: "198.51.100.2", Addresses: map[string]string{"web": "198.51.100.1"},
		Secrets: map[string]any{"postgres_password": "pw", "tsa_host_key": map[string]any{"private_key": "one\ntwo\n"}},
	}
	for key, want := range map[string]string{
		"url": "https://ci.example.com\n", "addresses.web": "198.51.100.1\n", "gateway.user": "vcap\n", "verified": "false\n",
		"postgres_password": "pw\n", "secrets.tsa_host_key.private_key": "one\ntwo\n",
	} {
		if got, err := report.Value(info, key, noKey); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", key, got, err, want)
		}
	}
	for key, want := range map[string]string{
		"region":              "info --show region: it has no value in this installation",
		"addresses":           "info --show addresses: it has several parts; want one of addresses.web",
		"private_key":         "did you mean gateway.private_key?",
		"urll":                "did you mean url?",
		"nothing.like.it":     "try url, addresses.web,",
		"gateway.private_key": "info --show gateway.private_key: AWS does not answer",
	} {
		if got, err := report.Value(info, key, noKey); err == nil || got != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want an error with %q", key, got, err, want)
		}
	}
}

// What a script lacks is said beside it, and never a credential that was not asked for.
func TestExports_sayWhatTheyLack(t *testing.T) {
	info := bootstrap.Info{Name: "ci", Gateway: "198.51.100.2"}
	info.Access.URL, info.Access.Client, info.Access.ClientSecret = "https://198.51.100.2:25555", "admin", secret.New("hush")
	script, notes := report.Exports(info, false, noKey)
	if strings.Contains(script, "hush") || len(notes) != 1 || !strings.Contains(notes[0], "BOSH_CLIENT_SECRET") || !strings.HasSuffix(notes[0], "that takes --secrets") {
		t.Errorf("without secrets: notes %q\n%s", notes, script)
	}
	script, notes = report.Exports(info, true, noKey)
	if !strings.Contains(script, "hush") || len(notes) != 1 || notes[0] != "bosh ssh and bosh logs -f are not set up: AWS does not answer" {
		t.Errorf("without the gateway's key: notes %q\n%s", notes, script)
	}
}

func TestDeployed_saysWhatBecameOfIt(t *testing.T) {
	deploy := []step.NamedOutcome{{Step: "deploy", Outcome: step.Outcome{Status: step.Changed, Report: "accepted", Took: 1500 * time.Millisecond}}}
	for name, c := range map[string]struct {
		result bootstrap.Result
		brief  bool
		want   string
	}{
		"changed":         {bootstrap.Result{Changed: true, URL: "https://ci"}, false, "\nci is deployed.\n\n  Concourse  https://ci\n"},
		"goes on":         {bootstrap.Result{Changed: true, Task: 42, Outcomes: deploy}, true, "\nci: director task 42 was accepted and keeps running;"},
		"up to date":      {bootstrap.Result{URL: "https://ci"}, false, "\nci is up to date: nothing was changed.\n\n  Concourse  https://ci\n"},
		"all quiet":       {bootstrap.Result{URL: "https://ci"}, true, "ci is up to date\n"},
		"no longer alone": {bootstrap.Result{Changed: true, Task: 42, Outcomes: append(deploy, step.NamedOutcome{Step: "verify"})}, false, "\nci is deployed.\n"},
	} {
		d := report.NewDeployed("ci", c.result)
		if got := d.Text(c.brief); !strings.HasPrefix(got, c.want) || strings.Contains(got, "Concourse") != strings.Contains(c.want, "Concourse") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if len(d.Steps) != len(c.result.Outcomes) || d.Steps == nil {
			t.Errorf("%s: steps %v", name, d.Steps)
		}
	}
}
