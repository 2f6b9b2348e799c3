package upgrade

import (
	"context"
	"log/slog"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// tell is what only debug shows; a nil log shows nothing.
func tell(ctx context.Context, log *slog.Logger, message string, args ...any) {
	if log != nil {
		log.DebugContext(ctx, message, args...)
	}
}

// tellJudgement says what each task was taken for, and what all of them come to.
func (o Out) tellJudgement(ctx context.Context, op task.Operation, tasks []bosh.Task, v task.Verdict) {
	if o.Debug == nil || !o.Debug.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for _, t := range task.ByID(tasks) {
		tell(ctx, o.Debug, "task judged", "task", t.ID, "state", t.State, "description", t.Description,
			"context", t.ContextID, "because", op.Why(t))
	}
	id := func(t *bosh.Task) int {
		if t == nil {
			return 0
		}
		return t.ID
	}
	tell(ctx, o.Debug, "tasks judged", "content", op.Content, "build", op.Build, "running", id(v.Running), "holder", id(v.Holder),
		"last", id(v.Last), "good", v.Good, "own", id(v.Own), "failed", task.Numbers(v.Failed), "attempts", v.Attempts, "next attempt", v.Next)
}
