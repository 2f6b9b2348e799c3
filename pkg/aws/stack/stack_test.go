package stack_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestNew_saysWhichOptionIsWrong(t *testing.T) {
	good := newWorld(t).options
	for want, spoil := range map[string]func(*stack.Options){
		"not a valid stack name": func(o *stack.Options) { o.Name = "9 lives" },
		"no owner":               func(o *stack.Options) { o.Owner = "" },
		"no region":              func(o *stack.Options) { o.Connection = aws.Connection{} },
	} {
		o := good
		spoil(&o)
		_, err := stack.New(o)
		says(t, err, want)
	}
}

func TestStack_isMadeThenFoundUpToDateWithoutAWrite(t *testing.T) {
	w := newWorld(t)
	out := w.made(t, parameters())
	if out.Region != "eu-central-1" || len(out.Zones) != 2 || len(out.PrivateSubnets) != 2 || out.DatabasePort != 5432 ||
		!strings.HasPrefix(out.DatabaseInstance, "perpetual-ci-database-") || out.PrivateKeyParameter != "/ec2/keypair/"+out.KeyPairID {
		t.Errorf("the outputs are %+v", out)
	}
	st := w.there(t)
	if st.Status != "UPDATE_COMPLETE" || !st.Protected || st.Tags["perpetual:name"] != "ci" || st.Parameters["DatabasePassword"] != password {
		t.Errorf("the stack is %s, protected: %v, tagged %v", st.Status, st.Protected, st.Tags)
	}
	writes := w.cloud.State().Writes
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil || !c.Empty {
		t.Fatalf("the second plan is %+v (%v)", c, err)
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if now := w.cloud.State().Writes; now != writes {
		t.Errorf("the second run wrote %d times", now-writes)
	}
	if status, err := w.stack.Describe(t.Context()); err != nil || !cmp.Equal(status.Outputs, out) || status.Parameters["DatabasePassword"] != "****" {
		t.Errorf("it is described as %+v (%v)", status, err)
	}
}

func TestPlan_showsWhatChanges(t *testing.T) {
	w := newWorld(t)
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil || !c.Create || c.Empty || len(c.Resources) < 45 || c.Resources[0].Action != cfn.Add {
		t.Fatalf("the plan of a new stack is %+v (%v)", c, err)
	}
	if w.state() != "REVIEW_IN_PROGRESS" {
		t.Errorf("planning made the stack %s", w.state())
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p := parameters()
	p.DatabaseType, p.DatabaseStorage, p.WebCIDRs = "db.t4g.medium", 50, []string{"192.0.2.0/24"}
	p.DatabasePassword = secret.Value{} // keeps the one that is there
	p.Domain, p.HostedZone = "ci.example.com", "Z0123456789ABC"
	if c, err = w.stack.Plan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Resources {
		got = append(got, string(r.Action)+" "+r.LogicalID+" "+r.Replacement+" "+strings.Join(r.Details, " "))
	}
	want := []string{
		"Add WebRecord  ", "Modify UpgradePolicy False Properties.PolicyDocument", "Modify WebGroup False Properties.SecurityGroupIngress",
		"Modify Database False Properties.AllocatedStorage Properties.DBInstanceClass Properties.MaxAllocatedStorage",
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Error(diff)
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if st := w.there(t); st.Status != "UPDATE_COMPLETE" || st.Parameters["DatabasePassword"] != password || len(st.Resources["WebRecord"].PhysicalID) == 0 {
		t.Errorf("the stack is %s with %v", st.Status, st.Parameters)
	}
}

func TestPlan_readsChangesOfAllPages(t *testing.T) {
	w := newWorld(t)
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range c.Resources {
		seen[r.LogicalID]++
	}
	if calls := w.cloud.State().Calls["DescribeChangeSet"]; calls < 2 || len(seen) != len(c.Resources) {
		t.Errorf("%d changes of %d resources in %d pages", len(c.Resources), len(seen), calls)
	}
}

func TestPlan_noticesWhatCannotBeReadBack(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	p := parameters()
	p.DatabasePassword = secret.New("anotherPassword0123456789")
	c, err := w.stack.Plan(t.Context(), p)
	if err != nil || len(c.Resources) != 1 || c.Resources[0].LogicalID != "Database" {
		t.Fatalf("a new password plans %+v (%v)", c, err)
	}
	w.options.Tags = map[string]string{"team": "other"}
	if c, err = w.open(t).Plan(t.Context(), parameters()); err != nil || c.Empty || len(c.Resources) < 10 {
		t.Errorf("new tags plan %d changes (%v)", len(c.Resources), err)
	}
}

func TestPlan_takesCloudFormationsWordThatNothingChanges(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	w.made(t, p)
	p.DatabaseVersion = "17"       // as the template's default, so that only the service knows that it is the same
	p.Domain = "other.example.com" // without a zone there is no record
	c, err := w.stack.Plan(t.Context(), p)
	if err != nil || !c.Empty || c.ID != "" {
		t.Fatalf("the plan is %+v (%v)", c, err)
	}
	if n := w.there(t).ChangeSets; n != 1 { // that of the creation
		t.Errorf("%d change sets are left", n)
	}
}

func TestDiscard_leavesNothing(t *testing.T) {
	w := newWorld(t)
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.stack.Discard(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if st := w.cloud.State(); len(st.Stacks) != 0 {
		t.Errorf("it leaves %+v", st.Stacks)
	}
}

// A plan that is interrupted at any of its requests leaves no change set, and no stack
// that was never made.
func TestPlan_leavesNothingWhenItIsInterrupted(t *testing.T) {
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
		c, err := w.stack.Plan(ctx, parameters())
		if asked < n {
			cancel()
			if err != nil || c.ID == "" || n < 4 {
				t.Errorf("not interrupted in %d requests: %+v, %v", asked, c, err)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at request %d: %v", n, err)
		}
		if st := w.cloud.State(); len(st.Stacks) != 0 {
			t.Errorf("interrupted at request %d it leaves %+v", n, st.Stacks)
		}
	}
}

func TestPlan_clearsWhatKilledRunsLeft(t *testing.T) {
	now := time.Now()
	w := newWorldOf(t, cloudformation.Options{Now: func() time.Time { return now }})
	w.options.Now = func() time.Time { return now }
	s := w.open(t)
	w.made(t, parameters())
	p := parameters()
	p.DatabaseStorage = 30
	for i, want := range []int{2, 3, 2} {
		if i == 2 {
			now = now.Add(2 * time.Hour)
		}
		if _, err := s.Plan(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if n := w.there(t).ChangeSets; n != want { // and that of the creation
			t.Errorf("after plan %d there are %d change sets, want %d", i+1, n, want)
		}
	}
}

func TestPlan_reusesAStackThatWasNeverMade(t *testing.T) {
	w := newWorld(t)
	if _, err := w.stack.Plan(t.Context(), parameters()); err != nil { // and is killed
		t.Fatal(err)
	}
	status, err := w.stack.Describe(t.Context())
	if err != nil || !status.Ours || status.State != "REVIEW_IN_PROGRESS" {
		t.Errorf("it is described as %+v (%v)", status, err)
	}
	w.made(t, parameters())
	if w.state() != "UPDATE_COMPLETE" {
		t.Errorf("the stack is %s", w.state())
	}
}

func TestExecute_tellsEveryEventOnce(t *testing.T) {
	w := newWorldOf(t, cloudformation.Options{Step: time.Millisecond})
	w.made(t, parameters())
	st := w.there(t)
	if len(st.Events) < 90 { // more than a page of them
		t.Fatalf("there were only %d events", len(st.Events))
	}
	for _, e := range st.Events[1:] { // the first is of the plan
		if n := w.count(e.LogicalID+" ", e.Type, " "+e.Status+" "); n != 1 {
			t.Errorf("%s %s was told %d times", e.LogicalID, e.Status, n)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := w.events[len(w.events)-1]; last.Status != "UPDATE_COMPLETE" || last.LogicalID != name {
		t.Errorf("the last event was %+v", last)
	}
	for i, e := range w.events[1:] {
		if e.Time.Before(w.events[i].Time) {
			t.Errorf("%s came before %s", e.LogicalID, w.events[i].LogicalID)
		}
	}
}

func TestPlan_refusesStacksOfOthers(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.options.Owner = "other"
	s := w.open(t)
	before := w.cloud.State().Writes
	_, err := s.Plan(t.Context(), parameters())
	says(t, err, "perpetual-ci", "perpetual:name", `"ci"`, "not touched")
	_, deleting := s.Delete(t.Context(), true)
	_, reading := s.Outputs(t.Context())
	for _, err := range []error{err, deleting, reading} {
		is(t, err, stack.ErrForeign)
	}
	if w.cloud.State().Writes != before || w.state() != "UPDATE_COMPLETE" {
		t.Errorf("it was touched: %s", w.state())
	}
}

func TestExecute_protectsAStackThatAKilledRunLeftUnprotected(t *testing.T) {
	w := newWorld(t)
	w.cloud.Refuse(cloudformation.Refusal{Action: "UpdateTerminationProtection", Times: 3, Status: 500, Code: "InternalFailure"})
	_, err := w.deploy(t, little())
	says(t, err, "protect stack perpetual-ci", "InternalFailure")
	c, err := w.stack.Plan(t.Context(), little())
	if err != nil || c.Empty || !c.Protect || c.ID != "" {
		t.Fatalf("the plan is %+v (%v)", c, err)
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil || !w.there(t).Protected {
		t.Errorf("it is not protected (%v)", err)
	}
}

func TestChange_showsNoPassword(t *testing.T) {
	w := newWorld(t)
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, password) {
			t.Errorf("%s shows the password: %s", verb, text)
		}
	}
}
