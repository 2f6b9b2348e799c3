package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/comparison"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/quiet"
)

// defaultTimeout bounds out where params.timeout does not.
const defaultTimeout = time.Hour

// Out starts an upgrade.
type Out struct {
	Director Director
	ATC      ATC // nil where the source has no concourse section
	// Concourse is the same API where it concerns all teams; nil as ATC is.
	Concourse Concourse
	// Keeper is where the list of paused pipelines outlives the run.
	Keeper pause.Keeper
	// Sets keeps the component set for the verification; nil: it is not kept.
	Sets  inventory.SetKeeper
	Build plan.Build
	// DiskChecked says that the caller has looked at the disk that another major of
	// PostgreSQL needs.
	DiskChecked bool
	// Program is the version of this program; "" is not known.
	Program string
	// MoreAttempts is what allows more attempts, as people write it before the number;
	// "" is "params.attempts: ".
	MoreAttempts string
	IgnoreKey    inventory.IgnoreKey
	// Submitting is called before each deploy is submitted, with the manifest that is
	// deployed; its error ends the run. nil: nothing is to be done.
	Submitting func(ctx context.Context, deployed []byte) error
	NoQuiet    string // why this run may not upgrade quietly; "" where it may, if Concourse lets it
	Log        io.Writer
	Debug      *slog.Logger          // gets why tasks are judged as they are, and of the journal and the lease; nil: nothing is logged
	Mask       func(...secret.Value) // hides more values in the log from now on
	Poll       time.Duration         // between two looks at the director's tasks; 0 is 2 s
	// State, if there is one, keeps two runs apart and remembers what they did.
	State state.Store
	// Acceptance is how long the task of a lost answer is looked for; 0 is 30 s.
	Acceptance time.Duration
	// Still is for how long no build may run before a quiet upgrade begins; 0 is what pause has.
	Still time.Duration
	// LeaseTTL is for how long a run that dies keeps others out; 0 is what the state has.
	LeaseTTL time.Duration
}

// run is what the steps of one upgrade share.
type run struct {
	*plan.Plan
	compared *comparison.Comparison // with what the director has and does
	result   Result                 // as far as the run has come; see finished
	quiet    *quiet.Quiet           // keeps builds away
	lease    *lease.Lease           // nil without a state store
	unseen   int                    // how often a deploy was lost on its way
	sent     string                 // the context id of a deploy that may have been accepted; "" before any is sent
	certain  int                    // the task that the director has answered the last deploy of this run with; 0 for none
	touched  bool                   // a deploy of this run has got beyond its preparation
}

// step is one part of an upgrade: it observes, compares, acts and reports.
type step struct {
	name string
	do   func(context.Context, *run) (report string, err error)
}

// Run validates everything, then sets the pipeline, brings stemcell and
// releases to the director, and starts the deploy exactly once. Unless it is to wait it
// returns as soon as the director has accepted.
//
// An error before the first step has changed nothing. A context that ends
// leaves the director's tasks alone.
func (o Out) Run(ctx context.Context, req plan.Request) (Result, error) {
	timeout := cmp.Or(req.Timeout, defaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("params.timeout of %s is over", timeout))
	defer cancel()

	if o.Debug == nil {
		o.Debug = slog.New(slog.DiscardHandler)
	}
	r := o.newRun(req)
	for _, layer := range slices.Concat(r.Request.Input.Vars, r.Request.Input.Pipeline.VarsFiles, []map[string]any{r.Request.Input.Pipeline.Vars}) {
		o.Mask(resource.SecretVars(layer)...)
	}
	for _, note := range r.Request.Input.Notes {
		o.note(r, "%s", note)
	}
	ctx, release, err := o.hold(ctx, r)
	if err != nil {
		return r.finished(), err
	}
	defer release()
	err = o.play(ctx, r)
	r.quiet.Restore(ctx, r.result.Task != 0 || r.sent != "", r.fenced)
	return r.finished(), r.because(ctx, err)
}

// newRun is a run before it has asked anything.
func (o Out) newRun(req plan.Request) *run {
	r := &run{}
	note := func(format string, args ...any) { o.note(r, format, args...) }
	r.Plan = &plan.Plan{
		Request: req, Director: o.Director, ATC: o.ATC, Build: o.Build, Program: o.Program, DiskChecked: o.DiskChecked,
		Say: o.say, Note: note, Mask: o.Mask,
		Stock: &stock.Stock{
			Director: o.Director, Set: req.Input.Components, Dir: req.Input.ComponentsDir, IgnoreSet: req.IgnoreSet, IgnoreKey: o.IgnoreKey,
			Finder: o.finder(), Say: o.say, Note: note,
		},
	}
	r.quiet = &quiet.Quiet{
		Plan: r.Plan, ATC: o.Concourse, Keeper: o.Keeper, Denied: o.NoQuiet, Log: o.Log, Poll: o.poll(), Still: o.Still,
	}
	r.MayPause = r.quiet.MayPause
	r.compared = &comparison.Comparison{Plan: r.Plan, Director: o.Director, Poll: o.poll(), LockTimeout: r.lockTimeout(), Debug: o.Debug}
	return r
}

// play is Run once the deployment is the run's own.
func (o Out) play(ctx context.Context, r *run) error {
	if err := r.Read(ctx); err != nil {
		return err
	}
	if err := r.RenderPipeline(ctx); err != nil {
		return fmt.Errorf("prepare pipeline: %w", err)
	}
	r.result.Pipeline = PipelineResult{Skipped: r.Pipeline.Skip, Ref: r.Pipeline.Ref}
	if err := r.ChooseWay(ctx); err != nil {
		return err
	}
	if err := r.Stock.Compare(ctx, r.Deployed, r.Way.Gate, r.Request.Fix); err != nil {
		return err
	}
	r.SayWay()
	if r.Request.DryRun {
		return o.preview(ctx, r)
	}
	for _, s := range o.steps(r) {
		crash.Here("before-" + s.name)
		report, err := s.do(ctx, r)
		if err != nil {
			return doing(s.name, err)
		}
		crash.Here("after-" + s.name)
		o.say("%s: %s", s.name, report)
		if r.result.Became == HandedOver {
			break
		}
	}
	return nil
}

// became notes what became of the deploy.
func (r *run) became(task int, what Became) {
	r.result.Task, r.result.Became, r.result.Dropped = task, what, nil
}

// finished is the result with what the run knows anyway.
func (r *run) finished() Result {
	result := r.result
	result.Taken, result.Deployed = r.Taken(), r.Deployed.Manifest
	if !r.Request.DryRun {
		result.Uploads = r.Stock.Brought
	}
	result.From, result.To, result.Way = r.Way.From, r.Way.To, r.Way.Choice
	return result
}

// doing puts the name of a step before its error, unless the error begins with it, as
// those of adapters do.
func doing(name string, err error) error {
	if strings.HasPrefix(err.Error(), name+" ") || strings.HasPrefix(err.Error(), name+":") {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// steps is the order of a self-upgrade. Nothing may come after the deploy:
// the worker that runs this is drained by it.
func (o Out) steps(r *run) []step {
	list := []step{{"set pipeline", o.setPipeline}}
	if o.handsOver(r) {
		list = append(list, step{"hand over", o.handOver})
	}
	if len(r.Request.Input.CloudConfig.Text) > 0 {
		list = append(list, step{"set cloud config", o.setCloudConfig})
	}
	list = append(list, step{"bring stemcell and releases", o.bring}, step{"deploy", o.deploy})
	if r.Request.Wait {
		list = append(list, step{"wait for the deploy", o.wait})
	}
	return list
}

// bring brings what the director lacks. Where its client may not upload releases, the
// upgrade goes without that of this program.
func (o Out) bring(ctx context.Context, r *run) (string, error) {
	return r.Stock.Bring(ctx, func(why error) error {
		o.note(r, "the director's client may not upload releases (%v): going on without the release %s", why, boshrelease.Name)
		r.NoRelease = true
		if err := r.Arrange(); err != nil {
			return err
		}
		r.SayNotes()
		return nil
	})
}

// readDeployment reads what is deployed now.
func (o Out) readDeployment(ctx context.Context, r *run) (bosh.Deployment, error) {
	deployed, err := o.Director.Deployment(ctx, r.Request.Deployment)
	if err != nil {
		return deployed, fmt.Errorf("read deployment %s: %w", r.Request.Deployment, err)
	}
	return deployed, nil
}

// wait follows a deploy that was not detached. One that did not get the
// deployment's lock has done nothing, so it is created again within lock_timeout.
func (o Out) wait(ctx context.Context, r *run) (string, error) {
	for deadline := time.Now().Add(r.lockTimeout()); ; {
		if r.result.Became == NothingToDeploy {
			return "nothing to wait for", nil
		}
		t, err := o.Director.Wait(ctx, r.result.Task, task.Progress(o.Log))
		if err != nil {
			return "", err
		}
		if t.State == bosh.StateDone {
			if err := r.Stock.Deployed(func() (bosh.Deployment, error) { return o.readDeployment(ctx, r) }); err != nil {
				return "", err
			}
			return o.after(ctx, r, t)
		}
		events, unread := o.Director.Events(ctx, t.ID)
		r.judgeRefusal(t, events, unread)
		if !t.LostLock() || time.Now().After(deadline) {
			return "", task.Failed(t, events, unread)
		}
		o.say("director task %d did not get the lock of the deployment: deploying again", t.ID)
		report, err := o.deploy(ctx, r)
		if err != nil {
			return "", err
		}
		o.say("deploy: %s", report)
	}
}

// after is what comes when a deploy that was waited for is done. One that others have
// submitted may have begun before the last change of a config.
func (o Out) after(ctx context.Context, r *run, task bosh.Task) (string, error) {
	report := fmt.Sprintf("director task %d is done", task.ID)
	if r.result.Became != Joined {
		return report, nil
	}
	o.say("%s: comparing again", report)
	joined := r.result.Task
	again, err := o.deploy(ctx, r)
	if err != nil {
		return "", err
	}
	if r.result.Became == NothingToDeploy {
		r.result.Task, r.result.Became = joined, Joined
		return report, nil
	}
	o.say("deploy: %s", again)
	return o.wait(ctx, r)
}

// preparation is the first stage of a deploy. The director finds out in it whether the
// manifest goes with the configs, and whether its templates can be rendered.
const preparation = "Preparing deployment"

// judgeRefusal finds out whether a deploy that ended badly was refused before anything was
// made of it. Whoever only joined a task, or has lost the answer to a submission, which the
// director may have got twice, cannot tell.
func (r *run) judgeRefusal(task bosh.Task, events []bosh.Event, unread error) {
	if task.ID != r.certain {
		return
	}
	r.touched = r.touched || unread != nil || task.State != bosh.StateError ||
		slices.ContainsFunc(events, func(e bosh.Event) bool { return e.Stage != "" && e.Stage != preparation })
	r.result.Refused = !r.touched && !task.Locked()
}

func (o Out) say(format string, args ...any) { _, _ = fmt.Fprintf(o.Log, format+"\n", args...) }

// note says what people should know, also those who see the result alone.
func (o Out) note(r *run, format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
	o.say(format, args...)
}

// show prints lines as they are.
func (o Out) show(lines []string) {
	for _, line := range lines {
		o.say("%s", line)
	}
}

func (o Out) poll() time.Duration {
	if o.Poll == 0 {
		return 2 * time.Second
	}
	return o.Poll
}
