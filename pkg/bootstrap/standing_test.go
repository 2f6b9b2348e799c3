package bootstrap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// A state of another installation of the same name is known by the addresses: both of
// them are others. One that differs may have been changed.
func TestState_ofAnotherInstallationOfThisNameNeverTakesOver(t *testing.T) {
	at := func(web, director string) func(*stack.Status) {
		return func(s *stack.Status) {
			s.Outputs.WebAddress, s.Outputs.DirectorAddress, s.Parameters["StateBucket"] = web, director, "its-bucket"
		}
	}
	for name, of := range map[string]struct {
		stands  func(*stack.Status)
		refused bool
	}{
		"both addresses are others":    {at("203.0.113.1", "203.0.113.2"), true},
		"the web has another":          {at("203.0.113.1", "198.51.100.2"), false},
		"the director has another":     {at("198.51.100.1", "203.0.113.2"), false},
		"the stack has none yet":       {at("", ""), false},
		"the addresses as it knows it": {at("198.51.100.1", "198.51.100.2"), false},
	} {
		t.Run(name, func(t *testing.T) {
			c := installed(t)
			c.stands = of.stands
			before := c.document(t, "run/record.json")
			i, _ := c.install(t, given())
			_, planned := i.Plan(t.Context(), bootstrap.Options{})
			_, deployed := i.Deploy(t.Context(), bootstrap.Options{})
			made := c.written()
			if !of.refused {
				if !errors.Is(planned, errNoDirector) || !errors.Is(deployed, errNoDirector) { // it is asked
					t.Errorf("plan ends with %v, deploy with %v", planned, deployed)
				}
				return
			}
			_, destroyed := i.Destroy(t.Context(), bootstrap.Options{})
			for verb, err := range map[string]error{"plan": planned, "deploy": deployed, "destroy": destroyed} {
				for _, part := range []string{"another installation called ci", "198.51.100.1", "203.0.113.1", "nothing was changed", "--state-bucket its-bucket"} {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("%s: the error lacks %q: %v", verb, part, err)
					}
				}
			}
			if made = append(made, c.written()...); len(made) > 0 || c.document(t, "run/record.json") != before {
				t.Errorf("it made %v, and the record is\n%s", made, c.document(t, "run/record.json"))
			}
		})
	}
}

// The region is known from the record, also where the configuration that has it is lost
// and the region that is given has no stack.
func TestState_keepsItsRegionWithoutItsConfiguration(t *testing.T) {
	c := installed(t)
	c.amend(t, "operator/configuration.json", func(fields map[string]any) { delete(fields, "configuration") })
	c.stands = func(s *stack.Status) { *s = stack.Status{} }
	before := c.document(t, "run/record.json")
	moved := given()
	moved.AWS.Region = "eu-west-1"
	i, _ := c.install(t, moved)
	_, planned := i.Plan(t.Context(), bootstrap.Options{})
	_, deployed := i.Deploy(t.Context(), bootstrap.Options{})
	_, destroyed := i.Destroy(t.Context(), bootstrap.Options{})
	for verb, err := range map[string]error{"plan": planned, "deploy": deployed, "destroy": destroyed} {
		for _, part := range []string{"in region eu-central-1, not in eu-west-1", "nothing was changed", "--aws-region eu-central-1"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error lacks %q: %v", verb, part, err)
			}
		}
	}
	if made := c.written(); len(made) > 0 || c.document(t, "run/record.json") != before {
		t.Errorf("it made %v, and the record is\n%s", made, c.document(t, "run/record.json"))
	}
}

// A director is made only where none answers: create-env's documents may be lost.
func TestDeploy_makesNoDirectorWhereOneAnswers(t *testing.T) {
	c := newCloud()
	c.fail["vm"] = errBroken
	if at := c.deploy(t, given()); at.Step != "director" {
		t.Fatalf("the first install ends with %v", at)
	}
	delete(c.fail, "vm")
	c.written()
	c.vm, c.env = true, nil // it has the address of the stack's director
	at := c.deploy(t, given())
	for _, part := range []string{"a director answers at https://198.51.100.2:25555", "no run/environment/state.json", "it was not touched", "restore that document"} {
		if at.Step != "director" || !strings.Contains(at.Error(), part) {
			t.Errorf("it ends at %s, and the error lacks %q: %v", at.Step, part, at)
		}
	}
	if made := c.written(); len(made) > 0 || len(c.env) > 0 {
		t.Errorf("it made %v, and create-env was called %d times", made, len(c.env))
	}
	// Where nobody answers, the install goes on.
	c.vm = false
	if at := c.deploy(t, given()); at.Step != "deploy" || len(c.env) != 1 {
		t.Errorf("it ends with %v after %d calls of create-env", at, len(c.env))
	}
}
