package comparison

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// settle waits until nothing else works on the deployment, and says what there
// is then. It does not wait for a deploy of the same content.
//
// deadline is when it gives up; again says that something has begun since the
// run read the deployment, so that it must be read again in any case.
func (c *Comparison) settle(ctx context.Context, deadline time.Time, again bool) (task.Verdict, error) {
	limit, said := c.LockTimeout, ""
	for waited := again; ; waited = true {
		v, holder, err := c.look(ctx)
		if err != nil || v.Running != nil {
			return v, err
		}
		if holder == "" {
			if waited { // what is deployed has changed meanwhile
				err = c.Plan.Observe(ctx)
			}
			return v, err
		}
		if time.Now().After(deadline) {
			return v, fmt.Errorf("%s still holds deployment %s after %s; it keeps running; put again when it has ended, or set params.lock_timeout", holder, c.Plan.Request.Deployment, limit)
		}
		if holder != said {
			c.Plan.Say("waiting up to %s for %s to end", limit, holder)
			said = holder
		}
		c.Debug.DebugContext(ctx, "looking again", "in", c.Poll, "for", holder)
		if err := retry.Sleep(ctx, c.Poll); err != nil {
			return v, fmt.Errorf("wait for %s, which keeps running: %w", holder, err)
		}
	}
}

// look reads the tasks and, if none of them works on the deployment, the locks.
func (c *Comparison) look(ctx context.Context) (v task.Verdict, holder string, err error) {
	tasks, err := c.Tasks(ctx)
	if err != nil {
		return v, "", err
	}
	op := c.Operation()
	if op.Configs == "" && slices.ContainsFunc(tasks, func(t bosh.Task) bool { return !t.Finished() && op.Related(t.ContextID) }) {
		// Whether it is what this run would submit, its configs decide.
		if _, err := c.Diff(ctx); err != nil {
			return v, "", fmt.Errorf("compare manifest: %w", err)
		}
		op = c.Operation()
	}
	v = task.Judge(op, tasks)
	c.tellJudgement(ctx, op, tasks, v)
	if v.Running != nil {
		return v, "", nil
	}
	if v.Holder != nil {
		holder = v.Holder.Label()
		if _, _, same := op.Attempt(v.Holder.ContextID); !same && op.Related(v.Holder.ContextID) {
			holder += ", which deploys the same manifest with other cloud or runtime configs,"
		}
		return v, holder, nil
	}
	locks, err := c.Director.Locks(ctx)
	if err != nil {
		return v, "", fmt.Errorf("list locks: %w", err)
	}
	for _, l := range locks {
		if l.Type == "deployment" && slices.Contains(l.Resource, c.Plan.Request.Deployment) && l.Holds(time.Now()) {
			return v, lockName(l, tasks), nil
		}
	}
	return v, "", nil
}

// lockName says to people who holds the lock. It may be a task whose worker has
// died, and even one before that: whoever takes a lock over keeps the old name.
func lockName(l bosh.Lock, tasks []bosh.Task) string {
	for _, t := range tasks {
		if t.ID == l.TaskID && t.Finished() {
			return fmt.Sprintf("the lock of director task %d, which has ended as %s (it frees itself within 4 minutes),", l.TaskID, t.State)
		}
	}
	return fmt.Sprintf("director task %d (lock of the deployment)", l.TaskID)
}
