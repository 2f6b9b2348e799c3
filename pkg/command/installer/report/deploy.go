package report

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

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

// NewDeployed is the result of a deploy.
func NewDeployed(name string, r bootstrap.Result) Deployed {
	d := Deployed{Name: name, Changed: r.Changed, URL: r.URL, Task: r.Task, Steps: []DeployedStep{}}
	for _, o := range r.Outcomes {
		d.Steps = append(d.Steps, DeployedStep{o.Step, o.Status, o.Report, o.Took.Seconds()})
	}
	return d
}

// Text says, for people, where Concourse is and how to log in; with brief not where all
// was up to date.
func (d Deployed) Text(brief bool) string {
	if brief && !d.Changed {
		return fmt.Sprintf("%s is up to date\n", d.Name)
	}
	var b strings.Builder
	switch {
	case !d.Changed:
		fmt.Fprintf(&b, "\n%s is up to date: nothing was changed.\n", d.Name)
	case d.accepted():
		fmt.Fprintf(&b, "\n%s: director task %d was accepted and keeps running; the verifying build looks at what comes of it.\n", d.Name, d.Task)
	default:
		fmt.Fprintf(&b, "\n%s is deployed.\n", d.Name)
	}
	if d.URL != "" {
		fmt.Fprintf(&b, "\n  Concourse  %s\n  user       perpetual info %s --show concourse.username\n  password   perpetual info %s --show concourse.password\n  fly, bosh  eval \"$(perpetual info %s --env --secrets)\"\n", d.URL, d.Name, d.Name, d.Name)
	}
	return b.String()
}

// accepted says whether the deploy goes on without us.
func (d Deployed) accepted() bool {
	if d.Task == 0 || len(d.Steps) == 0 {
		return false
	}
	last := d.Steps[len(d.Steps)-1]
	return last.Step == "deploy" && last.Status == step.Changed
}
