package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
)

// patience is how many looks in a row may fail while a change is waited for, each
// after all its tries: the change goes on by itself meanwhile.
const patience = 5

// patienceToBegin is how many looks may pass before a change of ours shows. Then it
// is asked for again: what answered may not have been CloudFormation, as some calls
// have answers without a word in them.
const patienceToBegin = 12

// errNotBegun says that a change was asked for and has not begun.
var errNotBegun = errors.New("CloudFormation has accepted the change and does not begin it")

// watcher follows one stack's events from a moment on, each of them once.
type watcher struct {
	stack *Stack
	id    string // ARN: a deleted stack answers to it alone
	last  string // id of the newest event that was told
	begun bool   // the stack itself has had an event since
	told  map[string]bool
	asked int // how often the change was asked for
	kept  []string
}

// watch begins to follow: what has happened so far is not told.
func (s *Stack) watch(ctx context.Context, id string) (*watcher, error) {
	w := &watcher{stack: s, id: id, told: map[string]bool{}}
	var err error
	w.last, err = s.api.LastEvent(ctx, id)
	return w, err
}

// tell passes new events on, oldest first.
func (w *watcher) tell(ctx context.Context) error {
	fresh, err := w.stack.api.Events(ctx, w.id, func(e cloudformation.Event) bool { return e.ID == w.last })
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(fresh) {
		if w.last = e.ID; w.told[w.last] {
			continue
		}
		w.told[w.last] = true
		w.begun = w.begun || e.Type == cloudformation.StackType && e.LogicalID == w.stack.options.Name && e.Status != reviewing
		if e.Status == "DELETE_SKIPPED" {
			w.kept = append(w.kept, e.Type+" "+e.PhysicalID)
		}
		w.stack.options.Notify(e)
	}
	return nil
}

// wait follows the stack until nothing is under way any more. A change of our own
// must have begun before, as CloudFormation takes a moment to show it; one that
// does not is errNotBegun.
func (w *watcher) wait(ctx context.Context, own bool) (Status, error) {
	state, failed := "", 0
	for looks := 0; ; looks++ {
		if own && !w.begun && looks > patienceToBegin {
			return Status{}, fmt.Errorf("wait for stack %s, which is %s: %w", w.stack.options.Name, state, errNotBegun)
		}
		ready := w.begun || !own // seen before this look, which may be of before the beginning
		status, err := w.look(ctx)
		if err == nil {
			state, failed = status.State, 0
			if !status.Exists || !status.busy() && status.State != reviewing && ready {
				return status, nil
			}
		} else if failed++; final(ctx, err) || failed == patience {
			return Status{}, w.stack.interrupted(state, err)
		} else {
			w.stack.say("%s; looking again", err)
		}
		if err := w.stack.pause(ctx); err != nil {
			return Status{}, w.stack.interrupted(state, err)
		}
	}
}

// begin asks for a change and waits for its end. Asking again with the same token
// begins nothing twice.
func (w *watcher) begin(ctx context.Context, ask func() error) (Status, error) {
	for {
		if err := ask(); err != nil {
			return Status{}, err
		}
		status, err := w.wait(ctx, true)
		if w.asked++; !errors.Is(err, errNotBegun) || w.asked == 3 {
			return status, err
		}
		w.stack.say("the change of stack %s has not begun: asking for it again", w.stack.options.Name)
	}
}

// look describes the stack, then tells what has happened until then.
func (w *watcher) look(ctx context.Context) (Status, error) {
	status, err := w.stack.look(ctx, w.id)
	if err != nil || !status.Exists {
		return status, err
	}
	return status, w.tell(ctx)
}

// final says whether looking again would be of no use.
func final(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, aws.ErrCredentials) || errors.Is(err, aws.ErrDenied)
}

// interrupted says that a change goes on without us.
func (s *Stack) interrupted(state string, err error) error {
	if state == "" {
		state = "of a state not known"
	}
	return fmt.Errorf("wait for stack %s, which goes on by itself (it was %s; run again to go on from there): %w", s.options.Name, state, err)
}

// settle waits until nothing is under way on the stack, whoever began it.
func (s *Stack) settle(ctx context.Context) (Status, error) {
	status, err := s.Describe(ctx)
	if err != nil || !status.Exists || !status.busy() {
		return status, err
	}
	s.say("stack %s is %s: waiting for that to end", s.options.Name, status.State)
	w, err := s.watch(ctx, status.ID)
	if err != nil {
		return Status{}, err
	}
	if _, err := w.wait(ctx, false); err != nil {
		return Status{}, err
	}
	return s.Describe(ctx)
}

// failures are the reasons for which resources failed in the last operation, oldest
// first, without those that were only cancelled when another failed.
func (s *Stack) failures(ctx context.Context, id string) ([]string, error) {
	began := false
	events, err := s.api.Events(ctx, id, func(e cloudformation.Event) bool {
		was := began
		began = e.Type == cloudformation.StackType && (e.Status == "CREATE_IN_PROGRESS" || e.Status == "UPDATE_IN_PROGRESS" || e.Status == "DELETE_IN_PROGRESS")
		return was
	})
	var out []string
	for _, e := range slices.Backward(events) {
		if e.Type == cloudformation.StackType || !strings.HasSuffix(e.Status, "_FAILED") || strings.Contains(e.Reason, "cancelled") {
			continue
		}
		out = append(out, fmt.Sprintf("%s (%s): %s", e.LogicalID, e.Type, e.Reason))
	}
	return out, err
}
