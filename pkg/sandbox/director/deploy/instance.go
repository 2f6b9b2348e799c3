package deploy

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// instanceUpdate is the update of one instance.
type instanceUpdate struct {
	*updater
	group    *plan.Group
	instance *deployment.Instance
	canary   bool
	recreate bool
}

// phase is what an instance goes through: what the event log shows, how long
// it takes on a small real one, and what else happens during it.
type phase struct {
	percent int
	status  string
	takes   time.Duration
	act     func() error
}

// run goes through the phases that the change needs.
func (u *instanceUpdate) run(st *task.Step) error {
	i, wanted := u.instance, ""
	if change := u.submission.options.state; change.concerns(i) {
		wanted = change.state
	}
	u.recreate = i.VmSpec != u.group.VmSpec || u.submission.options.recreate || wanted == "recreate" || i.JobSpec == ""
	var phases []phase
	switch {
	case wanted == "stopped" || wanted == "detached":
		phases = u.stopping()
	case wanted == "started":
		phases = u.starting(true)
	default:
		phases = append(u.stopping(), u.starting(false)...)
	}
	for _, p := range phases {
		st.Progress(p.percent, p.status)
		if err := u.job.Sleep(p.takes); err != nil {
			return err
		}
		if p.act != nil {
			if err := p.act(); err != nil {
				return err
			}
		}
	}
	return u.finish(wanted)
}

func (u *instanceUpdate) stopping() []phase {
	stop := []phase{
		{5, "executing pre-stop", 200 * time.Millisecond, nil},
		{10, "executing drain", 200 * time.Millisecond, u.drain},
		{30, "stopping jobs", 200 * time.Millisecond, u.stopped},
		{40, "executing post-stop", 200 * time.Millisecond, nil},
	}
	if !u.submission.options.drains(u.instance) {
		return append([]phase{{10, "skipped pre-stop & drain", 0, nil}}, stop[2:]...)
	}
	return stop
}

// starting are the phases that start the jobs. Alone their figures are lower.
func (u *instanceUpdate) starting(alone bool) []phase {
	offset := 0
	if alone {
		offset = 40
	}
	return []phase{
		{50 - offset, "installing packages", 300 * time.Millisecond, nil},
		{60 - offset, "configuring jobs", 400 * time.Millisecond, nil},
		{70 - offset, "executing pre-start", 400 * time.Millisecond, u.preStart},
		{90 - offset, "starting jobs", 800 * time.Millisecond, u.started},
		{100 - offset, "executing post-start", 200 * time.Millisecond, u.postStart},
	}
}

func (u *instanceUpdate) hook() deployment.Update {
	i := u.instance
	return deployment.Update{
		Deployment: u.submission.deployment.Name, Group: i.Group, Index: i.Index, ID: i.ID, AgentID: i.AgentID(),
		Jobs: slices.Clone(u.group.Jobs), Canary: u.canary, Recreate: u.recreate, Manifest: []byte(u.plan.Text), Releases: maps.Clone(u.group.Releases), Stemcell: u.group.Stemcell.OS + "/" + u.group.Stemcell.Version,
		Task: u.job.Task.ID,
	}
}

func (u *instanceUpdate) drain() error {
	if u.hooks.Drain == nil || !u.instance.Running {
		return nil
	}
	return u.called(u.hooks.Drain(u.job.Ctx, u.hook()))
}

// called is a hook's error as the director would have it of an agent.
func (u *instanceUpdate) called(err error) error {
	var f *api.Failure
	switch {
	case u.job.Ctx.Err() != nil:
		return task.ErrGone
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	}
	return &api.Failure{Code: 450001, Message: err.Error()}
}

// stopped ends the jobs and, where the VM is to be replaced, replaces it.
func (u *instanceUpdate) stopped() error {
	fresh := u.instance.JobSpec == ""
	if err := u.job.Change(func() { u.instance.Running = false }); err != nil || !u.recreate || fresh {
		return err
	}
	if err := u.deleteVM(u.job, u.instance); err != nil {
		return err
	}
	return u.createVM(u.job, u.instance)
}

func (u *instanceUpdate) preStart() error {
	if f := u.takeFault(faultPreStart, u.instance); f != nil {
		return u.broken(f)
	}
	if u.hooks.UpdateInstance == nil {
		return nil
	}
	if err := u.called(u.hooks.UpdateInstance(u.job.Ctx, u.hook())); err != nil {
		return u.broken(err)
	}
	return nil
}

func (u *instanceUpdate) started() error {
	if f := u.takeFault(faultRunning, u.instance); f != nil {
		return u.broken(f)
	}
	return u.job.Checkpoint()
}

// postStart runs the scripts of that name. When they fail, the instance runs its
// new jobs all the same, and the next deploy updates it again.
func (u *instanceUpdate) postStart() error {
	if u.hooks.PostStart == nil {
		return nil
	}
	err := u.hooks.PostStart(u.job.Ctx, u.hook())
	var f *api.Failure
	switch {
	case u.job.Ctx.Err() != nil:
		return task.ErrGone
	case err == nil:
		return nil
	case !errors.As(err, &f):
		f = scriptsFailed("post-start", u.group.Scripts("bin/post-start"))
	}
	return cmp.Or(u.job.Change(func() {
		u.becomes()
		u.instance.JobSpec = deployment.FailedSpec
	}), error(f))
}

// scriptsFailed is what an agent says when the scripts of jobs fail.
func scriptsFailed(name string, jobs []string) *api.Failure {
	return api.NewFailure(450001, "Action Failed get_task: Task %s result: %d of %d %s scripts failed. Failed Jobs: %s.",
		uuid.New(), len(jobs), len(jobs), name, strings.Join(jobs, ", "))
}

// broken notes that an instance's update failed, so that the next deploy updates it again.
func (u *instanceUpdate) broken(err error) error {
	return cmp.Or(u.job.Change(func() { u.instance.JobSpec, u.instance.State = deployment.FailedSpec, "stopped" }), err)
}

// finish notes what the instance now runs.
func (u *instanceUpdate) finish(wanted string) error {
	if wanted == "detached" {
		if err := u.deleteVM(u.job, u.instance); err != nil {
			return err
		}
	}
	i := u.instance
	if wanted == "stopped" || wanted == "detached" {
		return u.job.Change(func() { i.State = wanted })
	}
	return u.job.Change(u.converged)
}

// converged notes that the instance is what the plan says. The caller holds the lock.
func (u *instanceUpdate) converged() {
	u.becomes()
	i := u.instance
	u.job.Effect(store.EffectInstance, u.submission.deployment.Name+"/"+i.Group+"/"+strconv.Itoa(i.Index))
}

// becomes makes the instance what the plan says. The caller holds the lock.
func (u *instanceUpdate) becomes() {
	i := u.instance
	i.State, i.Running = "started", true
	i.VmSpec, i.JobSpec, i.VmType = u.group.VmSpec, u.group.JobSpec, u.group.VmType
	i.Jobs, i.Releases, i.Stemcell = slices.Clone(u.group.Jobs), maps.Clone(u.group.Releases), u.group.Stemcell
}
