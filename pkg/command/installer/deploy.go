package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/progress"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// options are bootstrap's for deploy and plan.
func options(g grammar.Deploy) (bootstrap.Options, error) {
	o := bootstrap.Options{Self: g.Self, Upgrade: g.Upgrade, Recreate: g.Recreate, AllowDowngrade: g.AllowDowngrade, AcceptStored: g.AcceptStored, AllowUnsigned: g.AllowUnsigned}
	if g.Attempts != nil {
		if o.Attempts = *g.Attempts; o.Attempts < 1 {
			return o, fmt.Errorf("--attempts: want a number above 0, got %d", o.Attempts)
		}
	}
	if g.Self && g.AllowUnsigned {
		return o, errors.New("--allow-unsigned does not go with --self: it is for a run by hand; set versions.perpetual_unsigned if the pipeline is to take unsigned releases, too")
	}
	if g.Components == "" {
		return o, nil
	}
	if g.Upgrade {
		return o, errors.New("--upgrade and --components: want one of them, the newest versions or those of a get")
	}
	var err error
	o.Components, err = component.ReadSet(g.Components)
	return o, err
}

// runDeploy installs, or converges what is there.
func runDeploy(ctx context.Context, c *command.Call) error {
	var g grammar.Deploy
	_, set, help, err := grammar.Parse(c, "deploy", aboutDeploy, &g, true, true)
	if err != nil || help {
		return err
	}
	with, err := options(g)
	if err != nil {
		return err
	}
	s, err := open(ctx, c, g.Common, set, false)
	if err != nil {
		return err
	}
	defer s.close()
	defer s.watchSignals(ctx)()
	result, err := s.installation(ctx).Deploy(ctx, with)
	if err != nil {
		return s.explain(s.listed(err), "deploy")
	}
	s.display.Close()
	if s.flags.Output == "json" {
		return s.printObject(deployResult(s.Given.Config.Name, result))
	}
	return s.printDeployed(result)
}

// explain puts behind an error that a step has ended with what is still true, and
// what to do.
func (s *session) explain(err error, verb string) error {
	var held *lease.HeldError
	if errors.As(err, &held) {
		return fmt.Errorf("%w (with the installation's name: perpetual unlock %s --id %s)", err, s.Given.Config.Name, held.ID)
	}
	var at *step.Error
	if !errors.As(err, &at) || slices.Contains([]string{"account", "state", "configuration"}, at.Step) {
		return err // nothing was begun
	}
	return fmt.Errorf("%w; what the steps before it have done stays: run %s again to go on from there", err, verb)
}

// Deployed is the result of deploy with --output json.
type Deployed struct {
	Name    string         `json:"name"`    // "ci"
	Changed bool           `json:"changed"` // false: all was up to date
	URL     string         `json:"url"`     // "https://ci.example.com"
	Task    int            `json:"task"`    // the director task of the deploy; 0: there was nothing to deploy
	Steps   []DeployedStep `json:"steps"`
}

// DeployedStep is what became of one step.
type DeployedStep struct {
	Step    string      `json:"step"`    // "infrastructure"
	Status  step.Status `json:"status"`  // "changed", "up to date", "skipped"
	Report  string      `json:"report"`  // "the stack was created, 34 resources"
	Seconds float64     `json:"seconds"` // that it took
}

func deployResult(name string, r bootstrap.Result) Deployed {
	d := Deployed{Name: name, Changed: r.Changed, URL: r.URL, Task: r.Task, Steps: []DeployedStep{}}
	for _, o := range r.Outcomes {
		d.Steps = append(d.Steps, DeployedStep{o.Step, o.Status, o.Report, o.Took.Seconds()})
	}
	return d
}

// printDeployed says where Concourse is and how to log in.
func (s *session) printDeployed(r bootstrap.Result) error {
	name := s.Given.Config.Name
	var b strings.Builder
	if s.flags.Quiet && !r.Changed {
		fmt.Fprintf(&b, "%s is up to date\n", name)
		return s.print(b.String())
	}
	switch {
	case !r.Changed:
		fmt.Fprintf(&b, "\n%s is up to date: nothing was changed.\n", name)
	case r.Outcomes != nil && s.isAccepted(r):
		fmt.Fprintf(&b, "\n%s: director task %d was accepted and keeps running; the verifying build looks at what comes of it.\n", name, r.Task)
	default:
		fmt.Fprintf(&b, "\n%s is deployed.\n", name)
	}
	if r.URL != "" {
		fmt.Fprintf(&b, "\n  Concourse  %s\n  user       perpetual info %s --show concourse.username\n  password   perpetual info %s --show concourse.password\n  fly, bosh  eval \"$(perpetual info %s --env --secrets)\"\n", r.URL, name, name, name)
	}
	return s.print(b.String())
}

// isAccepted says whether the deploy goes on without us.
func (s *session) isAccepted(r bootstrap.Result) bool {
	last := r.Outcomes[len(r.Outcomes)-1]
	return r.Task > 0 && last.Step == "deploy" && last.Status == step.Changed
}

// print writes a result, masked. On a terminal it stands apart from what is above.
func (s *session) print(text string) error { return s.printed(s.Masked(text), nil) }

// printed writes a result whose lines paint may have coloured, once everything else in
// them that a terminal would obey is spelt out.
func (s *session) printed(text string, paint func(line string) string) error {
	if _, terminal := terminalOf(s.Stdout); !terminal {
		text = strings.TrimPrefix(text, "\n")
	}
	if text = plain.Text(text); s.ascii(s.Stdout) {
		text = progress.ASCII(text)
	}
	if paint != nil {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			lines[i] = paint(line)
		}
		text = strings.Join(lines, "\n")
	}
	if _, err := io.WriteString(s.Stdout, text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// printObject writes a result as JSON, masked.
func (s *session) printObject(v any) error {
	if err := printJSON(s.out, v); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// printJSON writes one object, indented for people who look at it.
func printJSON(to io.Writer, v any) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
