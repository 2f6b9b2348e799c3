package stack_test

import (
	"slices"
	"strings"
	"testing"

	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// The tags of a key pair are made with it, and the stack's do not reach it: what says
// whose it is has to be in the template, and what may change must not.
func TestTemplate_tagsTheKeyPairItself(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	made := w.there(t).Resources["KeyPair"]
	if made.Tags["perpetual:name"] != "ci" || made.Tags["Name"] != name || len(made.Tags) != 2 {
		t.Errorf("its tags are %v", made.Tags)
	}

	w.options.Tags = map[string]string{"team": "another", "cost": "42"}
	w.stack = w.open(t)
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil || len(c.Resources) < 10 {
		t.Fatalf("%d changes, %v", len(c.Resources), err)
	}
	if slices.ContainsFunc(c.Resources, func(r cfn.ResourceChange) bool { return r.LogicalID == "KeyPair" }) {
		t.Errorf("other tags change the key pair: %+v", c.Resources)
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	now := w.there(t).Resources
	if now["KeyPair"].Attributes["KeyPairId"] != made.Attributes["KeyPairId"] || now["VPC"].Tags["team"] != "another" {
		t.Errorf("the key pair is %+v, the VPC's tags are %v", now["KeyPair"], now["VPC"].Tags)
	}
}

// A key pair that is there already ends a creation, as with CloudFormation.
func TestExecute_endsAtAForeignKeyPair(t *testing.T) {
	w := newWorldOf(t, cloudformation.Options{Taken: func(l cloudformation.Live) bool {
		return l.Type == "AWS::EC2::KeyPair" && l.PhysicalID == name
	}})
	_, err := w.deploy(t, parameters())
	says(t, err, "The key pair already exists", "KeyPair (AWS::EC2::KeyPair)", "emove what is there under that name")
	if state := w.state(); !strings.HasPrefix(state, "ROLLBACK") {
		t.Errorf("the stack is %s", state)
	}
}
