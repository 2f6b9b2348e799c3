package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// aged is an installation with its pipeline whose keys are as old as that.
func aged(t *testing.T, age time.Duration) *piped {
	t.Helper()
	i := newPiped(t, given)
	now := time.Now()
	i.now = func() time.Time { return now }
	if _, _, err := i.run(t, bootstrap.Options{}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(age)
	i.written()
	i.ci.forget()
	return i
}

func TestKeys_areReplacedAfterThirtyDays(t *testing.T) {
	for _, self := range []bool{false, true} {
		i := aged(t, 30*24*time.Hour-time.Second)
		if _, _, err := i.run(t, bootstrap.Options{Self: self}); err != nil || len(i.written()) > 0 || i.ci.puts() > 0 {
			t.Errorf("a second before it (%v), self: %v", err, self)
		}
		i = aged(t, 30*24*time.Hour)
		before := i.parameters["/perpetual-own/ci/aws_key"] + i.parameters["/perpetual-own/ci/reader_key"]
		i.unknown = 3 // AWS takes a while to know it
		if _, _, err := i.run(t, bootstrap.Options{Self: self}); err != nil {
			t.Fatal(err)
		}
		i.good(t, true)
		if after := i.parameters["/perpetual-own/ci/aws_key"] + i.parameters["/perpetual-own/ci/reader_key"]; strings.Contains(before, after[:10]) || after == before {
			t.Errorf("the keys are as before, self: %v", self)
		}
		made := i.written()
		for _, id := range []string{"AKIA3", "AKIA4"} { // the first two are those before
			tried := slices.Index(made, "tried "+id)
			stored := slices.IndexFunc(made[tried:], func(e string) bool { return strings.HasPrefix(e, "parameter ") })
			if tried < 0 || stored < 0 {
				t.Errorf("%s was not tried before it was stored: %v", id, made)
			}
		}
		if deleted := slices.Index(made, "deleted AKIA1"); deleted < slices.Index(made, "tried AKIA3") {
			t.Errorf("the older key was deleted before the new one was there: %v", made)
		}
	}
}

// TestKeys_ofARunStayUntilTheNext: a pipeline that renews its key works on with the older.
func TestKeys_ofARunStayUntilTheNext(t *testing.T) {
	i := aged(t, 31*24*time.Hour)
	i.mine = i.keyIDs("pipeline")[0]
	if _, _, err := i.run(t, bootstrap.Options{Self: true}); err != nil {
		t.Fatal(err)
	}
	if ids := i.keyIDs("pipeline"); len(ids) != 2 || !slices.Contains(ids, i.mine) || len(i.keyIDs("reader")) != 1 {
		t.Errorf("after the run there are %v and %v", ids, i.keyIDs("reader"))
	}
	i.mine = "AKIA3"
	if !strings.HasPrefix(i.parameters["/perpetual-own/ci/aws_key"], i.mine+"\n") {
		t.Fatalf("the next run would have %s", i.parameters["/perpetual-own/ci/aws_key"])
	}
	if _, _, err := i.run(t, bootstrap.Options{Self: true}); err != nil {
		t.Fatal(err)
	}
	i.good(t, true)
}

// TestKeys_areOneGoodPairWhereverARunIsKilled fails at every effect of a renewal, and runs
// again: in between the parameter holds a key that works.
func TestKeys_areOneGoodPairWhereverARunIsKilled(t *testing.T) {
	for _, self := range []bool{false, true} {
		count := aged(t, 31*24*time.Hour)
		if _, _, err := count.run(t, bootstrap.Options{Self: self}); err != nil {
			t.Fatal(err)
		}
		effects, writes := count.written(), count.ci.puts()
		if len(effects) < 8 || writes != 1 {
			t.Fatalf("a renewal has the effects %v, and writes %d times at Concourse", effects, writes)
		}
		for n := range len(effects) + 1 {
			i := aged(t, 31*24*time.Hour)
			if n < len(effects) {
				i.fail[effects[n]] = errBroken
			} else {
				i.ci.cutAt(1, true)
			}
			if _, _, err := i.run(t, bootstrap.Options{Self: self}); n < len(effects) && !errors.Is(err, errBroken) {
				t.Errorf("%s fails, and it ends with %v", effects[n], err)
			}
			for user, parameter := range map[string]string{"pipeline": "aws_key", "reader": "reader_key"} {
				id, _, _ := strings.Cut(i.parameters["/perpetual-own/ci/"+parameter], "\n")
				if !slices.Contains(i.keyIDs(user), id) {
					t.Errorf("after it failed at %d the parameter of %s has %s, and IAM %v", n, user, id, i.keyIDs(user))
				}
			}
			clear(i.fail)
			i.ci.cutAt(0, false)
			if _, _, err := i.run(t, bootstrap.Options{Self: self}); err != nil {
				t.Fatal(err)
			}
			i.good(t, true)
		}
	}
}

// TestKeys_thatAWSDoesNotKnowAreNotStored and the older ones go on working.
func TestKeys_thatAWSDoesNotKnowAreNotStored(t *testing.T) {
	i := aged(t, 31*24*time.Hour)
	before := i.parameters["/perpetual-own/ci/aws_key"]
	i.unknown = 1000
	if _, _, err := i.run(t, bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "AWS does not know access key") {
		t.Errorf("it ends with %v", err)
	}
	if i.parameters["/perpetual-own/ci/aws_key"] != before {
		t.Error("it was stored")
	}
	i.unknown = 0
	if _, _, err := i.run(t, bootstrap.Options{}); err != nil {
		t.Fatal(err)
	}
	i.good(t, true)
}

// TestDeploy_refusesAQuietUpgradeThatThePipelineMayNotDo, before anything is changed.
func TestDeploy_refusesAQuietUpgradeThatThePipelineMayNotDo(t *testing.T) {
	quiet := false
	i := newPiped(t, func() *config.Config {
		c := given()
		c.Pipeline.QuietUpgrades = &quiet
		return c
	})
	i.ci = newCI(t, map[string]string{"admin": sandbox.Owner, "perpetual": sandbox.Member})
	newer := slices.Clone(set)
	for n := range newer {
		if newer[n].Name == "concourse" {
			newer[n].Version = "8.3.0"
		}
	}
	made, _ := i.install(t, i.cfg())
	made.ATC = i.ci.open
	_, err := made.Deploy(t.Context(), bootstrap.Options{Self: true, Components: newer})
	if err == nil || !strings.Contains(err.Error(), "a quiet upgrade is needed") || !strings.Contains(err.Error(), "set pipeline.quiet_upgrades: true") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ends with %v", err)
	}
	if i.ci.puts() > 0 || len(i.written()) > 0 {
		t.Error("something was changed")
	}
}
