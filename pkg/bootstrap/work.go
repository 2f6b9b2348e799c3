package bootstrap

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
)

// work is a run with what its steps say to each other.
type work struct {
	*run.Run

	raise       postgres.Change // the major upgrade of the database that this run makes; the zero value: none
	holdVersion bool            // database.version is not stored before the database has it
	subnets     []account.Subnet
	roomChecked bool
	stackMade   bool // by this run
	plans       bool // it changes nothing, and says what would change
	repairs     bool // in a plan: the director's VM would change
	deploys     bool // in a plan: the deploy would start a task of the director, or join one
	strands     bool // an earlier run has left pipelines paused
	deployed    bool // this run has deployed, and waited for the end
	task        int  // the director's, of the deploy; 0 for none
}

// begin begins a run with what the user has given alone.
func (i *Installation) begin(o Options) *work {
	return &work{Run: run.New(run.Installation(*i), o)}
}

// result is what the run has done so far.
func (r *work) result() Result {
	return Result{
		Outcomes: r.Outcomes, Task: r.task,
		Changed: slices.ContainsFunc(r.Outcomes, func(o step.NamedOutcome) bool { return o.Status == step.Changed }),
	}
}
