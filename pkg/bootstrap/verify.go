package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// paused is the list of pipelines that a quiet upgrade has paused and not let run again.
func (r *run) paused(ctx context.Context, d Director) (list pause.List, found bool, err error) {
	list, found, err = pause.Pause{Keeper: d.Keeper(r.deploymentName()), Deployment: r.deploymentName()}.Look(ctx)
	if err != nil {
		return list, false, fmt.Errorf("look for pipelines that a quiet upgrade has paused: %w", err)
	}
	return list, found, nil
}

// lookForStranded notes whether an earlier run has left pipelines paused, for what the
// verification says of them. That it cannot be read is no reason not to deploy: only a
// quiet upgrade needs the list, and looks for itself.
func (r *run) lookForStranded(ctx context.Context, d Director) {
	if r.options.Self {
		return // a build of its own verifies
	}
	var err error
	if _, r.strands, err = r.paused(ctx, d); err != nil {
		r.note(stepDeploy, "%s: %v", strandsUnknown, err)
	}
}

// strandsUnknown is said where the list of paused pipelines cannot be read.
const strandsUnknown = "whether a quiet upgrade has left pipelines paused is not known"

// compareVerify finds the pipelines that an earlier run has left paused: the verification
// lets them run again, and changes nothing else.
func (r *run) compareVerify(ctx context.Context) (step.Comparison, error) {
	c := step.Same("web and workers would be looked at")
	if r.alone() || !r.record.Deployment {
		return c, nil
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	list, found, err := r.paused(ctx, d)
	if err != nil {
		c.Lines = []string{"! " + strandsUnknown + ": " + err.Error()}
		return c, nil
	}
	if !found {
		return c, nil
	}
	// Of a run that has paused and not come to a deploy, the deploy itself lets them run,
	// or its verification. The verification of a new deploy ends every list.
	if list.Task != 0 && !r.deploys {
		if r.result.Task == 0 {
			return c, nil
		}
		last, err := d.Task(ctx, r.result.Task)
		if err != nil {
			return step.Comparison{}, fmt.Errorf("read the last deploy: %w", err)
		}
		if !verify.Ends(list, last) {
			return c, nil
		}
	}
	var lines []string
	for _, e := range list.Pipelines {
		lines = append(lines, "~ pipeline "+e.String()+" runs again, which a quiet upgrade has left paused")
	}
	return step.Differs("would let pipelines run again", lines...), nil
}

// verify looks at the new Concourse as the verifying build does.
func (r *run) verify(ctx context.Context) (step.Outcome, error) {
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	atc, err := r.ATC(r.web())
	if err != nil {
		return step.Outcome{}, err
	}
	v := verify.Verification{
		Director: d, ATC: atc, Concourse: atc, Keepers: []pause.Keeper{d.Keeper(r.deploymentName())},
		Set: r.set, IgnoreSet: r.ignoreSet(), IgnoreKey: ignoreKey,
		Log: r.lines(stepVerify), Debug: r.Log, Settle: r.Settle, Poll: r.poll(),
	}
	_, err = v.Run(ctx, verify.Request{
		Deployment: r.deploymentName(), Task: r.result.Task, Judge: true,
		Timeout: r.timeout(), Over: errors.New("the time for the verification is over"),
	})
	if err != nil {
		return step.Outcome{}, err
	}
	still := r.strands
	if r.strands {
		if _, still, err = r.paused(ctx, d); err != nil {
			return step.Outcome{}, err
		}
	}
	r.record.Applied = r.set
	web := r.web()
	r.record.Web = &record.Web{URL: web.URL, CACert: web.CACert}
	if r.strands && !still {
		return step.Changed.Report("web and workers answer, and run what was deployed; pipelines that a run had left paused run again")
	}
	return step.UpToDate.Report("web and workers answer, and run what was deployed")
}
