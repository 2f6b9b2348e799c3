package installer_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// A run that is killed while its stack is made leaves CloudFormation at work: the next
// one waits for that, says so, and goes on.
func TestDeploy_waitsForAStackThatADeadRunHasBegun(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.Stacks.Hold("VPC")
	if q, by := p.attack(t, "stack-started", "deploy"); by == 0 {
		t.Fatalf("it was not killed: code %d\n%s", q.code, q.stderr)
	}
	p.AWS.DeleteObject(bucket, "run/leases/installation")
	path, err := crashBinary()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &listener{text: "waiting for that to end", heard: func() { p.Stacks.Release("VPC") }}
	cmd := exec.CommandContext(t.Context(), path, "deploy")
	cmd.Dir, cmd.Stderr, cmd.Env = p.dir, stderr, p.env("AWS_EC2_METADATA_DISABLED=true")
	if err := cmd.Run(); err != nil || stderr.heard != nil {
		t.Fatalf("it ends with %v\n%s", err, &stderr.said)
	}
	if e := p.everything(); e.VMs != 1 || e.Stack != "perpetual-ci UPDATE_COMPLETE" {
		t.Errorf("afterwards there is %+v", e)
	}
}

// listener collects what a process prints, and does something once it has said a text.
type listener struct {
	said  bytes.Buffer
	text  string
	heard func() // nil afterwards
}

// Write implements io.Writer.
func (l *listener) Write(p []byte) (int, error) {
	n, err := l.said.Write(p)
	if l.heard != nil && strings.Contains(l.said.String(), l.text) {
		l.heard()
		l.heard = nil
	}
	return n, err
}

// What a file no longer says stays as it was: the key of the state, and the tags of
// everything.
func TestDeploy_keepsKeyAndTagsThatAreNoLongerSaid(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"
	p := newPlace(t, site.Options{}, nil)
	set := []string{"PERPETUAL_STATE_KMS_KEY=" + key}
	text, err := p.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.dir, map[string]string{"perpetual.yml": strings.Replace(string(text), "aws:\n", "aws:\n    tags: {team: build}\n", 1)})
	if q := run(t, p.dir, p.env(set...), "deploy"); q.code != 0 {
		t.Fatal(q.stderr)
	}
	write(t, p.dir, map[string]string{"perpetual.yml": string(text)})
	p.finds(t, nothingToDo)
	if b, _ := p.AWS.Bucket(bucket); !strings.Contains(b.Encryption, key) {
		t.Errorf("the bucket's encryption is %s", b.Encryption)
	}
	for name, stack := range p.Stacks.State().Stacks {
		if stack.Parameters["StateKey"] != key {
			t.Errorf("stack %s has parameters %v", name, stack.Parameters)
		}
	}

	if q := run(t, p.dir, p.env("PERPETUAL_STATE_KMS_KEY=null"), "deploy"); q.code != 0 {
		t.Fatal(q.stderr)
	}
	if b, _ := p.AWS.Bucket(bucket); strings.Contains(b.Encryption, key) {
		t.Errorf("null leaves the encryption %s", b.Encryption)
	}
	for name, stack := range p.Stacks.State().Stacks {
		if stack.Parameters["StateKey"] != "" {
			t.Errorf("null leaves stack %s the parameters %v", name, stack.Parameters)
		}
	}

	all := p.AWS.Parameters()
	for name := range all {
		p.AWS.DeleteParameter(name)
	}
	p.good(t, "deploy")
	for name, parameter := range p.AWS.Parameters() {
		if diff := cmp.Diff(all[name].Tags, parameter.Tags); diff != "" || parameter.Tags["team"] != "build" {
			t.Errorf("the tags of %s (-before +after):\n%s", name, diff)
		}
	}
}

// What a creation that failed has left is shown by the plan before it is deleted.
func TestPlan_showsThatAFailedCreationIsClearedAway(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.Stacks.Fail(cloudformation.Failure{LogicalID: "NATAddress", On: "CREATE", Reason: "The maximum number of addresses has been reached"})
	if q := p.run(t, "deploy"); q.code != 1 || !strings.Contains(q.stderr, "maximum number of addresses") {
		t.Fatalf("code %d\n%s", q.code, q.stderr)
	}
	q := p.run(t, "plan")
	if q.code != installer.ExitChanges || !strings.Contains(q.stdout, "! before anything else: delete what is left of a failed creation") {
		t.Errorf("code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	p.good(t, "deploy")
	if e := p.everything(); e.Stack != "perpetual-ci UPDATE_COMPLETE" {
		t.Errorf("afterwards there is %+v", e)
	}
}
