package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is created again, as ever. It reads only. Runs of the pipeline
// write create-env's state, too: an operator's keys reach further than the pipeline's, so
// that whose a thing is is asked before a run by hand uses, changes or deletes it.
func (r *run) checkPossessions(ctx context.Context) error {
	if r.kept.Keys.Inside() || r.elsewhere() || r.store == nil || !r.kept.Known() {
		return nil
	}
	things, err := ledger.Things(ctx, newDocuments(r.store))
	if err != nil {
		return err
	}
	_, err = r.judge(ctx, things, true)
	return err
}

// inspect is checkPossessions for what create-env has read when it begins. It says what
// of that is not there.
func (r *run) inspect(ctx context.Context, things []ledger.Thing) (gone []ledger.Thing, err error) {
	return r.judge(ctx, things, false)
}

// judge looks at the things that were not found yet. One that is not there may be when it
// is used: somebody makes an image public, or a volume that was being made appears.
func (r *run) judge(ctx context.Context, things []ledger.Thing, asks bool) (gone []ledger.Thing, err error) {
	things = slices.DeleteFunc(slices.Clone(things), func(t ledger.Thing) bool { return slices.Contains(r.judged, t) })
	if len(things) == 0 {
		return nil, nil
	}
	owner := possession.Owner{Name: r.Name, Account: r.identity.Account, Instances: r.ourInstances}
	found, verdicts, err := owner.Look(ctx, r.Account, things)
	r.ourInstances = owner.Instances
	if err != nil {
		return nil, fmt.Errorf("look up what %s names: %w; %s", directorStateName, err, untouched(asks))
	}
	var doubts []possession.Verdict
	for _, v := range verdicts {
		if v.Theirs {
			return nil, r.refuseTheirs(v, asks)
		}
		if !slices.Contains(r.kept.Keys.Seen().Things, v.Thing.CID) {
			doubts = append(doubts, v)
		}
	}
	if len(doubts) > 0 {
		if err := r.askForThings(doubts, asks); err != nil {
			return nil, err
		}
	}
	r.judged = append(r.judged, found...)
	return slices.DeleteFunc(things, func(t ledger.Thing) bool { return slices.Contains(found, t) }), nil
}

// refuseTheirs refuses what is somebody else's.
func (r *run) refuseTheirs(v possession.Verdict, early bool) error {
	return fmt.Errorf("%s names %s %.60s as the director's, and it %s; %s: find out who may write %s, and restore the last good version of that document; if it is this installation's and only lacks the tag, give it the tag %s=%s",
		directorStateName, possession.NameOf(v.Thing.Kind), v.Thing.CID, v.Why, untouched(early), storeName(r), possession.Tag, r.Name)
}

// untouched is what is still true.
func untouched(early bool) string {
	if early {
		return "nothing was changed"
	}
	return "nothing was done with it"
}

// askForThings asks for what may be ours, and does not say so.
func (r *run) askForThings(doubts []possession.Verdict, asks bool) error {
	var lines, ids []string
	for _, v := range doubts {
		ids = append(ids, v.Thing.CID)
		lines = append(lines, fmt.Sprintf("%s %s %s", possession.NameOf(v.Thing.Kind), v.Thing.CID, v.Why))
	}
	switch {
	case r.options.AcceptStored:
		for _, line := range lines {
			r.warn("taken from the state: " + line)
		}
	default:
		yes := false
		if asks && r.Operator != nil {
			question := fmt.Sprintf("%s: %s names what does not say that it is of %s. This would be used, and may be deleted:", storeName(r), directorStateName, r.Name)
			var err error
			if yes, err = r.Operator.Accept(question, lines); err != nil {
				return err
			}
		}
		if !yes {
			return fmt.Errorf("%s names %s; %s: if it is the director's, give it the tag %s=%s, or run again with --accept-stored; if it is not, find out who may write %s, and restore the last good version of that document",
				directorStateName, strings.Join(lines, ", and "), untouched(asks), possession.Tag, r.Name, storeName(r))
		}
	}
	r.kept.Keys.Accepted(ids...)
	return nil
}
