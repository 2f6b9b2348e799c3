package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Thing is something in the account that create-env's state names. Runs of the pipeline
// write that state, too: an operator's keys reach further than the pipeline's, so that
// whose it is is asked before a run by hand uses, changes or deletes it.
type Thing struct {
	Kind ThingKind
	ID   string // "vol-0123456789abcdef0"
}

// ThingKind is what a Thing is.
type ThingKind string

// The kinds of things.
const (
	Instance ThingKind = "instance"
	Volume   ThingKind = "volume"
	Image    ThingKind = "image"
)

// Possession is a thing as the account knows it.
type Possession struct {
	ID        string
	Tags      map[string]string
	Owner     string   // the account that an image is of
	Instances []string // that a volume is attached to
	Snapshot  string   // that a volume was made from
	Encrypted bool     // of volumes
}

// The tags by which things are told apart.
const (
	ownerTag    = "perpetual:name" // of everything of an installation
	directorTag = "director"       // who has made a VM or disk: "bosh-init", or a director's name
)

// verdict is what is said of a thing: nothing when it is ours.
type verdict struct {
	thing  Thing
	why    string // "has no tag perpetual:name"
	theirs bool   // it is somebody else's for certain
}

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is made again, as ever. It reads only.
func (r *run) checkPossessions(ctx context.Context) error {
	if r.inside || r.elsewhere() || r.store == nil || !r.known() {
		return nil
	}
	things, err := r.Env.Things(ctx, r.store)
	if err != nil {
		return err
	}
	_, err = r.judge(ctx, things, true)
	return err
}

// inspect is checkPossessions for what create-env has read when it begins. It says what
// of that is not there.
func (r *run) inspect(ctx context.Context, things []Thing) (gone []Thing, err error) {
	return r.judge(ctx, things, false)
}

// judge looks at the things that were not found yet. One that is not there may be when it
// is used: somebody makes an image public, or a volume that was being made appears.
func (r *run) judge(ctx context.Context, things []Thing, asks bool) (gone []Thing, err error) {
	things = slices.DeleteFunc(slices.Clone(things), func(t Thing) bool { return slices.Contains(r.judged, t) })
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
		if !slices.Contains(r.seen.Things, v.thing.ID) {
			doubts = append(doubts, v)
		}
	}
	if len(doubts) > 0 {
		if err := r.askForThings(doubts, asks); err != nil {
			return nil, err
		}
	}
	r.judged = append(r.judged, found...)
	return slices.DeleteFunc(things, func(t Thing) bool { return slices.Contains(found, t) }), nil
}

// refuseTheirs refuses what is somebody else's.
func (r *run) refuseTheirs(v verdict, early bool) error {
	return fmt.Errorf("%s names %s %.60s as the director's, and it %s; %s: find out who may write %s, and restore the last good version of that document; if it is this installation's and only lacks the tag, give it the tag %s=%s",
		directorStateName, v.thing.Kind, v.thing.ID, v.why, untouched(early), storeName(r), ownerTag, r.Name)
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
		ids = append(ids, v.thing.ID)
		lines = append(lines, fmt.Sprintf("%s %s %s", v.thing.Kind, v.thing.ID, v.why))
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
func (r *run) verdicts(ctx context.Context, things []Thing) (there []Thing, list []verdict, err error) {
	for _, kind := range []ThingKind{Instance, Volume, Image} {
		var ids []string
		for _, t := range things {
			if t.Kind == kind {
				ids = append(ids, t.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		found, err := r.Account.Possessions(ctx, kind, ids)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range found {
			v := verdict{thing: Thing{kind, p.ID}}
			there = append(there, v.thing)
			if v.why, v.theirs = r.whose(kind, p); v.why != "" {
				list = append(list, v)
			} else if kind == Instance {
				r.ourInstances = append(r.ourInstances, p.ID)
			}
		}
	}
	return there, list, nil
}

// whose says why something may not be ours; "" when it is.
func (r *run) whose(kind ThingKind, p Possession) (why string, theirs bool) {
	owner, tagged := p.Tags[ownerTag]
	switch {
	case kind == Image && p.Owner != r.identity.Account:
		return fmt.Sprintf("is of account %.40s", p.Owner), true
	case tagged && owner != r.Name:
		return fmt.Sprintf("is of another installation: its tag %s is %.60q", ownerTag, owner), true
	case tagged && p.Tags[directorTag] == "perpetual-"+r.Name:
		return fmt.Sprintf("was made by the director, for deployment %.60q", p.Tags["deployment"]), true
	case kind == Volume:
		return r.whoseVolume(p, tagged)
	case !tagged:
		return fmt.Sprintf("has no tag %s%s", ownerTag, named(p)), kind == Instance
	}
	return "", false
}

// whoseVolume tells a disk of create-env from others. The CPI makes blank, encrypted
// disks, and tags them when they are attached: until then one has neither that tag nor a
// name. The pipeline's role can tag what has neither, so that the tag alone says little
// of a volume that is not as the CPI makes them.
func (r *run) whoseVolume(p Possession, tagged bool) (why string, theirs bool) {
	_, hasName := p.Tags["Name"]
	switch {
	case slices.ContainsFunc(p.Instances, func(id string) bool { return slices.Contains(r.ourInstances, id) }):
		return "", false
	case !tagged && len(p.Instances) > 0:
		return fmt.Sprintf("has no tag %s%s, and is attached to instance %.40s", ownerTag, named(p), p.Instances[0]), true
	case !tagged && hasName:
		return fmt.Sprintf("has no tag %s%s", ownerTag, named(p)), false
	case p.Snapshot != "":
		return fmt.Sprintf("was made from %.40s, and the director's disks are made blank", p.Snapshot), false
	case !p.Encrypted:
		return "is not encrypted, and the director's disks are", false
	}
	return "", false
}

// named adds the name that somebody has given.
func named(p Possession) string {
	if name := p.Tags["Name"]; name != "" {
		return fmt.Sprintf(" (its Name is %.60q)", name)
	}
	return ""
}
