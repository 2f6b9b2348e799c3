package preflight_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

var errBroken = errors.New("the connection broke")

// described is a stack of which only the status is known.
type described struct {
	infrastructure.Stack
	status stack.Status
	err    error
}

// Describe implements infrastructure.Stack.
func (d described) Describe(context.Context) (stack.Status, error) { return d.status, d.err }

// live is the stack of an installation whose state is in a bucket.
func live(bucket string) described {
	return described{status: stack.Status{
		Stack:  cloudformation.Stack{State: "CREATE_COMPLETE", Parameters: map[string]string{"StateBucket": bucket}},
		Exists: true, Ours: true,
		Outputs: layout.Outputs{WebAddress: "198.51.100.1", DirectorAddress: "198.51.100.2"},
	}}
}

// check compares a state in the bucket "mine" with the stacks of an account, by region.
func check(s preflight.State, stacks map[string]described) (preflight.Stack, *[]string) {
	var warned []string
	s.Name, s.Where, s.DirectorState = "ci", "the bucket mine", directorState
	return preflight.Stack{
		State: s, Account: "123456789012", Region: "eu-central-1", Bucket: "mine",
		Site: infrastructure.Site{Name: "ci", Open: func(region string, _ stack.Options) (infrastructure.Stack, error) {
			if region == "" {
				region = "eu-central-1"
			}
			return stacks[region], nil
		}},
		Regions: func(context.Context) ([]string, error) {
			return []string{"eu-central-1", "eu-west-1", "us-east-1"}, nil
		},
		Warn: func(line string) { warned = append(warned, line) },
	}, &warned
}

// knows is what a record knows that was written at the end of an install.
func knows(web, director string) record.Record {
	return record.Record{
		Choice:   record.Choice{Infrastructure: &manifest.Infrastructure{WebAddress: web, DirectorAddress: director}},
		Findings: record.Findings{Stack: true, Deployment: true},
	}
}

func TestStackCheck_refusesAStateThatKnowsLess(t *testing.T) {
	same, has := knows("198.51.100.1", "198.51.100.2"), store{directorState}
	for name, of := range map[string]struct {
		state preflight.State
		stack described
		says  []string
	}{
		"nothing is there":                {preflight.State{Documents: documents{}}, described{}, []string{""}},
		"nothing is left":                 {preflight.State{Documents: whole, Record: same}, described{}, []string{""}},
		"it cannot be looked at":          {preflight.State{Documents: whole}, described{err: errBroken}, []string{errBroken.Error()}},
		"both are whole":                  {preflight.State{Documents: whole, Record: same, Store: has, Generated: true}, live("mine"), []string{""}},
		"the state is empty":              {preflight.State{Documents: documents{}}, live("mine"), []string{"the bucket mine knows nothing of it", "nothing was changed", "list-object-versions --bucket mine"}},
		"the state is in another bucket":  {preflight.State{Documents: documents{}}, live("other"), []string{"run again with --state-bucket other"}},
		"the state was in a directory":    {preflight.State{Documents: documents{}}, live(""), []string{"name that with --state-dir"}},
		"the record knows no stack":       {preflight.State{Documents: whole}, live("mine"), []string{"knows nothing of it"}},
		"the web has another address":     {preflight.State{Documents: whole, Record: knows("203.0.113.1", "198.51.100.2"), Store: has}, live("mine"), []string{""}},
		"both have other addresses":       {preflight.State{Documents: whole, Record: knows("203.0.113.1", "203.0.113.2")}, live("mine"), []string{"another installation called ci", "203.0.113.1", "198.51.100.1"}},
		"the credentials are lost":        {preflight.State{Documents: documents{known: true}, Record: same, Store: has, Generated: true}, live("mine"), []string{"has no credentials.json, though ci is installed", "nothing was changed"}},
		"no credentials were generated":   {preflight.State{Documents: documents{known: true}, Record: same, Store: has}, live("mine"), []string{""}},
		"create-env's state is lost":      {preflight.State{Documents: documents{known: true, missing: []string{"run/record.json"}}, Record: same, Store: store{}}, live("mine"), []string{"run/record.json and no " + directorState}},
		"an older release has it":         {preflight.State{Documents: documents{known: true, old: true}, Record: same, Store: store{}}, live("mine"), []string{""}},
		"only the stack was ever created": {preflight.State{Documents: whole, Record: record.Record{Findings: record.Findings{Stack: true}}, Store: store{}}, live("mine"), []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := check(of.state, map[string]described{"eu-central-1": of.stack})
			says(t, c.Check(t.Context()), of.says...)
		})
	}
}

func TestStackCheckRegions_refusesASecondInstallation(t *testing.T) {
	c, _ := check(preflight.State{}, map[string]described{"us-east-1": live("mine")})
	says(t, c.CheckRegions(t.Context()), "ci is installed in region us-east-1 of account 123456789012", "not in eu-central-1; nothing was changed: run again with --aws-region us-east-1")
	// One that cannot be looked into is said.
	c, warned := check(preflight.State{}, map[string]described{"us-east-1": {err: errBroken}})
	if says(t, c.CheckRegions(t.Context()), ""); len(*warned) != 1 || !strings.Contains((*warned)[0], "not known for us-east-1: the connection broke") {
		t.Errorf("it has warned of %q", *warned)
	}
}

func TestStackCheckRemains_deletesNothingThatIsInUse(t *testing.T) {
	undone := described{status: stack.Status{Exists: true, Ours: true, Stack: cloudformation.Stack{State: "ROLLBACK_COMPLETE"}}}
	for name, of := range map[string]struct {
		stacks map[string]described
		says   string
	}{
		"a stack that was undone": {map[string]described{"eu-central-1": undone}, ""},
		"a stack in use":          {map[string]described{"eu-central-1": live("mine")}, "the bucket mine knows nothing of it"},
		"one in another region":   {map[string]described{"eu-west-1": live("mine")}, "ci is installed in region eu-west-1"},
		"nothing":                 {nil, "neither the bucket mine nor a stack; nothing was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := check(preflight.State{Documents: documents{}}, of.stacks)
			says(t, c.CheckRemains(t.Context()), of.says)
		})
	}
}

func TestStackExplain_namesTheStateThatWouldHaveOpened(t *testing.T) {
	for name, of := range map[string]struct {
		stacks map[string]described
		says   string
		more   bool
	}{
		"another bucket":          {map[string]described{"eu-central-1": live("other")}, "--state-bucket other", true},
		"this bucket":             {map[string]described{"eu-central-1": live("mine")}, "access denied", false},
		"another region":          {map[string]described{"eu-west-1": live("mine")}, "run again with --aws-region eu-west-1", true},
		"a stack that is unknown": {map[string]described{"eu-central-1": {err: errBroken}}, "access denied", false},
		"nowhere":                 {nil, "access denied", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := check(preflight.State{Documents: documents{}}, of.stacks)
			err := c.Explain(t.Context(), errors.New("access denied"))
			if says(t, err, of.says); (err.Error() != "access denied") != of.more {
				t.Errorf("it explains: %v", err)
			}
		})
	}
}
