package upgrade

import (
	"context"
	"log/slog"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// tell is what only debug shows; a nil log shows nothing.
func tell(ctx context.Context, log *slog.Logger, message string, args ...any) {
	if log != nil {
		log.DebugContext(ctx, message, args...)
	}
}

// tellJudgement says what each task was taken for, and what all of them come to.
func (o Out) tellJudgement(ctx context.Context, op operation, tasks []bosh.Task, v verdict) {
	if o.Debug == nil || !o.Debug.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for _, t := range byID(tasks) {
		tell(ctx, o.Debug, "task judged", "task", t.ID, "state", t.State, "description", t.Description,
			"context", t.ContextID, "because", op.why(t))
	}
	id := func(t *bosh.Task) int {
		if t == nil {
			return 0
		}
		return t.ID
	}
	tell(ctx, o.Debug, "tasks judged", "content", op.content, "build", op.build, "running", id(v.running), "holder", id(v.holder),
		"last", id(v.last), "good", v.good, "own", id(v.own), "failed", numbers(v.failed), "attempts", v.attempts, "next attempt", v.next)
}

// why says in words by which rule of judge a task counts, or does not.
func (o operation) why(t bosh.Task) string {
	_, build, same := o.attempt(t.ContextID)
	switch {
	case !t.Finished() && same && t.State != bosh.StateCancelling:
		return "it deploys the same content: join it"
	case !t.Finished() && same:
		return "it deployed the same content and is being cancelled: wait for its end"
	case !t.Finished() && t.Holds() && o.related(t.ContextID):
		return "it deploys the same manifest with other cloud or runtime configs: wait for its end"
	case !t.Finished() && t.Holds():
		return "it works on the deployment, with other content: wait for its end"
	case !t.Finished():
		return "it runs, but keeps nobody from deploying"
	case !t.IsDeploy():
		return "it is not a deploy"
	case t.LostLock():
		return "it did not get the lock, so it has done nothing: what its twin did counts"
	case t.State == bosh.StateDone && same:
		return "it has deployed this content"
	case t.State == bosh.StateDone:
		return "it has deployed other content: earlier failures count no more"
	case same && build == o.build && build != byHand:
		return "this build's own attempt, which failed"
	case o.configs != "" && !same && o.related(t.ContextID):
		return "an attempt at this content with other cloud or runtime configs, which failed"
	case same || o.related(t.ContextID):
		return "an attempt at this content, which failed"
	}
	return "an attempt at other content, which failed"
}
