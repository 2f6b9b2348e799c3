package bootstrap_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

func TestPlan_ofNothingMakesNothing(t *testing.T) {
	c := newCloud()
	i, _ := c.install(t, given())
	plan, err := i.Plan(t.Context(), bootstrap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Changes() || len(plan.Steps) < 7 {
		t.Errorf("the plan is %+v", plan)
	}
	if list := c.written(); len(list) != 0 {
		t.Errorf("planning made %v", list)
	}
}

func TestDestroy_worksOnWhatWasNeverFinished(t *testing.T) {
	for _, broken := range []string{"stack", "vm", ""} {
		c := newCloud()
		if broken != "" {
			c.fail[broken] = errBroken
		}
		c.deploy(t, given())
		c.fail = map[string]error{}
		i, shown := c.install(t, given())
		if broken == "" {
			// The director was made, and may have made VMs: it must answer.
			if _, err := i.Destroy(t.Context(), bootstrap.Options{}); !errors.Is(err, errNoDirector) || c.stack == nil || !c.vm {
				t.Errorf("with a director that does not answer: %v", err)
			}
			continue
		}
		left, err := i.Destroy(t.Context(), bootstrap.Options{})
		if err != nil {
			t.Errorf("%s: %v\n%v", broken, err, shown.lines)
		}
		if c.stack != nil || c.vm || len(c.stores) != 0 {
			t.Errorf("%s: left over: stack %v, VM %v, stores %v", broken, c.stack, c.vm, c.stores)
		}
		if broken == "vm" && len(left) != 1 {
			t.Errorf("what is kept on purpose is %v", left)
		}
	}
}

func TestDestroy_goesOnOnceTheDirectorIsGone(t *testing.T) {
	c := newCloud()
	c.fail["vm"] = errBroken
	c.deploy(t, given()) // create-env was asked, and may have made a VM
	c.fail = map[string]error{"stack deleted": errBroken}
	i, _ := c.install(t, given())
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); !errors.Is(err, errBroken) {
		t.Fatalf("the first destroy ends with %v", err)
	}
	if list := c.written(); !slices.Contains(list, "vm deleted") {
		t.Errorf("it did %v, without create-env's own deletion", list)
	}
	c.fail = nil
	i, shown := c.install(t, given())
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); err != nil || c.stack != nil || len(c.stores) != 0 {
		t.Errorf("the second destroy ends with %v\n%v", err, shown.lines)
	}
}

func TestInfo_worksFromTheStateAlone(t *testing.T) {
	c := installed(t)
	i, _ := c.install(t, given())
	info, err := i.Info(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if info.URL != "https://198.51.100.1" || info.Director != "https://198.51.100.2:25555" || info.Versions["concourse"] != "8.2.4" || info.Verified || len(info.Certificates) < 5 || info.Secrets != nil {
		t.Errorf("info is %+v", info)
	}
	for _, certificate := range info.Certificates {
		if want := 729; certificate.DaysLeft < want {
			t.Errorf("%s is good for %d days, want %d", certificate.Name, certificate.DaysLeft, want)
		}
	}
}
