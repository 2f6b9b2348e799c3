// Package possession tells which VMs, disks and images in an AWS account are an
// installation's own.
package possession

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// Account is where things are looked up; an *account.Account is one. What is not there is
// left out.
type Account interface {
	// Instances gives those of some instances that are there.
	Instances(ctx context.Context, ids []string) ([]account.Possession, error)
	// Volumes gives those of some volumes that are there.
	Volumes(ctx context.Context, ids []string) ([]account.Possession, error)
	// Images gives those of some images that are there.
	Images(ctx context.Context, ids []string) ([]account.Possession, error)
}

// Owner is the installation that is asked about.
type Owner struct {
	Name      string   // "ci"
	Account   string   // "123456789012"
	Instances []string // that Look has found to be its own: "i-0123456789abcdef0"
}

// looks are the words that AWS has for the kinds of create-env's things, and how things of
// a kind are looked up.
var looks = []struct {
	kind ledger.Kind
	name string
	find func(Account, context.Context, []string) ([]account.Possession, error)
}{
	{ledger.VM, "instance", Account.Instances},
	{ledger.Disk, "volume", Account.Volumes},
	{ledger.Stemcell, "image", Account.Images},
}

// NameOf is AWS's word for a kind.
func NameOf(kind ledger.Kind) string {
	for _, l := range looks {
		if l.kind == kind {
			return l.name
		}
	}
	return string(kind)
}

// The tags by which things are told apart.
const (
	Tag         = "perpetual:name" // of everything of an installation
	directorTag = "director"       // who has made a VM or disk: "bosh-init", or a director's name
)

// Verdict is what is said of a thing: nothing when it is ours.
type Verdict struct {
	Thing  ledger.Thing
	Why    string // "has no tag perpetual:name"
	Theirs bool   // it is somebody else's for certain
}

// Look says which things are there, and of which of them it is not certain that they
// are ours.
func (o *Owner) Look(ctx context.Context, a Account, things []ledger.Thing) (there []ledger.Thing, list []Verdict, err error) {
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
		found, err := look.find(a, ctx, ids)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range found {
			v := Verdict{Thing: ledger.Thing{Kind: look.kind, CID: p.ID}}
			there = append(there, v.Thing)
			if v.Why, v.Theirs = o.whose(look.kind, p); v.Why != "" {
				list = append(list, v)
			} else if look.kind == ledger.VM {
				o.Instances = append(o.Instances, p.ID)
			}
		}
	}
	return there, list, nil
}

// whose says why something may not be ours; "" when it is.
func (o *Owner) whose(kind ledger.Kind, p account.Possession) (why string, theirs bool) {
	owner, tagged := p.Tags[Tag]
	switch {
	case kind == ledger.Stemcell && p.Owner != o.Account:
		return fmt.Sprintf("is of account %.40s", p.Owner), true
	case tagged && owner != o.Name:
		return fmt.Sprintf("is of another installation: its tag %s is %.60q", Tag, owner), true
	case tagged && p.Tags[directorTag] == "perpetual-"+o.Name:
		return fmt.Sprintf("was created by the director, for deployment %.60q", p.Tags["deployment"]), true
	case kind == ledger.Disk:
		return o.whoseVolume(p, tagged)
	case !tagged:
		return fmt.Sprintf("has no tag %s%s", Tag, named(p)), kind == ledger.VM
	}
	return "", false
}

// whoseVolume tells a disk of create-env from others. The CPI makes blank, encrypted
// disks, and tags them when they are attached: until then one has neither that tag nor a
// name. The pipeline's role can tag what has neither, so that the tag alone says little
// of a volume that is not as the CPI makes them.
func (o *Owner) whoseVolume(p account.Possession, tagged bool) (why string, theirs bool) {
	_, hasName := p.Tags["Name"]
	switch {
	case slices.ContainsFunc(p.Instances, func(id string) bool { return slices.Contains(o.Instances, id) }):
		return "", false
	case !tagged && len(p.Instances) > 0:
		return fmt.Sprintf("has no tag %s%s, and is attached to instance %.40s", Tag, named(p), p.Instances[0]), true
	case !tagged && hasName:
		return fmt.Sprintf("has no tag %s%s", Tag, named(p)), false
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
