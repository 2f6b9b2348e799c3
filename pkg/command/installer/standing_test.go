package installer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// A state that is empty, another one or not whole is refused by every verb that would
// act on it, with the way to the right one, and nothing is written anywhere.
func TestState_thatKnowsLessThanTheWorldNeverTakesOver(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	empty, other := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "other")
	// An attempt that fails before its stack is begun leaves a record, and credentials.
	if q := p.run(t, "deploy", "--state-dir", other, "--versions-concourse=1.x"); q.code != 1 {
		t.Fatalf("an attempt: %s%s", q.stdout, q.stderr)
	}
	p.good(t, "deploy")
	before := p.everything()
	restore := "--state-bucket " + bucket
	for name, test := range map[string]struct {
		args []string
		lose string // a document of the bucket
		says []string
	}{
		"an empty directory":     {args: []string{"--state-dir", empty}, says: []string{restore}},
		"an early attempt":       {args: []string{"--state-dir", other, "--accept-stored"}, says: []string{restore}},
		"another bucket":         {args: []string{"--state-bucket", "another-bucket"}, says: []string{restore}},
		"another region":         {args: []string{"--aws-region", "eu-west-1"}, says: []string{"is installed in region eu-central-1", "--aws-region eu-central-1"}},
		"no record":              {lose: document.Names()[3], says: []string{"no run/record.json", "list-object-versions --bucket " + bucket}},
		"no credentials":         {lose: document.Names()[1], says: []string{"no operator/credentials.json", "list-object-versions"}},
		"no configuration":       {lose: document.Names()[0], says: []string{"has no operator/configuration.json, which this operator has seen"}},
		"no state of create-env": {lose: ledger.StateDocument, says: []string{"no run/environment/state.json", "list-object-versions"}},
	} {
		for _, verb := range [][]string{{"deploy"}, {"plan"}, {"destroy", "--yes-destroy", site.Name}} {
			was := p.AWS.Object(bucket, test.lose)
			if test.lose != "" {
				p.AWS.DeleteObject(bucket, test.lose)
			}
			q := p.run(t, append(verb, test.args...)...)
			if test.lose != "" {
				p.AWS.PutObject(bucket, test.lose, was)
			}
			if q.code != 1 || q.stdout != "" {
				t.Errorf("%s: %s: code %d, stdout %s", name, verb[0], q.code, q.stdout)
			}
			for _, part := range append(test.says, "nothing was changed") {
				if !strings.Contains(q.stderr, part) {
					t.Errorf("%s: %s: stderr lacks %q:\n%s", name, verb[0], part, q.stderr)
				}
			}
		}
	}
	if diff := cmp.Diff(before, p.everything()); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("the directory was made")
	}
	if _, there := p.AWS.Bucket("another-bucket"); there {
		t.Error("the bucket was made")
	}
	p.finds(t, nothingToDo)
}

// Who may not look into other regions installs all the same, and is told so.
func TestPlan_saysWhichRegionsItCannotSee(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	if q := p.run(t, "plan"); q.code != 2 || strings.Contains(q.stderr, "another region") {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
	p.AWS.ChangeKey(aws.AccessKey, func(k *aws.Key) { k.Closed = []string{"eu-west-3", "us-west-2"} })
	q := p.run(t, "plan")
	if q.code != 2 || !strings.Contains(q.stderr, "another region is not known for eu-west-3, us-west-2") || !strings.Contains(q.stderr, "DescribeStacks") {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
	p.AWS.ChangeKey(aws.AccessKey, func(k *aws.Key) { k.Deny = []string{"ec2:DescribeRegions"} })
	if q := p.run(t, "plan"); q.code != 2 || !strings.Contains(q.stderr, "not known for all others") {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
}

// What never existed is not destroyed: the name may be misspelt, or the region.
func TestDestroy_ofNothingIsAnError(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	if q := p.run(t, "destroy", "--yes-destroy", site.Name); q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, "there is no installation ci in account 123456789012, region eu-central-1") {
		t.Errorf("code %d, stdout %s, stderr %s", q.code, q.stdout, q.stderr)
	}
	if n := p.AWS.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
	// A plan that was killed leaves the beginning of a stack, which goes.
	state := filepath.Join(t.TempDir(), "state")
	if q, by := p.attack(t, "stack-planned", "deploy", "--state-dir", state); by == 0 {
		t.Fatalf("it was not killed: code %d\n%s", q.code, q.stderr)
	}
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if q := p.run(t, "destroy", "--yes-destroy", site.Name); q.code != 0 || len(p.Stacks.State().Stacks) != 0 {
		t.Errorf("code %d, %s, left %v", q.code, q.stderr, p.Stacks.State().Stacks)
	}
}
