package bootstrap_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// owned are the tags of what create-env has made, with some changed; "" takes one away.
func owned(pairs ...string) map[string]string {
	tags := map[string]string{"perpetual:name": "ci", "director": "bosh-init", "deployment": "perpetual-ci"}
	for i := 0; i < len(pairs); i += 2 {
		if tags[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(tags, pairs[i])
		}
	}
	return tags
}

// theirs and doubtful are what an account may have under an id that create-env's state
// names, and what the refusal says of it.
var (
	theirs = map[string]struct {
		kind  ledger.Kind
		found account.Possession
		says  string
	}{
		"an instance of somebody":          {ledger.VM, account.Possession{Tags: map[string]string{"Name": "shop"}}, `has no tag perpetual:name (its Name is "shop")`},
		"an instance without tags":         {ledger.VM, account.Possession{}, "has no tag perpetual:name"},
		"an instance of another":           {ledger.VM, account.Possession{Tags: owned("perpetual:name", "prod")}, `of another installation: its tag perpetual:name is "prod"`},
		"a VM of the director":             {ledger.VM, account.Possession{Tags: owned("director", "perpetual-ci", "deployment", "concourse")}, `created by the director, for deployment "concourse"`},
		"a volume of another":              {ledger.Disk, account.Possession{Tags: owned("perpetual:name", "prod"), Encrypted: true}, `its tag perpetual:name is "prod"`},
		"a disk of the director":           {ledger.Disk, account.Possession{Tags: owned("director", "perpetual-ci", "deployment", "concourse"), Encrypted: true}, "created by the director"},
		"a volume of somebody's instance":  {ledger.Disk, account.Possession{Instances: []string{"i-77"}, Encrypted: true}, "has no tag perpetual:name, and is attached to instance i-77"},
		"an image of another account":      {ledger.Stemcell, account.Possession{Owner: "999999999999", Tags: owned()}, "is of account 999999999999"},
		"an image of another installation": {ledger.Stemcell, account.Possession{Owner: "123456789012", Tags: owned("perpetual:name", "prod")}, "of another installation"},
	}
	doubtful = map[string]struct {
		kind  ledger.Kind
		found account.Possession
		says  string
	}{
		"a volume with a name":           {ledger.Disk, account.Possession{Tags: map[string]string{"Name": "db"}, Encrypted: true}, `has no tag perpetual:name (its Name is "db")`},
		"a volume from a snapshot":       {ledger.Disk, account.Possession{Snapshot: "snap-1", Encrypted: true, Tags: owned()}, "was created from snap-1"},
		"a volume that is not encrypted": {ledger.Disk, account.Possession{Tags: owned()}, "is not encrypted"},
		"an image of this account":       {ledger.Stemcell, account.Possession{Owner: "123456789012"}, "has no tag perpetual:name"},
	}
)

// inAWS are the words of AWS for what create-env names.
var inAWS = map[ledger.Kind]string{ledger.VM: "instance", ledger.Disk: "volume", ledger.Stemcell: "image"}

// names makes create-env's state name some things.
func (c *cloud) names(t *testing.T, things ...ledger.Thing) {
	t.Helper()
	state := map[string]any{"director_id": "d-1"}
	for i, thing := range things {
		id := fmt.Sprintf("id-%d", i)
		switch thing.Kind {
		case ledger.VM:
			state["current_vm_cid"] = thing.CID
		case ledger.Disk:
			state["current_disk_id"], state["disks"] = id, []map[string]any{{"id": id, "cid": thing.CID}}
		case ledger.Stemcell:
			state["current_stemcell_id"], state["stemcells"] = id, []map[string]any{{"id": id, "cid": thing.CID}}
		}
	}
	body, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c.stores["ci"], ledger.StateDocument, body)
}

// What the holder of the pipeline's role writes into create-env's state does not lead an
// operator's keys to what is not of this installation.
func TestPossessions_ofOthersAreRefused(t *testing.T) {
	for name, of := range theirs {
		c := installed(t)
		of.found.ID = "x-1"
		c.names(t, ledger.Thing{Kind: of.kind, CID: "x-1"})
		c.possessions = []account.Possession{of.found}
		for verb, do := range map[string]func(*bootstrap.Installation, bootstrap.Options) error{
			"plan": func(i *bootstrap.Installation, o bootstrap.Options) error {
				_, err := i.Plan(t.Context(), o)
				return err
			},
			"deploy": func(i *bootstrap.Installation, o bootstrap.Options) error {
				_, err := i.Deploy(t.Context(), o)
				return err
			},
			"destroy": func(i *bootstrap.Installation, o bootstrap.Options) error {
				_, err := i.Destroy(t.Context(), o)
				return err
			},
		} {
			c.operator.yes, c.operator.asked = true, nil
			i, _ := c.install(t, given())
			err := do(i, bootstrap.Options{AcceptStored: true}) // no flag takes what is somebody else's
			for _, part := range []string{"run/environment/state.json names " + inAWS[of.kind] + " x-1", of.says, "nothing was changed", "find out who may write the bucket", "give it the tag perpetual:name=ci"} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %s: the error lacks %q: %v", name, verb, part, err)
				}
			}
			if err != nil && strings.Contains(err.Error(), "\n") || len(c.operator.asked) > 0 {
				t.Errorf("%s: %s asks %q: %v", name, verb, c.operator.asked, err)
			}
		}
		if made := c.written(); len(made) > 0 || len(c.env) != 1 {
			t.Errorf("%s: it made %v", name, made)
		}
	}
}

// What may be ours and does not say so is shown and asked for, once.
func TestPossessions_thatMayBeOursAreAskedFor(t *testing.T) {
	for name, of := range doubtful {
		c := installed(t)
		of.found.ID = "x-1"
		c.names(t, ledger.Thing{Kind: of.kind, CID: "x-1"})
		c.possessions = []account.Possession{of.found}
		line := inAWS[of.kind] + " x-1 " + of.says

		i, _ := c.install(t, given())
		_, err := i.Deploy(t.Context(), bootstrap.Options{})
		for _, part := range []string{line, "nothing was changed", "--accept-stored", "perpetual:name=ci"} {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: the error lacks %q: %v", name, part, err)
			}
		}
		if !slices.ContainsFunc(c.operator.asked, func(l string) bool { return strings.HasPrefix(l, line) }) || len(c.written()) > 0 {
			t.Errorf("%s: it asks %q", name, c.operator.asked)
		}
		for _, o := range []struct {
			yes     bool
			options bootstrap.Options
		}{{true, bootstrap.Options{}}, {false, bootstrap.Options{AcceptStored: true}}} {
			c.operator.yes, c.operator.seen.Things = o.yes, nil
			i, _ := c.install(t, given())
			_, _ = i.Deploy(t.Context(), o.options)
			if !slices.Contains(c.operator.seen.Things, "x-1") || len(c.operator.seen.Documents) == 0 {
				t.Errorf("%s: it notes %+v", name, c.operator.seen)
			}
			c.operator.yes, c.operator.asked = false, nil
			if c.deploy(t, given()); len(c.operator.asked) > 0 {
				t.Errorf("%s: it asks again: %q", name, c.operator.asked)
			}
		}
	}
}

// What create-env has made, what it was about to tag when it was killed, and what is gone
// are no question.
func TestPossessions_ofThisInstallationAreUsed(t *testing.T) {
	vm := account.Possession{ID: "i-1", Tags: owned()}
	for name, of := range map[string]struct {
		things []string
		found  []account.Possession
	}{
		"all tagged":                  {[]string{"i-1", "vol-1"}, []account.Possession{vm, {ID: "vol-1", Tags: owned(), Encrypted: true}}},
		"a VM that was just launched": {[]string{"i-1"}, []account.Possession{{ID: "i-1", Tags: owned("director", "", "deployment", "")}}},
		"a disk that was just made":   {[]string{"vol-1"}, []account.Possession{{ID: "vol-1", Encrypted: true}}},
		"a disk of the VM, untagged":  {[]string{"i-1", "vol-1"}, []account.Possession{vm, {ID: "vol-1", Instances: []string{"i-1"}}}},
		"all gone":                    {[]string{"i-9", "vol-9"}, nil},
	} {
		c, things := installed(t), []ledger.Thing{}
		for _, id := range of.things {
			kind := ledger.Disk
			if strings.HasPrefix(id, "i-") {
				kind = ledger.VM
			}
			things = append(things, ledger.Thing{Kind: kind, CID: id})
		}
		c.names(t, things...)
		c.possessions = of.found
		if c.deploy(t, given()); len(c.operator.asked) > 0 {
			t.Errorf("%s: it asks %q", name, c.operator.asked)
		}
		i, _ := c.install(t, given())
		if _, err := i.Plan(t.Context(), bootstrap.Options{}); err != nil && strings.Contains(err.Error(), "names") {
			t.Errorf("%s: plan: %v", name, err)
		}
	}
}

// What comes into the state after the look is looked at when create-env begins.
func TestPossessions_areLookedAtAgainWhenTheyAreUsed(t *testing.T) {
	c := installed(t)
	c.late = []ledger.Thing{{Kind: ledger.VM, CID: "i-7"}}
	c.possessions = []account.Possession{{ID: "i-7", Tags: map[string]string{"Name": "shop"}}}
	i, _ := c.install(t, given())
	_, err := i.Deploy(t.Context(), bootstrap.Options{Recreate: true})
	if err == nil || !strings.Contains(err.Error(), "instance i-7") || !strings.Contains(err.Error(), "nothing was done with it") {
		t.Errorf("the error is %v", err)
	}
	if made := c.written(); slices.Contains(made, "vm") {
		t.Errorf("it made %v", made)
	}
}

// What was not found before may be there when create-env begins: an image that somebody
// has made public meanwhile.
func TestPossessions_thatWereNotFoundAreLookedAtAgain(t *testing.T) {
	c := installed(t)
	c.late = []ledger.Thing{{Kind: ledger.Stemcell, CID: "ami-7"}}
	c.names(t, c.late...)
	c.appear = []account.Possession{{ID: "ami-7", Owner: "999999999999"}}
	i, _ := c.install(t, given())
	_, err := i.Deploy(t.Context(), bootstrap.Options{Recreate: true})
	if err == nil || !strings.Contains(err.Error(), "image ami-7") || !strings.Contains(err.Error(), "is of account 999999999999") {
		t.Errorf("the error is %v", err)
	}
	if made := c.written(); slices.Contains(made, "vm") {
		t.Errorf("it made %v", made)
	}
}

// create-env hears which of the things that it has read are not there; what was found
// before is.
func TestPossessions_thatAreGoneAreNamed(t *testing.T) {
	c := installed(t)
	known := []ledger.Thing{{Kind: ledger.VM, CID: "i-1"}, {Kind: ledger.Stemcell, CID: "ami-8"}}
	c.names(t, known...)
	c.late = append(slices.Clone(known), ledger.Thing{Kind: ledger.Disk, CID: "vol-1"}, ledger.Thing{Kind: ledger.Disk, CID: "vol-9"})
	c.possessions = []account.Possession{{ID: "i-1", Tags: owned()}, {ID: "vol-1", Tags: owned(), Encrypted: true}}
	c.deploy(t, given())
	if want := []ledger.Thing{{Kind: ledger.Stemcell, CID: "ami-8"}, {Kind: ledger.Disk, CID: "vol-9"}}; !slices.Equal(c.missing, want) {
		t.Errorf("gone are %v, want %v", c.missing, want)
	}
}
