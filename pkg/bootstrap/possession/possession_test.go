package possession_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// cloud is an account with some things in it, by kind.
type cloud struct {
	things map[ledger.Kind][]account.Possession
	err    error
	looks  []string // what was looked up: "vm i-1"
}

// find gives what is there of some ids.
func (c *cloud) find(kind ledger.Kind, ids []string) (found []account.Possession, err error) {
	for _, id := range ids {
		c.looks = append(c.looks, fmt.Sprintf("%s %s", kind, id))
	}
	for _, p := range c.things[kind] {
		if slices.Contains(ids, p.ID) {
			found = append(found, p)
		}
	}
	return found, c.err
}

// Instances implements possession.Account.
func (c *cloud) Instances(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ledger.VM, ids)
}

// Volumes implements possession.Account.
func (c *cloud) Volumes(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ledger.Disk, ids)
}

// Images implements possession.Account.
func (c *cloud) Images(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ledger.Stemcell, ids)
}

// tags are pairs; those of what create-env has made come first.
func tags(made bool, pairs ...string) map[string]string {
	all := map[string]string{}
	if made {
		all = map[string]string{"perpetual:name": "ci", "director": "bosh-init", "deployment": "perpetual-ci"}
	}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

// A thing is ours, may be, or is somebody else's for certain.
func TestLook_tellsWhoseAThingIs(t *testing.T) {
	const ours, mayBe, theirs = "ours", "may be ours", "somebody else's"
	type found = account.Possession
	for name, of := range map[string]struct {
		kind  ledger.Kind
		found found
		whose string
		why   string
	}{
		"a VM with the tag":               {ledger.VM, found{Tags: tags(true)}, ours, ""},
		"a VM that was just launched":     {ledger.VM, found{Tags: tags(false, "perpetual:name", "ci")}, ours, ""},
		"a VM without tags":               {ledger.VM, found{}, theirs, "has no tag perpetual:name"},
		"a VM with a name":                {ledger.VM, found{Tags: tags(false, "Name", "shop\n\x1b[2J")}, theirs, `has no tag perpetual:name (its Name is "shop\n\x1b[2J")`},
		"a VM with an empty tag":          {ledger.VM, found{Tags: tags(false, "perpetual:name", "")}, theirs, `its tag perpetual:name is ""`},
		"a VM of another":                 {ledger.VM, found{Tags: tags(true, "perpetual:name", "prod")}, theirs, `of another installation: its tag perpetual:name is "prod"`},
		"a VM of the director":            {ledger.VM, found{Tags: tags(true, "director", "perpetual-ci", "deployment", "concourse")}, theirs, `created by the director, for deployment "concourse"`},
		"a disk as the CPI makes it":      {ledger.Disk, found{Encrypted: true}, ours, ""},
		"a disk with the tag":             {ledger.Disk, found{Encrypted: true, Tags: tags(true)}, ours, ""},
		"a disk with the tag and a name":  {ledger.Disk, found{Encrypted: true, Tags: tags(true, "Name", "data")}, ours, ""},
		"a disk that is attached, tagged": {ledger.Disk, found{Encrypted: true, Tags: tags(true), Instances: []string{"i-77"}}, ours, ""},
		"a disk of the director":          {ledger.Disk, found{Encrypted: true, Tags: tags(true, "director", "perpetual-ci")}, theirs, "created by the director"},
		"a disk of another":               {ledger.Disk, found{Encrypted: true, Tags: tags(false, "perpetual:name", "prod")}, theirs, `"prod"`},
		"a disk of somebody's VM":         {ledger.Disk, found{Encrypted: true, Instances: []string{"i-77"}}, theirs, "has no tag perpetual:name, and is attached to instance i-77"},
		"a disk with a name":              {ledger.Disk, found{Encrypted: true, Tags: tags(false, "Name", "db")}, mayBe, `has no tag perpetual:name (its Name is "db")`},
		"a disk from a snapshot":          {ledger.Disk, found{Encrypted: true, Snapshot: "snap-1"}, mayBe, "created from snap-1, and the director creates its disks blank"},
		"one from a snapshot, tagged":     {ledger.Disk, found{Encrypted: true, Snapshot: "snap-1", Tags: tags(true)}, mayBe, "created from snap-1"},
		"a disk in clear":                 {ledger.Disk, found{}, mayBe, "is not encrypted"},
		"a disk in clear, tagged":         {ledger.Disk, found{Tags: tags(true)}, mayBe, "is not encrypted"},
		"an image with the tag":           {ledger.Stemcell, found{Owner: "123456789012", Tags: tags(true)}, ours, ""},
		"an image without tags":           {ledger.Stemcell, found{Owner: "123456789012"}, mayBe, "has no tag perpetual:name"},
		"an image of another account":     {ledger.Stemcell, found{Owner: "999999999999", Tags: tags(true)}, theirs, "is of account 999999999999"},
		"an image of another":             {ledger.Stemcell, found{Owner: "123456789012", Tags: tags(true, "perpetual:name", "prod")}, theirs, "of another installation"},
	} {
		of.found.ID = "x-1"
		thing := ledger.Thing{Kind: of.kind, CID: "x-1"}
		owner := possession.Owner{Name: "ci", Account: "123456789012"}
		there, verdicts, err := owner.Look(t.Context(), &cloud{things: map[ledger.Kind][]account.Possession{of.kind: {of.found}}}, []ledger.Thing{thing})
		if err != nil || !slices.Equal(there, []ledger.Thing{thing}) {
			t.Errorf("%s: there is %v, %v", name, there, err)
		}
		whose, why := ours, ""
		for _, v := range verdicts {
			if whose, why = mayBe, v.Why; v.Theirs {
				whose = theirs
			}
			if v.Thing != thing {
				t.Errorf("%s: it is said of %v", name, v.Thing)
			}
		}
		if whose != of.whose || !strings.Contains(why, of.why) || strings.Contains(why, "\n") {
			t.Errorf("%s: it is %s, as it %s; want %s, as it %s", name, whose, why, of.whose, of.why)
		}
	}
}

// A disk of a VM that is ours is ours, in whatever order the state names the two; one of a
// VM that is not is not.
func TestLook_takesADiskWithItsVM(t *testing.T) {
	things := []ledger.Thing{{Kind: ledger.Disk, CID: "vol-1"}, {Kind: ledger.Disk, CID: "vol-9"}, {Kind: ledger.VM, CID: "i-1"}}
	for vm, want := range map[string]int{"ci": 0, "prod": 2} {
		c := &cloud{things: map[ledger.Kind][]account.Possession{
			ledger.VM:   {{ID: "i-1", Tags: tags(false, "perpetual:name", vm)}},
			ledger.Disk: {{ID: "vol-1", Instances: []string{"i-1"}, Tags: tags(false, "Name", "data")}},
		}}
		owner := possession.Owner{Name: "ci"}
		there, verdicts, err := owner.Look(t.Context(), c, things)
		if err != nil || len(there) != 2 || len(verdicts) != want {
			t.Errorf("of %s: there is %v, of which %v, %v", vm, there, verdicts, err)
		}
		if slices.ContainsFunc(c.looks, func(l string) bool { return strings.HasPrefix(l, string(ledger.Stemcell)) }) {
			t.Errorf("it looks up %q", c.looks)
		}
	}
}

func TestNameOf_isTheWordOfAWS(t *testing.T) {
	for kind, want := range map[ledger.Kind]string{ledger.VM: "instance", ledger.Disk: "volume", ledger.Stemcell: "image", "snapshot": "snapshot"} {
		if got := possession.NameOf(kind); got != want {
			t.Errorf("%s is %q", kind, got)
		}
	}
}

// person is asked, and notes what was said and taken.
type person struct {
	yes       bool
	err       error
	questions []string
	taken     []string
	warned    []string
}

// guard guards an installation with a person at hand.
func guard(c *cloud, p *person) *possession.Guard {
	return &possession.Guard{
		Owner: possession.Owner{Name: "ci", Account: "123456789012"}, Account: c,
		Document: "run/environment/state.json", Store: "the bucket perpetual-ci",
		Known: func(id string) bool { return slices.Contains(p.taken, id) },
		Took:  func(ids []string) { p.taken = append(p.taken, ids...) },
		Warn:  func(line string) { p.warned = append(p.warned, line) },
		Ask: func(question string, lines []string) (bool, error) {
			p.questions = append(p.questions, question+" "+strings.Join(lines, " | "))
			return p.yes, p.err
		},
	}
}

var (
	disk  = ledger.Thing{Kind: ledger.Disk, CID: "vol-1"}
	image = ledger.Thing{Kind: ledger.Stemcell, CID: "ami-1"}
	gone  = ledger.Thing{Kind: ledger.VM, CID: "i-9"}
)

// doubtful is an account in which it is not certain whose the disk and the image are.
func doubtful() *cloud {
	return &cloud{things: map[ledger.Kind][]account.Possession{
		ledger.Disk: {{ID: "vol-1", Encrypted: true, Snapshot: "snap-1"}}, ledger.Stemcell: {{ID: "ami-1", Owner: "123456789012"}},
	}}
}

// What may be ours is asked for once, with all of it in one question, and noted.
func TestJudge_asksOnceForWhatMayBeOurs(t *testing.T) {
	c, p := doubtful(), &person{yes: true}
	g := guard(c, p)
	left, err := g.Judge(t.Context(), []ledger.Thing{disk, image, gone}, true)
	if err != nil || !slices.Equal(left, []ledger.Thing{gone}) {
		t.Errorf("gone is %v, %v", left, err)
	}
	if len(p.questions) != 1 || !strings.HasPrefix(p.questions[0], "the bucket perpetual-ci: run/environment/state.json names what does not say that it is of ci.") ||
		!strings.HasSuffix(p.questions[0], " volume vol-1 was created from snap-1, and the director creates its disks blank | image ami-1 has no tag perpetual:name") {
		t.Errorf("it asks %q", p.questions)
	}
	if !slices.Equal(p.taken, []string{"vol-1", "ami-1"}) || len(p.warned) > 0 {
		t.Errorf("it takes %q, and warns of %q", p.taken, p.warned)
	}

	// What was judged is not looked up again; what was gone is: somebody may have made it since.
	c.looks = nil
	c.things[ledger.VM] = []account.Possession{{ID: "i-9", Tags: tags(false, "Name", "shop")}}
	_, err = g.Judge(t.Context(), []ledger.Thing{disk, image, gone}, false)
	testkit.Refused(t, "what appeared", err, "names instance i-9 as the director's", "nothing was done with it")
	if !slices.Equal(c.looks, []string{fmt.Sprintf("%s i-9", ledger.VM)}) {
		t.Errorf("the second time it looks up %q", c.looks)
	}

	// The next run knows what was taken.
	p.questions = nil
	if _, err := guard(doubtful(), p).Judge(t.Context(), []ledger.Thing{disk, image}, true); err != nil || len(p.questions) > 0 {
		t.Errorf("the next run asks %q, %v", p.questions, err)
	}
}

func TestJudge_takesNothingThatNobodyHasSaidYesTo(t *testing.T) {
	ask := func(g *possession.Guard) {}
	for name, of := range map[string]struct {
		person person
		set    func(*possession.Guard)
		asks   bool
		asked  int
		says   string
	}{
		"somebody says no":           {person{}, ask, true, 1, "nothing was changed"},
		"nobody is there":            {person{yes: true}, func(g *possession.Guard) { g.Ask = nil }, true, 0, "nothing was changed"},
		"in the midst of create-env": {person{yes: true}, ask, false, 0, "nothing was done with it"},
		"the question fails":         {person{yes: true, err: errors.New("the terminal is gone")}, ask, true, 1, "the terminal is gone"},
	} {
		g := guard(doubtful(), &of.person)
		of.set(g)
		_, err := g.Judge(t.Context(), []ledger.Thing{disk}, of.asks)
		parts := []string{of.says}
		if of.person.err == nil {
			parts = append(parts, "run/environment/state.json names volume vol-1 was created from snap-1", "perpetual:name=ci", "--accept-stored", "find out who may write the bucket perpetual-ci")
		}
		testkit.Refused(t, name, err, parts...)
		if len(of.person.questions) != of.asked || len(of.person.taken) > 0 {
			t.Errorf("%s: it asks %q, and takes %q", name, of.person.questions, of.person.taken)
		}
	}
}

// --accept-stored takes what may be ours, and says so. It takes nothing of others.
func TestJudge_acceptsWhatMayBeOurs(t *testing.T) {
	p := &person{}
	g := guard(doubtful(), p)
	g.Accept = true
	if _, err := g.Judge(t.Context(), []ledger.Thing{disk}, false); err != nil || !slices.Equal(p.taken, []string{"vol-1"}) || len(p.questions) > 0 {
		t.Errorf("it takes %q and asks %q, %v", p.taken, p.questions, err)
	}
	if len(p.warned) != 1 || !strings.HasPrefix(p.warned[0], "taken from the state: volume vol-1 was created from snap-1") {
		t.Errorf("it warns of %q", p.warned)
	}

	c := doubtful()
	c.things[ledger.VM] = []account.Possession{{ID: "i-9", Tags: tags(true, "perpetual:name", "prod")}}
	p = &person{yes: true, taken: []string{"i-9"}} // a state that says it was taken before
	g = guard(c, p)
	g.Accept = true
	_, err := g.Judge(t.Context(), []ledger.Thing{disk, gone}, true)
	testkit.Refused(t, "another's", err, "names instance i-9 as the director's, and it is of another installation", "nothing was changed",
		"find out who may write the bucket perpetual-ci", "restore the last good version", "give it the tag perpetual:name=ci")
	if len(p.taken) != 1 || len(p.questions) > 0 {
		t.Errorf("it takes %q, and asks %q", p.taken, p.questions)
	}
}

func TestJudge_saysWhatCouldNotBeLookedUp(t *testing.T) {
	failed := errors.New("no answer")
	for early, still := range map[bool]string{true: "nothing was changed", false: "nothing was done with it"} {
		p := &person{yes: true}
		_, err := guard(&cloud{err: failed}, p).Judge(t.Context(), []ledger.Thing{disk}, early)
		if testkit.Refused(t, still, err, "look up what run/environment/state.json names: no answer; "+still); !errors.Is(err, failed) || len(p.taken) > 0 {
			t.Errorf("it takes %q, %v", p.taken, err)
		}
	}
	c := &cloud{err: failed}
	if left, err := guard(c, &person{}).Judge(t.Context(), nil, true); err != nil || left != nil || len(c.looks) > 0 {
		t.Errorf("of nothing: %v, %v", left, err)
	}
}
