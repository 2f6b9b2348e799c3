package comparison

import (
	"context"
	"log/slog"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// tellJudgement says what each task was taken for, and what all of them come to.
func (c *Comparison) tellJudgement(ctx context.Context, op task.Operation, tasks []bosh.Task, v task.Verdict) {
	if !c.Debug.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for _, t := range task.ByID(tasks) {
		c.Debug.DebugContext(ctx, "task judged", "task", t.ID, "state", t.State, "description", t.Description,
			"context", t.ContextID, "because", op.Why(t))
	}
	id := func(t *bosh.Task) int {
		if t == nil {
			return 0
		}
		return t.ID
	}
	c.Debug.DebugContext(ctx, "tasks judged", "content", op.Content, "build", op.Build, "running", id(v.Running), "holder", id(v.Holder),
		"last", id(v.Last), "good", v.Good, "own", id(v.Own), "failed", task.Numbers(v.Failed), "attempts", v.Attempts, "next attempt", v.Next)
}
