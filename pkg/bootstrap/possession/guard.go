package possession

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// Guard wants what create-env's state names to be of an installation before it is used,
// changed or deleted.
type Guard struct {
	Owner    Owner
	Account  Account
	Document string // that names the things: "run/environment/state.json"
	Store    string // that has the document: "the bucket perpetual-ci-123456789012"
	Accept   bool   // what may be ours is taken without asking

	Known func(id string) bool // says of a thing that it was taken before
	Took  func(ids []string)   // is told what is taken now
	// Ask asks a person whether some things may be taken; nil: nobody is there.
	Ask  func(question string, lines []string) (bool, error)
	Warn func(line string)

	judged []ledger.Thing // that are there and may be used
}

// Judge looks at the things that were not found yet. One that is not there may be when it
// is used: somebody makes an image public, or a volume that was being made appears.
func (g *Guard) Judge(ctx context.Context, things []ledger.Thing, asks bool) (gone []ledger.Thing, err error) {
	things = slices.DeleteFunc(slices.Clone(things), func(t ledger.Thing) bool { return slices.Contains(g.judged, t) })
	if len(things) == 0 {
		return nil, nil
	}
	found, verdicts, err := g.Owner.Look(ctx, g.Account, things)
	if err != nil {
		return nil, fmt.Errorf("look up what %s names: %w; %s", g.Document, err, untouched(asks))
	}
	var doubts []Verdict
	for _, v := range verdicts {
		if v.Theirs {
			return nil, g.refuseTheirs(v, asks)
		}
		if !g.Known(v.Thing.CID) {
			doubts = append(doubts, v)
		}
	}
	if len(doubts) > 0 {
		if err := g.ask(doubts, asks); err != nil {
			return nil, err
		}
	}
	g.judged = append(g.judged, found...)
	return slices.DeleteFunc(things, func(t ledger.Thing) bool { return slices.Contains(found, t) }), nil
}

// refuseTheirs refuses what is somebody else's.
func (g *Guard) refuseTheirs(v Verdict, early bool) error {
	return fmt.Errorf("%s names %s %.60s as the director's, and it %s; %s: find out who may write %s, and restore the last good version of that document; if it is this installation's and only lacks the tag, give it the tag %s=%s",
		g.Document, NameOf(v.Thing.Kind), v.Thing.CID, v.Why, untouched(early), g.Store, Tag, g.Owner.Name)
}

// untouched is what is still true.
func untouched(early bool) string {
	if early {
		return "nothing was changed"
	}
	return "nothing was done with it"
}

// ask asks for what may be ours, and does not say so.
func (g *Guard) ask(doubts []Verdict, asks bool) error {
	var lines, ids []string
	for _, v := range doubts {
		ids = append(ids, v.Thing.CID)
		lines = append(lines, fmt.Sprintf("%s %s %s", NameOf(v.Thing.Kind), v.Thing.CID, v.Why))
	}
	switch {
	case g.Accept:
		for _, line := range lines {
			g.Warn("taken from the state: " + line)
		}
	default:
		yes := false
		if asks && g.Ask != nil {
			question := fmt.Sprintf("%s: %s names what does not say that it is of %s. This would be used, and may be deleted:", g.Store, g.Document, g.Owner.Name)
			var err error
			if yes, err = g.Ask(question, lines); err != nil {
				return err
			}
		}
		if !yes {
			return fmt.Errorf("%s names %s; %s: if it is the director's, give it the tag %s=%s, or run again with --accept-stored; if it is not, find out who may write %s, and restore the last good version of that document",
				g.Document, strings.Join(lines, ", and "), untouched(asks), Tag, g.Owner.Name, g.Store)
		}
	}
	g.Took(ids)
	return nil
}
