// Package pause keeps builds away while Concourse is replaced. It pauses the
// pipelines of all teams, waits until no build runs but its own, and later
// unpauses exactly those that it has paused: what people have paused, or
// unpaused meanwhile, stays as they want it. What it has paused is written down
// before the first pause, so that a run that was killed anywhere is finished by
// the next one.
package pause

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// ATC is what this package asks of the Concourse API. *concourse.Client is one.
type ATC interface {
	User(ctx context.Context) (concourse.User, error)
	// Pipelines lists those of all teams that the user may see.
	Pipelines(ctx context.Context) ([]concourse.PipelineState, error)
	// PausePipeline fails with concourse.ErrNoPipeline. A pipeline that is paused
	// already stays paused by whoever has paused it, as in Concourse.
	PausePipeline(ctx context.Context, team string, p concourse.Pipeline) error
	// UnpausePipeline fails with concourse.ErrNoPipeline.
	UnpausePipeline(ctx context.Context, team string, p concourse.Pipeline) error
	// StartedBuilds lists the builds of all teams that run.
	StartedBuilds(ctx context.Context) ([]concourse.Build, error)
}

// Own is the build that pauses, with its pipeline, which stays unpaused: a later
// build of it verifies the upgrade and unpauses the others. The zero value is a
// run outside of Concourse: it pauses every pipeline and waits for every build.
type Own struct {
	Team         string         // main
	Pipeline     string         // self-upgrade
	InstanceVars map[string]any // {environment: production}
	Job          string         // upgrade
	Name         string         // 12: the number within the job
	BuildID      int            // 4711; 0 is not known: Concourse tells the containers of tasks nothing of their build
}

// String says to people which build this is.
func (o Own) String() string {
	switch {
	case o.Job != "":
		return title(concourse.Build{Team: o.Team, Pipeline: o.Pipeline, InstanceVars: o.InstanceVars, Job: o.Job, Name: o.Name})
	case o.BuildID != 0:
		return "build " + strconv.Itoa(o.BuildID)
	}
	return "a run outside of Concourse"
}

// is says whether a build is the own one. Where its id is not known, it is the one of
// its job, which is serial.
func (o Own) is(b concourse.Build) bool {
	if o.BuildID != 0 {
		return b.ID == o.BuildID
	}
	return o.Job != "" && b.Job == o.Job && o.has(concourse.PipelineState{Team: b.Team, Pipeline: concourse.Pipeline{Name: b.Pipeline, InstanceVars: b.InstanceVars}})
}

// has says whether a pipeline is the own one.
func (o Own) has(p concourse.PipelineState) bool {
	return o.Pipeline != "" && p.Team == o.Team && label(p.Team, p.Pipeline) == label(o.Team, concourse.Pipeline{Name: o.Pipeline, InstanceVars: o.InstanceVars})
}

// Pause pauses the pipelines of one Concourse around one upgrade: Begin, Wait,
// Accepted, and in any case End, also when one of the others has failed.
type Pause struct {
	ATC        ATC
	Keeper     Keeper
	Deployment string // concourse
	Own        Own
	After      int       // the director's last task before the deploy that is paused for: 41
	Log        io.Writer // gets a line for each thing done; nil discards them

	Poll    time.Duration // between two looks at the builds; 0 is 2 s
	Timeout time.Duration // of Wait; 0 is 30 minutes
	// Still is for how long no build must run, as the scheduler may be starting
	// one that was pending when its pipeline was paused; 0 is 10 s.
	Still time.Duration
	GoOn  bool // when Timeout is over go on and lose the builds that still run; else give up
}

const (
	// saves is how often a change of the list is tried that loses against others.
	saves = 4
	// shown is how many pipelines or builds a line names.
	shown = 10
)

// Allowed fails with a *RightError where Begin would.
func (p Pause) Allowed(ctx context.Context) error {
	_, err := p.user(ctx, "pause")
	return err
}

// Begin pauses every pipeline that is unpaused, of every team, but our own. It
// fails with a *RightError, or when the list of an earlier run cannot be read,
// before anything is changed. A list left by a run that was killed is
// continued. After any other error End unpauses what is paused by then.
func (p Pause) Begin(ctx context.Context, from, to string) error {
	user, err := p.user(ctx, "pause")
	if err != nil {
		return err
	}
	return p.hold(ctx, func(l *List) {
		l.Build, l.BuildID, l.User = p.Own.String(), p.Own.BuildID, user.Name
		l.From, l.To, l.After, l.Task = from, to, p.After, 0
	})
}

// Accepted notes the director task that was accepted for the upgrade.
func (p Pause) Accepted(ctx context.Context, task int) error {
	return p.update(ctx, func(l *List) bool {
		changed := l.Active() && l.Task != task
		l.Task = task
		return changed
	})
}

// Look reads the list. found says whether a quiet upgrade has paused, or is
// pausing, what is in it, and nobody has unpaused all of that since.
func (p Pause) Look(ctx context.Context) (list List, found bool, err error) {
	list, _, err = p.load(ctx)
	return list, list.Active(), err
}

// user wants an owner of main: to others Concourse does not even show the
// pipelines of all teams.
func (p Pause) user(ctx context.Context, doing string) (concourse.User, error) {
	user, err := p.ATC.User(ctx)
	if err != nil {
		return user, fmt.Errorf("%w; nothing was changed", err)
	}
	if !user.Admin {
		return user, &RightError{User: user.Name, Right: "owner of the team main", Doing: doing}
	}
	return user, nil
}

// hold makes the list be what is to be paused, pauses it, and notes how
// Concourse shows that. begin changes the list's head; without it hold adds
// only to a list that there is.
func (p Pause) hold(ctx context.Context, begin func(*List)) error {
	targets, err := p.write(ctx, begin)
	if err != nil || begin == nil && len(targets) == 0 {
		return err
	}
	crash.Here("pause-listed")
	ids := map[int]bool{}
	for _, target := range targets {
		switch err := p.ATC.PausePipeline(ctx, target.Team, target.Pipeline); {
		case err == nil:
			ids[target.ID] = true
		case !errors.Is(err, concourse.ErrNoPipeline): // deleted meanwhile, or renamed: then Wait pauses it
			return fmt.Errorf("%w; %d of %d were paused before", err, len(ids), len(targets))
		}
		crash.Here("pipeline-paused")
	}
	crash.Here("pause-done")
	return p.note(ctx, ids)
}

// write writes the list down and gives what is to be paused.
func (p Pause) write(ctx context.Context, begin func(*List)) (targets []concourse.PipelineState, err error) {
	for range saves {
		var list List
		var revision string
		if list, revision, err = p.load(ctx); err != nil {
			return nil, err
		}
		if begin == nil && !list.Active() {
			return nil, nil
		}
		var pipelines []concourse.PipelineState
		if pipelines, err = p.ATC.Pipelines(ctx); err != nil {
			return nil, fmt.Errorf("%w; nothing was paused", err)
		}
		next, notes := list.next(pipelines, p, begin)
		targets = next.targets(pipelines)
		if len(targets) > 0 {
			next.Phase = Pausing
		}
		if begin != nil || !next.same(list) {
			_, err = p.Keeper.Save(ctx, next, revision)
		}
		if err == nil {
			p.sayAll(notes)
			return targets, nil
		}
		if !errors.Is(err, ErrConflict) {
			break
		}
	}
	return nil, fmt.Errorf("write down what is to be paused: %w; nothing was paused", err)
}

// next is the list after a look at the pipelines.
func (l List) next(pipelines []concourse.PipelineState, p Pause, begin func(*List)) (next List, notes []string) {
	if begin != nil && l.Active() {
		notes = append(notes, fmt.Sprintf("continuing with what %s has paused since %s", l.Build, l.Since.Format(time.DateTime)+" UTC"))
	}
	if begin != nil && (!l.Active() || l.Phase == Resuming) { // another upgrade than the one before
		l.Deployment, l.Since = p.Deployment, time.Now().UTC().Truncate(time.Second)
	}
	if !l.Active() {
		l.Phase = Pausing
	}
	more := l.converge(pipelines, p.Own)
	if begin != nil {
		l.Phase = Pausing
		begin(&l)
	}
	return l, append(notes, more...)
}

// note looks at what was paused, and by whom as Concourse shows it: a person who
// unpauses or pauses one of these later is recognised by that.
func (p Pause) note(ctx context.Context, paused map[int]bool) error {
	pipelines, err := p.ATC.Pipelines(ctx)
	if err != nil {
		return err
	}
	var notes []string
	err = p.update(ctx, func(l *List) bool {
		notes = l.settle(pipelines, paused)
		return true
	})
	if err != nil {
		return err
	}
	p.sayAll(notes)
	p.say("paused %s of all teams", counted(len(paused), "pipeline"))
	return nil
}

// load reads the list and refuses one that is not this deployment's.
func (p Pause) load(ctx context.Context) (List, string, error) {
	list, revision, err := p.Keeper.Load(ctx)
	if err == nil && list.Deployment != "" && list.Deployment != p.Deployment {
		err = fmt.Errorf("it is of deployment %s, not of %s; %s", list.Deployment, p.Deployment, byHand)
	}
	if err != nil {
		return List{}, "", fmt.Errorf("read the list of paused pipelines: %w", err)
	}
	return list, revision, nil
}

// update changes the list. change says whether there is anything to write; it is
// called again on what others have written meanwhile.
func (p Pause) update(ctx context.Context, change func(*List) bool) error {
	var err error
	for range saves {
		var list List
		var revision string
		if list, revision, err = p.load(ctx); err != nil {
			return err
		}
		if !change(&list) {
			return nil
		}
		if _, err = p.Keeper.Save(ctx, list, revision); !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("write the list of paused pipelines: %w", err)
	}
	return nil
}

func (p Pause) say(format string, args ...any) {
	_, _ = fmt.Fprintf(cmp.Or[io.Writer](p.Log, io.Discard), format+"\n", args...)
}

func (p Pause) sayAll(lines []string) {
	for _, line := range lines {
		p.say("%s", line)
	}
}
