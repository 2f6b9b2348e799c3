package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Deploy converges from any state: the first install, the hundredth run, and what a
// run that was killed has left. Its errors are *step.Error. A context that ends
// leaves what the cloud and the director have begun going on; the next run goes on
// from there.
func (i *Installation) Deploy(ctx context.Context, o Options) (Result, error) {
	r := i.begin(o)
	r.Documents.Asks = true
	err := r.converge(ctx)
	result := r.result()
	if err == nil {
		result.URL = r.Reach().URL()
	}
	return result, err
}

// converge is Deploy.
func (r *work) converge(ctx context.Context) error {
	// The store comes first, and with it the lease under which all else is done.
	if err := r.Perform(ctx, step.Step{Name: step.Account, Converge: r.CheckAccount}); err != nil {
		return err
	}
	found, err := r.openFirst(ctx)
	switch {
	case err != nil:
		return &step.Error{Step: step.State, Err: step.Because(ctx, err)}
	case !found && r.Options.Self: // the pipeline's own rights are for what is there
		return &step.Error{Step: step.State, Err: fmt.Errorf("open the state of %s: %s: %w", r.Name, r.StoreName(), ErrNotFound)}
	case !found:
		// Before the state, which is the first thing that is made.
		if err := r.checkRoom(ctx); err != nil {
			return &step.Error{Step: step.Configuration, Err: step.Because(ctx, err)}
		}
	}
	if err := r.Documents.Keys.Try(ctx, true); err != nil {
		return &step.Error{Step: step.State, Err: step.Because(ctx, err)}
	}
	if err := r.Perform(ctx, step.Step{Name: step.State, Converge: r.openState}); err != nil {
		return err
	}
	held, release, err := r.Documents.Hold(ctx, "deploy "+r.Name)
	if err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	defer release()
	// Between the look and the lease somebody else may have written.
	if _, err := r.Open(held, false); err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	if err := r.own(held); err != nil {
		return err
	}
	return r.Perform(held, r.steps()...)
}

// steps are those of a first install, run from outside, or those of a
// self-upgrade, run by a build: there nothing may come after the deploy, which
// takes away the worker that runs this.
func (r *work) steps() []step.Step {
	pipeline := step.Step{Name: step.Pipeline, Compare: r.comparePipeline}
	director := step.Step{Name: step.Director, Compare: r.compareDirector, Converge: r.convergeDirector}
	deploy := step.Step{Name: step.Deploy, Compare: r.compareDeploy, Converge: r.deploy}
	list := []step.Step{
		{Name: step.Configuration, Compare: r.compareConfiguration},
		{Name: step.Components, Compare: r.compareComponents},
		{Name: step.Infrastructure, Compare: r.compareInfrastructure},
		{Name: step.Credentials, Compare: r.compareCredentials},
	}
	if r.Options.Self {
		return append(list, pipeline, director, deploy)
	}
	return append(list, director, deploy, step.Step{Name: step.Parameters, Compare: r.compareParameters}, pipeline,
		step.Step{Name: step.Verify, Compare: r.compareVerify, Converge: r.verify, Quiet: true})
}

// openState makes the store if it is not there, and reads it.
func (r *work) openState(ctx context.Context) (step.Outcome, error) {
	if r.Options.Self {
		return step.UpToDate.Report("%s", r.StoreName())
	}
	created, err := r.Open(ctx, true)
	if err != nil {
		return step.Outcome{}, err
	}
	if created {
		return step.Changed.Report("%s was created", r.StoreName())
	}
	return step.UpToDate.Report("%s", r.StoreName())
}

// compareComponents chooses the component set; what is deployed of it is another step's.
func (r *work) compareComponents(ctx context.Context) (step.Comparison, error) {
	before := slices.Clone(r.Record.Desired)
	if err := r.chooseComponents(ctx); err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("%s", selection.Describe(r.Set))
	c.Done = true // it is chosen; the next steps take it from the record
	c.Changes, c.Lines = selection.Describe(before) != selection.Describe(r.Set), selection.Lines(before, r.Set)
	return c, nil
}

// chooseComponents takes the set that a pipeline has fetched, the one of the last
// run, or the newest that the constraints allow. It goes back with nothing.
func (r *work) chooseComponents(ctx context.Context) error {
	before, newest := []component.Component(r.Record.Desired), false
	if r.Elsewhere() && !r.Options.Upgrade {
		if err := selection.CheckStemcell(r.Config.Cloud.Stemcell, before); err != nil {
			return err
		}
	}
	switch {
	case len(r.Options.Components) > 0:
		r.Set = r.Options.Components
	case len(before) > 0 && !r.Options.Upgrade:
		var err error
		if r.Set, err = r.lookUp(ctx, before); err != nil {
			return err
		}
	default:
		var err error
		newest = true
		if r.Set, err = r.Components(ctx, r.Source(), nil); err != nil {
			return err
		}
	}
	if err := selection.CheckImage(r.Config, r.Set); err != nil {
		return err
	}
	var err error
	if r.Set, err = r.downgrade().Without(ctx, r.Set, newest); err != nil {
		return err
	}
	if err := r.checkQuiet(ctx); err != nil {
		return err
	}
	if err := r.checkDirector(ctx); err != nil {
		return err
	}
	if selection.Describe(before) != selection.Describe(r.Set) {
		if err := r.database().CheckSet(before, r.Set); err != nil {
			return err
		}
		if err := r.checkImages(ctx); err != nil {
			return err
		}
	}
	r.Record.Desired, r.Record.Components = r.Set, r.Set
	return nil
}

// Destroy removes everything that Deploy has made, also of an install that was
// never finished, and lists what is left: what is kept on purpose, and what the
// account still has of it. The state goes last, when nothing that it knows is left.
func (i *Installation) Destroy(ctx context.Context, o Options) (left []string, err error) {
	r := i.begin(o)
	r.Documents.Lenient, r.Documents.Asks = true, true
	if err := r.Perform(ctx, step.Step{Name: step.Account, Converge: r.CheckAccount}); err != nil {
		return nil, err
	}
	var kept []string
	stack := step.Step{Name: step.Infrastructure, Converge: func(ctx context.Context) (o step.Outcome, err error) {
		o, kept, err = r.deleteInfrastructure(ctx)
		return o, err
	}}
	if _, err := r.Open(ctx, false); errors.Is(err, ErrNotFound) {
		return r.destroyUnknown(ctx, stack)
	} else if err != nil {
		return nil, &step.Error{Step: step.State, Err: r.unopened(ctx, err)}
	}
	if err := r.checkDestroy(ctx); err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	held, release, err := r.Documents.Hold(ctx, "destroy "+i.Name)
	if err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	defer release()
	if _, err := r.Open(held, false); err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	if err := r.own(held); err != nil {
		return nil, err
	}
	steps := []step.Step{
		{Name: step.Deploy, Converge: r.deleteDeployment}, {Name: step.Director, Converge: r.deleteDirector},
		{Name: step.Parameters, Converge: r.deleteParameters}, stack,
	}
	if err := r.Perform(held, steps...); err != nil {
		return kept, err
	}
	release() // before the store goes, with the lease in it
	return r.finish(ctx, kept)
}

// destroyUnknown is Destroy where there is no state: it deletes what a plan, or a first
// install that has failed early, has left of a stack.
func (r *work) destroyUnknown(ctx context.Context, remains step.Step) (left []string, err error) {
	if r.Elsewhere() {
		err = fmt.Errorf("there is no installation %s in %s: nothing was deleted", r.Name, r.StoreName())
	} else {
		err = r.stackCheck().CheckRemains(ctx)
	}
	if err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	if err := r.Perform(ctx, remains); err != nil {
		return nil, err
	}
	return r.left(ctx, nil)
}

// finish removes the state and looks at what is left.
func (r *work) finish(ctx context.Context, kept []string) ([]string, error) {
	err := r.Perform(ctx, step.Step{Name: step.State, Converge: func(ctx context.Context) (step.Outcome, error) {
		// Before the documents go: a run that is killed leaves some of them.
		if err := r.Documents.Forget(); err != nil {
			return step.Outcome{}, err
		}
		if err := r.DeleteStore(ctx, r.Config, r.Identity.Account); err != nil {
			return step.Outcome{}, err
		}
		return step.Changed.Report("%s was deleted", r.StoreName())
	}})
	if err != nil {
		return kept, err
	}
	return r.left(ctx, kept)
}

// left adds what the account still has of the installation.
func (r *work) left(ctx context.Context, kept []string) ([]string, error) {
	if r.Elsewhere() {
		return kept, nil
	}
	list, err := r.Account.Tagged(ctx, possession.Tag, r.Name)
	if err != nil {
		return kept, fmt.Errorf("look for what is left: %w", err)
	}
	return append(kept, list...), nil
}

func (r *work) deleteParameters(ctx context.Context) (step.Outcome, error) {
	if r.Elsewhere() || r.Infrastructure.ParameterPath == "" {
		return step.Skipped.Report("none were created")
	}
	if err := r.accessKeys().Delete(ctx); err != nil {
		return step.Outcome{}, err
	}
	count := 0
	for _, below := range []string{r.Infrastructure.ParameterPath, manifest.OwnPath(manifest.Input{Config: r.Config, Infrastructure: r.Infrastructure})} {
		gone, err := r.Account.DeleteParameters(ctx, below+"/")
		if err != nil {
			return step.Outcome{}, err
		}
		count += len(gone)
	}
	return step.Changed.Report("%d parameters were deleted", count)
}

func (r *work) deleteInfrastructure(ctx context.Context) (step.Outcome, []string, error) {
	if r.Elsewhere() {
		o, err := step.Skipped.Report("the director's owner has made it")
		return o, nil, err
	}
	kept, err := r.Site().Delete(ctx)
	if errors.Is(err, infrastructure.ErrNotFound) {
		o, err := step.Skipped.Report("none was created")
		return o, nil, err
	}
	if err != nil {
		return step.Outcome{}, kept, err
	}
	r.Record.Infrastructure, r.Record.Stack = nil, false
	o, err := step.Changed.Report("the stack was deleted")
	return o, kept, err
}
