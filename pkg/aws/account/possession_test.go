package account_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// Whose something is comes with tags, attachments and what it was made from; what is not
// there, in this region, or is no id, is left out.
func TestPossessions_areAsEC2KnowsThem(t *testing.T) {
	tags := map[string]string{"perpetual:name": "ci", "director": "bosh-init"}
	all := sandbox.Possessions{
		Instances: []sandbox.Possession{{ID: "i-1", Tags: tags}, {ID: "i-2", State: "terminated", Tags: tags}, {ID: "i-3", State: "shutting-down"}, {ID: "i-4", State: "stopped"}, {ID: "i-5"}},
		Volumes:   []sandbox.Possession{{ID: "vol-1", Tags: tags, Encrypted: true, Instances: []string{"i-1"}}, {ID: "vol-2", Snapshot: "snap-1"}, {ID: "vol-3"}},
		Images:    []sandbox.Possession{{ID: "ami-1", Tags: tags}, {ID: "ami-2", Owner: "999999999999"}, {ID: "ami-3"}},
	}
	w := newWorld(t, sandbox.Options{Possessions: func() sandbox.Possessions { return all }})
	a := w.open(t)
	none := map[string]string{}
	for name, of := range map[string]struct {
		look func(context.Context, []string) ([]account.Possession, error)
		ids  []string
		want []account.Possession
	}{
		"instances": {a.Instances, []string{"i-1", "i-2", "i-3", "i-4", "i-9", "vm 7"}, []account.Possession{{ID: "i-1", Tags: tags}, {ID: "i-4", Tags: none}}},
		"volumes":   {a.Volumes, []string{"vol-1", "vol-2", "vol-9"}, []account.Possession{{ID: "vol-1", Tags: tags, Encrypted: true, Instances: []string{"i-1"}}, {ID: "vol-2", Tags: none, Snapshot: "snap-1"}}},
		"images":    {a.Images, []string{"ami-1", "ami-2", "ami-9"}, []account.Possession{{ID: "ami-1", Tags: tags, Owner: sandbox.DefaultAccount}, {ID: "ami-2", Tags: none, Owner: "999999999999"}}},
	} {
		found, err := of.look(t.Context(), of.ids)
		if err != nil || !cmp.Equal(found, of.want) {
			t.Errorf("%s (%v): %s", name, err, cmp.Diff(of.want, found))
		}
	}
	w = newWorld(t, sandbox.Options{Region: "eu-west-1", Possessions: func() sandbox.Possessions { return all }})
	w.In(map[string]string{"AWS_REGION": "eu-central-1"})
	if found, err := w.open(t).Instances(t.Context(), []string{"i-1"}); err != nil || len(found) > 0 {
		t.Errorf("in another region there is %v (%v)", found, err)
	}
}
