// Package part has the parts of an installation that are made: its infrastructure, director,
// deployment, parameters and pipeline, and the verification at the end. Each of them compares
// what is there with what is wanted, and makes it so; those that destroy takes away delete it.
package part

import (
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preview"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
)

// Parts are those of one installation. What one of them asks of another is said in its type.
type Parts struct {
	Infrastructure *Infrastructure
	Director       *Director
	Deployment     *Deployment
	Parameters     *Parameters
	Pipeline       *Pipeline
	Verification   *Verification
}

// New are the parts that a run makes as its goal has them.
func New(g *goal.Goal) Parts {
	infrastructure := &Infrastructure{Run: g.Run, goal: g}
	director := &Director{Run: g.Run, goal: g, infrastructure: infrastructure}
	deployment := &Deployment{Run: g.Run, goal: g, director: director}
	return Parts{
		Infrastructure: infrastructure, Director: director, Deployment: deployment,
		Parameters: &Parameters{g.Run}, Pipeline: &Pipeline{g.Run, deployment}, Verification: &Verification{g.Run, deployment},
	}
}

// alone says that there is no director yet.
func alone(r *run.Run) bool { return r.Bare() || !r.Elsewhere() && !r.Record.Director }

// firstOf lists everything that is in a template which nothing is made from yet.
func firstOf(r *run.Run, render preview.Renderer) []string {
	in, err := r.Input()
	if err != nil {
		return preview.NotYet(err)
	}
	return preview.First(in, render)
}
