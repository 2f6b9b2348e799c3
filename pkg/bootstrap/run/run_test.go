package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	onAWS     = "aws: {region: eu-central-1}\n"
	elsewhere = "director: {url: https://bosh.example.com:25555, client: ci, client_secret: s3cret}\n"
)

// journal is what is shown of a run.
type journal struct{ lines []string }

func (j *journal) Begin(name string)               { j.lines = append(j.lines, "begin "+name) }
func (j *journal) Note(name, line string)          { j.lines = append(j.lines, name+": "+line) }
func (j *journal) End(name string, o step.Outcome) { j.lines = append(j.lines, "end "+name) }
func (j *journal) Warn(line string)                { j.lines = append(j.lines, "warning: "+line) }

// session is an account of which it is known alone as whom one works there.
type session struct {
	run.Account
	identity login.Identity
	err      error
}

func (s session) Identity(context.Context) (login.Identity, error) { return s.identity, s.err }
func (s session) Zones(context.Context) ([]account.Zone, error)    { return nil, s.err }

// begun is a run with a perpetual.yml.
func begun(t *testing.T, text string, o run.Options) (*run.Run, *journal) {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{}
	return run.New(run.Installation{
		Name: "ci", Given: c, Program: "1.2.3", Progress: j, Mask: func(...secret.Value) {},
		Account:     session{identity: login.Identity{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ci"}},
		SpotCeiling: func(region, instanceType string) string { return instanceType + " in " + region },
	}, o), j
}

func TestNew_knowsHowOftenAndHowLong(t *testing.T) {
	r, _ := begun(t, onAWS, run.Options{})
	if r.Now == nil || r.Poll != 2*time.Second || r.Timeout != 2*time.Hour {
		t.Errorf("it looks every %s for %s", r.Poll, r.Timeout)
	}
	given := run.Installation{Name: "ci", Given: r.Given, Poll: time.Minute, Timeout: time.Minute, Now: func() time.Time { return time.Unix(7, 0) }}
	r = run.New(given, run.Options{})
	if r.Now() != time.Unix(7, 0) || r.Poll != time.Minute || r.Timeout != time.Minute {
		t.Errorf("it looks every %s for %s", r.Poll, r.Timeout)
	}
}

func TestRun_knowsWhereEverythingIs(t *testing.T) {
	for name, c := range map[string]struct {
		text                   string
		record                 record.Record
		elsewhere, bare, local bool
		store                  string
	}{
		"on AWS, at the first run": {text: onAWS, bare: true, store: "the bucket perpetual-ci-123456789012-eu-central-1"},
		"on AWS, with a stack": {
			text: onAWS, record: record.Record{Choice: record.Choice{Infrastructure: &manifest.Infrastructure{}}},
			store: "the bucket perpetual-ci-123456789012-eu-central-1",
		},
		"on AWS, with a state in a directory": {text: onAWS + "state: {dir: /srv/ci}", bare: true, local: true, store: "the directory /srv/ci"},
		"on a director that exists":           {text: elsewhere + "state: {dir: /srv/ci}", elsewhere: true, local: true, store: "the directory /srv/ci"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := begun(t, c.text, run.Options{})
			if err := r.Identify(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.Record = c.record
			if r.Elsewhere() != c.elsewhere || r.Bare() != c.bare || r.Local() != c.local || r.StoreName() != c.store {
				t.Errorf("elsewhere: %t, bare: %t, local: %t, in %s", r.Elsewhere(), r.Bare(), r.Local(), r.StoreName())
			}
		})
	}
}

func TestRun_asksTheAccountWhereThereIsOne(t *testing.T) {
	r, _ := begun(t, elsewhere, run.Options{})
	r.Account = nil
	if err := r.Identify(t.Context()); err != nil {
		t.Errorf("without an account it ends with %v", err)
	}
	if o, err := r.CheckAccount(t.Context()); err != nil || o.Status != step.Skipped {
		t.Errorf("without an account it is %q, %v", o.Status, err)
	}
	r, _ = begun(t, onAWS, run.Options{})
	if o, err := r.CheckAccount(t.Context()); err != nil || o.Report != "account 123456789012, region eu-central-1, as arn:aws:iam::123456789012:user/ci" {
		t.Errorf("it says %q, %v", o.Report, err)
	}
	broken := errors.New("the session has expired")
	r.Account = session{err: broken}
	if err := r.Identify(t.Context()); !errors.Is(err, broken) {
		t.Errorf("it ends with %v", err)
	}
}

func TestRun_warnsOnce(t *testing.T) {
	r, j := begun(t, onAWS, run.Options{})
	r.Warn("one", "two", "one")
	r.Warn("two", "three")
	if want := []string{"warning: one", "warning: two", "warning: three"}; !slices.Equal(j.lines, want) {
		t.Errorf("it says %q", j.lines)
	}
}

func TestRun_keepsTheOutcomesOfWhatItHasDone(t *testing.T) {
	r, j := begun(t, onAWS, run.Options{})
	does := func(name string, err error) step.Step {
		return step.Step{Name: name, Converge: func(context.Context) (step.Outcome, error) {
			r.NoteOf(name)("at work")
			return step.Outcome{Status: step.Changed, Report: name}, err
		}}
	}
	if err := r.Perform(t.Context(), does("one", nil)); err != nil {
		t.Fatal(err)
	}
	var at *step.Error
	if err := r.Perform(t.Context(), does("two", nil), does("three", errors.New("broken")), does("four", nil)); !errors.As(err, &at) || at.Step != "three" {
		t.Errorf("it ends with %v", err)
	}
	if len(r.Outcomes) != 2 || r.Outcomes[0].Step != "one" || r.Outcomes[1].Step != "two" {
		t.Errorf("it has done %+v", r.Outcomes)
	}
	want := []string{"begin one", "one: at work", "end one", "begin two", "two: at work", "end two", "begin three", "three: at work", "end three"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("it shows %q", j.lines)
	}
}

func TestInput_hasWhatWasChosen(t *testing.T) {
	types := map[string]string{"director": "t3.small", "web": "t3.medium", "worker": "m5.large", "database": "t3.nano"}
	for name, c := range map[string]struct {
		text, ceiling string
		self          bool
	}{
		"on AWS":                    {text: onAWS, ceiling: "m5.large in eu-central-1"},
		"from inside":               {text: onAWS, self: true, ceiling: "m5.large in eu-central-1"},
		"on a director that exists": {text: elsewhere}, // there is no price of a VM
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := begun(t, c.text, run.Options{Self: c.self})
			r.Record.InstanceTypes, r.Record.Spread, r.Postgres = types, 2, 17
			r.Outputs.DirectorIP, r.Set = "10.0.0.6", []component.Component{{Name: "concourse", Version: "8.2.5"}}
			in, err := r.Input()
			if err != nil {
				t.Fatal(err)
			}
			if in.SpotCeiling != c.ceiling || in.Installer.Inside != c.self || !in.Installer.AccessKey.Empty() || in.Program != "1.2.3" || in.PostgresMajor != 17 {
				t.Errorf("it is rendered from %q, %+v, %q, %d", in.SpotCeiling, in.Installer, in.Program, in.PostgresMajor)
			}
			if got := (manifest.InstanceTypes{Director: "t3.small", Web: "t3.medium", Worker: "m5.large", Database: "t3.nano"}); in.InstanceTypes != got || in.Spread != 2 {
				t.Errorf("its VMs are %+v", in.InstanceTypes)
			}
			if in.Infrastructure.DirectorIP != "10.0.0.6" || in.Versions.Concourse != "8.2.5" {
				t.Errorf("it is at %q and runs %+v", in.Infrastructure.DirectorIP, in.Versions)
			}
		})
	}
}

// What the state must know is less before anything was generated.
func TestKnown_saysWhetherCredentialsWereGenerated(t *testing.T) {
	const vm = onAWS + "database: {kind: vm}"
	generated := record.Findings{Steps: []record.Step{{Step: step.Credentials}}}
	for name, c := range map[string]struct {
		text     string
		findings record.Findings
		want     bool
		state    string
	}{
		"at the first run":          {text: vm, state: run.EnvironmentFolder + "state.json"},
		"after a step before that":  {text: vm, findings: record.Findings{Steps: []record.Step{{Step: step.Infrastructure}}}, state: run.EnvironmentFolder + "state.json"},
		"after that step":           {text: vm, findings: generated, want: true, state: run.EnvironmentFolder + "state.json"},
		"with a director":           {text: vm, findings: record.Findings{Director: true}, want: true, state: run.EnvironmentFolder + "state.json"},
		"with a database service":   {text: onAWS, want: true, state: run.EnvironmentFolder + "state.json"},
		"on a director that exists": {text: elsewhere + "database: {kind: vm}", findings: generated, want: true},
	} {
		r, _ := begun(t, c.text, run.Options{})
		r.Record.Findings = c.findings
		if got := r.Known(); got.Generated != c.want || got.DirectorState != c.state || got.Name != "ci" {
			t.Errorf("%s: generated: %t, create-env's state at %q", name, got.Generated, got.DirectorState)
		}
	}
}

func TestSource_findsPostgreSQLForADatabaseVMAlone(t *testing.T) {
	for text, want := range map[string]bool{onAWS: false, onAWS + "database: {kind: vm}": true} {
		r, _ := begun(t, text, run.Options{})
		if _, got := r.Source().Watch["postgres"]; got != want {
			t.Errorf("with %q it watches %s", text, fmt.Sprint(r.Source().Watch))
		}
	}
}
