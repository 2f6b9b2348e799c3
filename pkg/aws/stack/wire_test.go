package stack_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// begun counts how often an operation of a kind has begun on the stack, over all
// stacks of its name.
func begun(w *world, status string) int {
	n := 0
	for _, e := range w.cloud.State().Stacks[name].Events {
		if e.LogicalID == name && e.Status == status {
			n++
		}
	}
	return n
}

// TestRun_survivesEveryFaultAtEveryCall spoils calls of a creation, an update and a
// deletion once: each of them by losing its reply, and every fourth in other ways.
func TestRun_survivesEveryFaultAtEveryCall(t *testing.T) {
	faults := map[string]fault.Fault{
		"reply lost":      {Kind: fault.DropReply},
		"reset before":    {Kind: fault.ResetBefore},
		"reset after":     {Kind: fault.ResetAfter},
		"answer cut":      {Kind: fault.CutBody, Part: 8},
		"unavailable":     {Kind: fault.Status, Code: 503, Body: "try later"},
		"done, but a 504": {Kind: fault.HTML, Code: 504, Acted: true},
		"a login page":    {Kind: fault.HTML},
		"garbage":         {Kind: fault.Garbage},
	}
	for title, f := range faults {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			step, runs := 4, 0
			defer func() { t.Logf("%s: %d lives", title, runs) }()
			if f.Kind == fault.DropReply {
				step = 1
			}
			for at, calls := 0, 1; at < calls; at += step {
				w := newWorld(t)
				f := f
				f.Skip = at
				w.script.Add(f)
				runs++
				calls = life(t, w, fmt.Sprintf("call %d", at+1))
				w.script.Close()
			}
		})
	}
}

// life makes a stack, changes it, and deletes it, and gives the number of calls.
func life(t *testing.T, w *world, at string) int {
	t.Helper()
	if _, err := w.deploy(t, little()); err != nil {
		t.Fatalf("%s: create: %v", at, err)
	}
	changed := little()
	changed.WebCIDRs = []string{"192.0.2.0/24"}
	if _, err := w.deploy(t, changed); err != nil {
		t.Fatalf("%s: update: %v", at, err)
	}
	if creations, updates := begun(w, "CREATE_IN_PROGRESS"), begun(w, "UPDATE_IN_PROGRESS"); creations != 1 || updates != 1 {
		t.Errorf("%s: %d creations and %d updates began", at, creations, updates)
	}
	if _, err := w.stack.Delete(t.Context(), true); err != nil || w.state() != "" {
		t.Fatalf("%s: delete: %v, and the stack is %q", at, err, w.state())
	}
	return len(w.script.Seen())
}

func TestRun_saysWhatItWasRefused(t *testing.T) {
	always := func(action, code, message string) cloudformation.Refusal {
		return cloudformation.Refusal{Action: action, Code: code, Message: message, Times: -1}
	}
	for _, c := range []struct {
		title   string
		refusal cloudformation.Refusal
		kind    error
		says    []string
	}{
		{"expired", always("DescribeStacks", "ExpiredToken", "The security token included in the request is expired"), aws.ErrCredentials, []string{"look at stack perpetual-ci", "aws sso login"}},
		{"no such key", always("", "InvalidClientTokenId", "The security token included in the request is invalid."), aws.ErrCredentials, []string{"check the access key"}},
		{"bad signature", always("", "SignatureDoesNotMatch", "Signature expired"), aws.ErrCredentials, []string{"clock"}},
		{"denied", always("CreateChangeSet", "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: cloudformation:CreateChangeSet on resource: y"), aws.ErrDenied, []string{"plan stack perpetual-ci", "allow cloudformation:CreateChangeSet to the user or role; perpetual docs permissions names the policies"}},
		{"denied on purpose", always("CreateChangeSet", "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: iam:CreateRole on resource: y with an explicit deny in a permissions boundary"), aws.ErrDenied, []string{"plan stack perpetual-ci", "(a policy denies it, of the user, the organization or a permissions boundary: ask who administers the account)"}},
		{"quota of stacks", always("CreateChangeSet", "LimitExceededException", "Limit for stack has been exceeded"), aws.ErrQuota, []string{"remove stacks"}},
		{"throttled", always("DescribeStacks", "Throttling", "Rate exceeded"), nil, []string{"Throttling", "wait a minute and run the same command again"}},
		{"out of order", cloudformation.Refusal{Times: -1, Status: 500, Code: "InternalFailure", Message: "oops"}, nil, []string{"InternalFailure: oops"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t)
			w.cloud.Refuse(c.refusal)
			_, err := w.deploy(t, parameters())
			says(t, err, c.says...)
			if c.kind != nil {
				is(t, err, c.kind)
			}
			if n := len(w.cloud.State().Stacks); n != 0 {
				t.Errorf("%d stacks came of it", n)
			}
		})
	}
}

func TestRun_waitsWhenItIsThrottled(t *testing.T) {
	w := newWorld(t)
	for _, action := range []string{"DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "DescribeStackEvents", "UpdateTerminationProtection"} {
		w.cloud.Refuse(cloudformation.Refusal{Action: action, Code: "Throttling", Message: "Rate exceeded", Times: 2})
	}
	w.made(t, parameters())
	if n := begun(w, "CREATE_IN_PROGRESS"); n != 1 {
		t.Errorf("%d creations began", n)
	}
}

func TestExecute_goesOnWhenLooksFailForAWhile(t *testing.T) {
	w := newWorld(t)
	w.cloud.Hold("Database")
	w.heard = func(cfn.Event) {
		if w.count("ServiceUnavailable", "looking again") == 4 {
			w.cloud.Release("Database")
		}
	}
	c, err := w.stack.Plan(t.Context(), parameters())
	if err != nil {
		t.Fatal(err)
	}
	w.cloud.Refuse(cloudformation.Refusal{Action: "DescribeStackEvents", Skip: 2, Times: 3 * 4, Status: 503, Code: "ServiceUnavailable"})
	if _, err := w.stack.Execute(t.Context(), c); err != nil || w.count("ServiceUnavailable", "looking again") != 4 {
		t.Errorf("it ended with %v after %d lines", err, w.count("looking again"))
	}
}

func TestExecute_saysThatTheStackGoesOnWithoutUs(t *testing.T) {
	for title, refusal := range map[string]cloudformation.Refusal{
		"keys ran out": {Action: "DescribeStacks", Skip: 3, Times: -1, Code: "ExpiredToken", Message: "The security token included in the request is expired"},
		"no answer":    {Action: "DescribeStackEvents", Skip: 2, Times: -1, Status: 503, Code: "ServiceUnavailable"},
	} {
		t.Run(title, func(t *testing.T) {
			w := newWorldOf(t, cloudformation.Options{Step: time.Millisecond})
			w.cloud.Hold("Database")
			c, err := w.stack.Plan(t.Context(), parameters())
			if err != nil {
				t.Fatal(err)
			}
			w.cloud.Refuse(refusal)
			_, err = w.stack.Execute(t.Context(), c)
			says(t, err, "wait for stack perpetual-ci, which goes on by itself", "run again to go on from there")
			if w.state() != "CREATE_IN_PROGRESS" {
				t.Fatalf("the stack is %s", w.state())
			}
			w.cloud.Clear()
			w.made(t, parameters())
			if n := begun(w, "CREATE_IN_PROGRESS"); n != 1 || w.state() != "UPDATE_COMPLETE" {
				t.Errorf("%d creations began, and the stack is %s", n, w.state())
			}
		})
	}
}

func TestExecute_continuesARollbackOnceWhenTheReplyIsLost(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.cloud.Fail(
		cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: noCapacity},
		cloudformation.Failure{LogicalID: "WebGroup", On: "REVERT", Reason: "no way back"},
	)
	_, err := w.deploy(t, bigger())
	says(t, err, "UPDATE_ROLLBACK_FAILED")
	w.cloud.Refuse(cloudformation.Refusal{Action: "ContinueUpdateRollback", Status: 503, Code: "ServiceUnavailable", Acted: true})
	w.made(t, bigger())
	if n := begun(w, "UPDATE_ROLLBACK_IN_PROGRESS"); n != 2 || w.state() != "UPDATE_COMPLETE" {
		t.Errorf("%d rollbacks began, and the stack is %s", n, w.state())
	}
}
