package stack_test

import (
	"context"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// guarded says whether the database there is protected against deletion.
func guarded(t *testing.T, w *world) bool {
	t.Helper()
	return w.there(t).Resources["Database"].Properties["DeletionProtection"] == "true"
}

// happened counts the events of a resource with that status.
func happened(t *testing.T, w *world, id, status string) int {
	t.Helper()
	n := 0
	for _, e := range w.there(t).Events {
		if e.LogicalID == id && e.Status == status {
			n++
		}
	}
	return n
}

// late makes something fail once the database is there.
func late() cloudformation.Failure {
	return cloudformation.Failure{LogicalID: "S3Endpoint", On: "CREATE", Reason: "something odd", Late: true}
}

func TestExecute_makesTheDatabaseAnewAfterWhatFailedBehindIt(t *testing.T) {
	w := newWorld(t)
	w.cloud.Fail(late())
	_, err := w.deploy(t, parameters())
	says(t, err, "perpetual-ci is ROLLBACK_COMPLETE", "S3Endpoint", "nothing of it is left")
	if made, gone := happened(t, w, "Database", "CREATE_COMPLETE"), happened(t, w, "Database", "DELETE_COMPLETE"); made != 1 || gone != 1 || len(w.there(t).Resources) != 0 {
		t.Fatalf("the database was made %d times and deleted %d times, and %d resources are left", made, gone, len(w.there(t).Resources))
	}
	w.made(t, parameters())
	if w.state() != "UPDATE_COMPLETE" || !guarded(t, w) {
		t.Errorf("the next run leaves the stack %s, its database protected: %v", w.state(), guarded(t, w))
	}
	if _, err := w.stack.Delete(t.Context(), true); err != nil || w.state() != "" {
		t.Errorf("it is destroyed with %v, and is %q", err, w.state())
	}
}

func TestDelete_ofAHalfMadeStackWithADatabase(t *testing.T) {
	for title, failures := range map[string][]cloudformation.Failure{
		"undone":      {late()},
		"not undone":  {late(), {LogicalID: "VPC", On: "DELETE", Reason: "The vpc has dependencies and cannot be deleted"}},
		"with its db": {late(), {LogicalID: "Database", On: "DELETE", Reason: "the database is being backed up"}},
	} {
		t.Run(title, func(t *testing.T) {
			w := newWorld(t)
			w.cloud.Fail(failures...)
			_, err := w.deploy(t, parameters())
			says(t, err, "S3Endpoint", "un again")
			if _, err := w.stack.Delete(t.Context(), false); err != nil || w.state() != "" {
				t.Errorf("it is destroyed with %v, and is %q", err, w.state())
			}
		})
	}
}

// A stack whose database is added by an update: when the update is undone, the
// database must go with it.
func TestExecute_addsADatabaseThatARollbackCanDelete(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.Database = false
	w.made(t, p)
	p = parameters()
	p.Domain, p.HostedZone = "ci.example.com", "Z0123456789ABC"
	w.cloud.Fail(cloudformation.Failure{LogicalID: "WebRecord", On: "CREATE", Reason: "something odd", Late: true})
	_, err := w.deploy(t, p)
	says(t, err, "UPDATE_ROLLBACK_COMPLETE", "WebRecord")
	if gone, stuck := happened(t, w, "Database", "DELETE_COMPLETE"), happened(t, w, "Database", "DELETE_FAILED"); gone != 1 || stuck != 0 {
		t.Errorf("the database was deleted %d times, and could not be %d times", gone, stuck)
	}
	w.made(t, p)
	if !guarded(t, w) {
		t.Error("the database that was added is not protected")
	}
}

// A run may end at any request: the next one leaves everything protected.
func TestExecute_protectsTheDatabaseWhereverARunEnds(t *testing.T) {
	unguarded := 0
	for n := 1; ; n++ {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		w.script.Choose(func(fault.Request) *fault.Fault {
			if asked++; asked != n {
				return nil
			}
			return &fault.Fault{Kind: fault.DropReply, After: cancel}
		})
		_, err := deploy(ctx, w.stack, parameters())
		cancel()
		w.script.Clear()
		if asked < n {
			if err != nil || unguarded == 0 {
				t.Errorf("without an end in %d requests: %v; %d runs ended before the database was protected", asked, err, unguarded)
			}
			return
		}
		if st, ok := w.cloud.State().Stacks[name]; ok && st.Status == "CREATE_COMPLETE" {
			unguarded++
			plan, err := w.stack.Plan(t.Context(), parameters())
			if err != nil || plan.Empty || len(plan.Resources) != 1 || strings.Join(plan.Resources[0].Details, " ") != "Properties.DeletionProtection" {
				t.Errorf("ended at request %d: the next plan is %+v (%v)", n, plan, err)
			}
			if _, err := w.stack.Execute(t.Context(), plan); err != nil {
				t.Errorf("ended at request %d: %v", n, err)
			}
		}
		w.made(t, parameters())
		if st := w.there(t); !st.Protected || !guarded(t, w) || begun(w, "CREATE_IN_PROGRESS") != 1 || st.Parameters["DatabaseProtection"] != "true" {
			t.Errorf("ended at request %d: the stack is %s, protected: %v, its database: %v", n, st.Status, st.Protected, guarded(t, w))
		}
	}
}

func TestExecute_saysThatTheDatabaseIsNotProtectedYet(t *testing.T) {
	w := newWorld(t)
	w.cloud.Fail(cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: "the database is being backed up"})
	_, err := w.deploy(t, parameters())
	says(t, err, "protect the new database against deletion", "UPDATE_ROLLBACK_COMPLETE", "being backed up", "un again")
	w.made(t, parameters())
	if !guarded(t, w) {
		t.Error("the next run does not protect it")
	}
}

func TestPlan_saysNothingOfADatabaseThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.made(t, little())
	if w.state() != "CREATE_COMPLETE" || w.there(t).Parameters["DatabaseProtection"] != "false" {
		t.Errorf("without a database the stack is %s with %v", w.state(), w.there(t).Parameters)
	}
	if c, err := w.stack.Plan(t.Context(), little()); err != nil || !c.Empty {
		t.Errorf("the second plan is %+v (%v)", c, err)
	}
}
