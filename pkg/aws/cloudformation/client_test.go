package cloudformation_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// world is a simulated CloudFormation whose wire a test spoils, and a client of it.
type world struct {
	script fault.Script
	cloud  *sandbox.Server
	client *cloudformation.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{cloud: sandbox.New(sandbox.Options{})}
	server := httptest.NewUnstartedServer(w.script.Wrap(w.cloud))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(w.script.Close)
	client, err := retry.NewClient(retry.Options{Policy: retry.Never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	w.client = cloudformation.New(cloudformation.Options{
		Stack: "perpetual-ci", Attempts: 1,
		Connection: aws.NewConnection(sdk.Config{
			Region: "eu-central-1", BaseEndpoint: &server.URL, HTTPClient: client,
			Credentials: credentials.NewStaticCredentialsProvider("AKIATESTTESTTEST", "s3cret-canary-key", ""),
		}),
	})
	return w
}

// creation asks for the change set that makes a stack.
func creation(name string) cloudformation.ChangeRequest {
	p := layout.Parameters{
		Name: "ci", Zones: []string{"eu-central-1a", "eu-central-1b"}, NetworkCIDR: "10.0.0.0/16",
		PublicCIDRs: []string{"10.0.0.0/24", "10.0.1.0/24"}, PrivateCIDRs: []string{"10.0.16.0/20", "10.0.32.0/20"}, DirectorIP: "10.0.0.6",
		WebCIDRs: []string{"0.0.0.0/0"}, DirectorCIDRs: []string{"203.0.113.7/32"},
		Database: true, DatabaseType: "db.t4g.small", DatabasePassword: secret.New("s3cretCanaryOfTheDatabase"),
		ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci",
	}
	return cloudformation.ChangeRequest{Name: name, Create: true, Template: string(layout.Body()), Parameters: p.Values(), Tags: map[string]string{"perpetual:name": "ci"}}
}

// made is a change set when it is made.
func (w *world) made(t *testing.T, id string) cloudformation.ChangeSet {
	t.Helper()
	for {
		set, err := w.client.ReadChangeSet(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if set.State != "CREATE_PENDING" && set.State != "CREATE_IN_PROGRESS" {
			return set
		}
	}
}

// ended is the stack, by its ARN if that is given, when nothing is under way on it.
func (w *world) ended(t *testing.T, id string) cloudformation.Stack {
	t.Helper()
	for {
		stack, found, err := w.client.Describe(t.Context(), id)
		if err != nil || !found {
			t.Fatalf("found %v: %v", found, err)
		}
		if !strings.HasSuffix(stack.State, "_IN_PROGRESS") {
			return stack
		}
	}
}

// must fails the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClient_makesAStackAndDeletesIt(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	if _, found, err := w.client.Describe(ctx, ""); found || err != nil {
		t.Fatalf("a stack is found before there is one (%v)", err)
	}
	id, err := w.client.CreateChangeSet(ctx, creation("perpetual-1"))
	must(t, err)
	set := w.made(t, id)
	if set.ID != id || set.Name != "perpetual-1" || set.State != "CREATE_COMPLETE" || set.Executed || set.Created.IsZero() {
		t.Errorf("the change set is %+v", set)
	}
	if i := slices.IndexFunc(set.Resources, func(r cloudformation.ResourceChange) bool { return r.LogicalID == "Database" }); i < 0 ||
		set.Resources[i].Action != cloudformation.Add || set.Resources[i].Type != "AWS::RDS::DBInstance" {
		t.Errorf("it changes %+v", set.Resources)
	}
	listed, err := w.client.ChangeSets(ctx)
	if err != nil || len(listed) != 1 || listed[0].ID != id || listed[0].Resources != nil {
		t.Errorf("the list of change sets is %+v (%v)", listed, err)
	}

	before, _, err := w.client.Describe(ctx, "")
	must(t, err)
	must(t, w.client.Execute(ctx, before.ID, id, "token-1"))
	stack := w.ended(t, "")
	if stack.State != "CREATE_COMPLETE" || stack.ChangeSet != id || stack.Tags["perpetual:name"] != "ci" || stack.OutputValues["Region"] != "eu-central-1" || stack.Parameters["DatabasePassword"] != "****" {
		t.Errorf("the stack is %+v", stack)
	}
	if text, err := w.client.Template(ctx, stack.ID); err != nil || !layout.Current(text) {
		t.Errorf("its template is another one (%v)", err)
	}
	resources, err := w.client.Resources(ctx, stack.ID)
	if err != nil || !slices.ContainsFunc(resources, func(r cloudformation.Resource) bool {
		return r.Type == "AWS::RDS::DBInstance" && r.ID != "" && r.State == "CREATE_COMPLETE"
	}) {
		t.Errorf("its resources are %+v (%v)", resources, err)
	}

	must(t, w.client.Protect(ctx, true))
	if stack = w.ended(t, ""); !stack.Protected {
		t.Error("it is not protected")
	}
	must(t, w.client.Protect(ctx, false))
	off, err := w.client.CreateChangeSet(ctx, cloudformation.ChangeRequest{Name: "perpetual-2", Tags: stack.Tags}.With(stack.Parameters, map[string]string{layout.ProtectionParameter: "false"}))
	must(t, err)
	if set = w.made(t, off); len(set.Resources) != 1 || set.Resources[0].Action != cloudformation.Modify || !slices.Contains(set.Resources[0].Details, "Properties.DeletionProtection") {
		t.Errorf("one parameter changes %+v", set)
	}
	must(t, w.client.Execute(ctx, stack.ID, off, "token-2"))
	w.ended(t, "")
	must(t, w.client.Delete(ctx, stack.ID, "token-3"))
	if gone := w.ended(t, stack.ID); gone.State != "DELETE_COMPLETE" {
		t.Errorf("it is %s after it was deleted", gone.State)
	}
	if _, found, err := w.client.Describe(ctx, ""); found || err != nil {
		t.Errorf("a deleted stack is found by its name (%v)", err)
	}
}

func TestEvents_areGivenOnceUpToTheOneThatStops(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	if last, err := w.client.LastEvent(ctx, "perpetual-ci"); last != "" || err != nil {
		t.Errorf("of no stack the last event is %q (%v)", last, err)
	}
	id, err := w.client.CreateChangeSet(ctx, creation("perpetual-1"))
	must(t, err)
	w.made(t, id)
	stack, _, err := w.client.Describe(ctx, "")
	must(t, err)
	first, err := w.client.LastEvent(ctx, stack.ID)
	must(t, err)
	must(t, w.client.Execute(ctx, stack.ID, id, "token-1"))
	w.ended(t, "")

	events, err := w.client.Events(ctx, stack.ID, func(e cloudformation.Event) bool { return e.ID == first })
	must(t, err)
	seen := map[string]bool{}
	for _, e := range events {
		if seen[e.ID] || e.ID == first || e.Time.IsZero() {
			t.Errorf("an event is given twice, is older or has no time: %+v", e)
		}
		seen[e.ID] = true
	}
	newest := events[0]
	if newest.Type != cloudformation.StackType || newest.LogicalID != "perpetual-ci" || newest.PhysicalID != stack.ID || newest.Status != "CREATE_COMPLETE" {
		t.Errorf("the newest event is %+v", newest)
	}
	if pages := w.cloud.State().Calls["DescribeStackEvents"]; pages < 4 { // two of them for LastEvent
		t.Errorf("%d events came in %d calls", len(events), pages)
	}
	if last, err := w.client.LastEvent(ctx, stack.ID); err != nil || last != newest.ID {
		t.Errorf("the last event is %q, want %q (%v)", last, newest.ID, err)
	}
}

// What happens between two pages moves the end of the first into the second.
func TestEvents_areGivenOnceWhereMoreHappensMeanwhile(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	id, err := w.client.CreateChangeSet(ctx, creation("perpetual-1"))
	must(t, err)
	w.made(t, id)
	stack, _, err := w.client.Describe(ctx, "")
	must(t, err)
	must(t, w.client.Execute(ctx, stack.ID, id, "token-1"))
	w.ended(t, "")

	const begin = "<StackEvents>"
	var first []byte
	w.script.Add(fault.Fault{Kind: fault.Alter, Times: 2, Change: func(_ http.Header, body []byte) []byte {
		if first == nil {
			first = body
			return body
		}
		_, again, _ := bytes.Cut(first, []byte(begin))
		again, _, _ = bytes.Cut(again, []byte("</StackEvents>"))
		return bytes.Replace(body, []byte(begin), append([]byte(begin), again...), 1)
	}})
	events, err := w.client.Events(ctx, stack.ID, func(cloudformation.Event) bool { return false })
	must(t, err)
	seen := map[string]bool{}
	for _, e := range events {
		if seen[e.ID] {
			t.Errorf("an event is given twice: %+v", e)
		}
		seen[e.ID] = true
	}
	if seen[""] || len(events) < 100 {
		t.Errorf("%d events are given", len(events))
	}
}

// Whoever gets an error has to know whether a change set may be left behind it.
func TestCreateChangeSet_saysWhetherThereMayBeOne(t *testing.T) {
	w := newWorld(t)
	w.cloud.Refuse(sandbox.Refusal{Action: "CreateChangeSet", Code: "LimitExceededException", Message: "Limit for stack has been exceeded"})
	id, err := w.client.CreateChangeSet(t.Context(), creation("perpetual-1"))
	if id != "" || !errors.Is(err, aws.ErrQuota) || !strings.HasPrefix(err.Error(), "plan stack perpetual-ci: ") {
		t.Errorf("of a refused one the ID is %q: %v", id, err)
	}

	w.script.Add(fault.Fault{Kind: fault.DropReply})
	id, err = w.client.CreateChangeSet(t.Context(), creation("perpetual-2"))
	if id != "perpetual-2" || err == nil {
		t.Errorf("of one without an answer the ID is %q: %v", id, err)
	}
	must(t, w.client.DeleteChangeSet(t.Context(), id)) // it was made, and its name is enough
	must(t, w.client.DeleteChangeSet(t.Context(), id)) // gone already
	left, err := w.client.ChangeSets(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("%+v is left (%v)", left, err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	w.script.Add(fault.Fault{Kind: fault.DropReply, After: func() { cancel(errors.New("told to end")) }})
	if id, err = w.client.CreateChangeSet(ctx, creation("perpetual-3")); id != "perpetual-3" || err == nil || !strings.Contains(err.Error(), "told to end") {
		t.Errorf("of an interrupted one the ID is %q: %v", id, err)
	}
}
