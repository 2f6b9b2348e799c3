package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
)

// looks are the words that AWS has for the kinds of create-env's things, and how things of
// a kind are looked up. Runs of the pipeline write create-env's state, too: an operator's
// keys reach further than the pipeline's, so that whose a thing is is asked before a run
// by hand uses, changes or deletes it.
var looks = []struct {
	kind createenv.Kind
	name string
	find func(Account, context.Context, []string) ([]account.Possession, error)
}{
	{createenv.VM, "instance", Account.Instances},
	{createenv.Disk, "volume", Account.Volumes},
	{createenv.Stemcell, "image", Account.Images},
}

// nameOf is AWS's word for a kind.
func nameOf(kind createenv.Kind) string {
	for _, l := range looks {
		if l.kind == kind {
			return l.name
		}
	}
	return string(kind)
}

// The tags by which things are told apart.
const (
	ownerTag    = "perpetual:name" // of everything of an installation
	directorTag = "director"       // who has made a VM or disk: "bosh-init", or a director's name
)

// verdict is what is said of a thing: nothing when it is ours.
type verdict struct {
	thing  createenv.Thing
	why    string // "has no tag perpetual:name"
	theirs bool   // it is somebody else's for certain
}

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is created again, as ever. It reads only.
func (r *run) checkPossessions(ctx context.Context) error {
	if r.inside || r.elsewhere() || r.store == nil || !r.known() {
		return nil
	}
	things, err := createenv.Things(ctx, newDocuments(r.store))
	if err != nil {
		return err
	}
	_, err = r.judge(ctx, things, true)
	return err
}

// inspect is checkPossessions for what create-env has read when it begins. It says what
// of that is not there.
func (r *run) inspect(ctx context.Context, things []createenv.Thing) (gone []createenv.Thing, err error) {
	return r.judge(ctx, things, false)
}

// judge looks at the things that were not found yet. One that is not there may be when it
// is used: somebody makes an image public, or a volume that was being made appears.
func (r *run) judge(ctx context.Context, things []createenv.Thing, asks bool) (gone []createenv.Thing, err error) {
	things = slices.DeleteFunc(slices.Clone(things), func(t createenv.Thing) bool { return slices.Contains(r.judged, t) })
	if len(things) == 0 {
		return nil, nil
	}
	found, verdicts, err := r.verdicts(ctx, things)
	if err != nil {
		return nil, fmt.Errorf("look up what %s names: %w; %s", directorStateName, err, untouched(asks))
	}
	var doubts []verdict
	for _, v := range verdicts {
		if v.theirs {
			return nil, r.refuseTheirs(v, asks)
		}
		if !slices.Contains(r.seen.Things, v.thing.CID) {
			doubts = append(doubts, v)
		}
	}
	if len(doubts) > 0 {
		if err := r.askForThings(doubts, asks); err != nil {
			return nil, err
		}
	}
	r.judged = append(r.judged, found...)
	return slices.DeleteFunc(things, func(t createenv.Thing) bool { return slices.Contains(found, t) }), nil
}

// refuseTheirs refuses what is somebody else's.
func (r *run) refuseTheirs(v verdict, early bool) error {
	return fmt.Errorf("%s names %s %.60s as the director's, and it %s; %s: find out who may write %s, and restore the last good version of that document; if it is this installation's and only lacks the tag, give it the tag %s=%s",
		directorStateName, nameOf(v.thing.Kind), v.thing.CID, v.why, untouched(early), storeName(r), ownerTag, r.Name)
}

// untouched is what is still true.
func untouched(early bool) string {
	if early {
		return "nothing was changed"
	}
	return "nothing was done with it"
}

// askForThings asks for what may be ours, and does not say so.
func (r *run) askForThings(doubts []verdict, asks bool) error {
	var lines, ids []string
	for _, v := range doubts {
		ids = append(ids, v.thing.CID)
		lines = append(lines, fmt.Sprintf("%s %s %s", nameOf(v.thing.Kind), v.thing.CID, v.why))
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
				directorStateName, strings.Join(lines, ", and "), untouched(asks), ownerTag, r.Name, storeName(r))
		}
	}
	r.seen.Things = append(slices.Clone(r.seen.Things), ids...)
	return nil
}

// verdicts say which things are there, and of which of them it is not certain that they
// are ours.
func (r *run) verdicts(ctx context.Context, things []createenv.Thing) (there []createenv.Thing, list []verdict, err error) {
	for _, look := range looks {
		var ids []string
		for _, t := range things {
			if t.Kind == look.kind {
				ids = append(ids, t.CID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		found, err := look.find(r.Account, ctx, ids)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range found {
			v := verdict{thing: createenv.Thing{Kind: look.kind, CID: p.ID}}
			there = append(there, v.thing)
			if v.why, v.theirs = r.whose(look.kind, p); v.why != "" {
				list = append(list, v)
			} else if look.kind == createenv.VM {
				r.ourInstances = append(r.ourInstances, p.ID)
			}
		}
	}
	return there, list, nil
}

// whose says why something may not be ours; "" when it is.
func (r *run) whose(kind createenv.Kind, p account.Possession) (why string, theirs bool) {
	owner, tagged := p.Tags[ownerTag]
	switch {
	case kind == createenv.Stemcell && p.Owner != r.identity.Account:
		return fmt.Sprintf("is of account %.40s", p.Owner), true
	case tagged && owner != r.Name:
		return fmt.Sprintf("is of another installation: its tag %s is %.60q", ownerTag, owner), true
	case tagged && p.Tags[directorTag] == "perpetual-"+r.Name:
		return fmt.Sprintf("was created by the director, for deployment %.60q", p.Tags["deployment"]), true
	case kind == createenv.Disk:
		return r.whoseVolume(p, tagged)
	case !tagged:
		return fmt.Sprintf("has no tag %s%s", ownerTag, named(p)), kind == createenv.VM
	}
	return "", false
}

// whoseVolume tells a disk of create-env from others. The CPI makes blank, encrypted
// disks, and tags them when they are attached: until then one has neither that tag nor a
// name. The pipeline's role can tag what has neither, so that the tag alone says little
// of a volume that is not as the CPI makes them.
func (r *run) whoseVolume(p account.Possession, tagged bool) (why string, theirs bool) {
	_, hasName := p.Tags["Name"]
	switch {
	case slices.ContainsFunc(p.Instances, func(id string) bool { return slices.Contains(r.ourInstances, id) }):
		return "", false
	case !tagged && len(p.Instances) > 0:
		return fmt.Sprintf("has no tag %s%s, and is attached to instance %.40s", ownerTag, named(p), p.Instances[0]), true
	case !tagged && hasName:
		return fmt.Sprintf("has no tag %s%s", ownerTag, named(p)), false
	case p.Snapshot != "":
		return fmt.Sprintf("was created from %.40s, and the director creates its disks blank", p.Snapshot), false
	case !p.Encrypted:
		return "is not encrypted, and the director's disks are", false
	}
	return "", false
}

// named adds the name that somebody has given.
func named(p account.Possession) string {
	if name := p.Tags["Name"]; name != "" {
		return fmt.Sprintf(" (its Name is %.60q)", name)
	}
	return ""
}
