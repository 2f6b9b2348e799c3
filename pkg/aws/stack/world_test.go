package stack_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	secretKey = "s3cret-canary-key"
	password  = "canaryPassword0123456789"
	name      = "perpetual-ci"
)

// world is a simulated CloudFormation whose wire a test spoils, and a stack in it.
type world struct {
	script  fault.Script
	cloud   *cloudformation.Server
	options stack.Options
	stack   *stack.Stack
	judge   cloudformation.Judge // of who asks; nil: it may all

	mu     sync.Mutex
	events []cfn.Event
	heard  func(cfn.Event) // called for each event
}

// newWorld makes a world without stacks, in which everything takes a millisecond
// or no time.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, cloudformation.Options{})
}

func newWorldOf(t *testing.T, o cloudformation.Options) *world {
	t.Helper()
	w := &world{cloud: cloudformation.New(o)}
	server := httptest.NewUnstartedServer(w.script.Wrap(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.cloud.ServeHTTP(rw, r.WithContext(cloudformation.WithJudge(r.Context(), w.judge)))
	})))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(w.script.Close)
	client, err := retry.NewClient(retry.Options{Policy: retry.Never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	w.options = stack.Options{
		Name: name, Owner: "ci", Tags: map[string]string{"team": "build = test"},
		Connection: aws.NewConnection(sdk.Config{
			Region: "eu-central-1", BaseEndpoint: &server.URL, HTTPClient: client,
			Credentials: credentials.NewStaticCredentialsProvider("AKIATESTTESTTEST", secretKey, ""),
		}),
		Poll: time.Millisecond, Attempts: 3,
		Notify: func(e cfn.Event) {
			w.mu.Lock()
			w.events = append(w.events, e)
			heard := w.heard
			w.mu.Unlock()
			if heard != nil {
				heard(e)
			}
		},
	}
	w.stack = w.open(t)
	return w
}

// open makes an adapter of the options as they are now.
func (w *world) open(t *testing.T) *stack.Stack {
	t.Helper()
	s, err := stack.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parameters are those of an ordinary installation.
func parameters() layout.Parameters {
	return layout.Parameters{
		Name: "ci", Zones: []string{"eu-central-1a", "eu-central-1b"}, NetworkCIDR: "10.0.0.0/16",
		PublicCIDRs: []string{"10.0.0.0/24", "10.0.1.0/24"}, PrivateCIDRs: []string{"10.0.16.0/20", "10.0.32.0/20"}, DirectorIP: "10.0.0.6",
		WebCIDRs: []string{"0.0.0.0/0"}, DirectorCIDRs: []string{"203.0.113.7/32"},
		Database: true, DatabaseType: "db.t4g.small", DatabaseStorage: 20, DatabasePassword: secret.New(password),
		ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci", StateBucket: "perpetual-ci-123456789012-eu-central-1",
	}
}

// deploy plans and executes.
func (w *world) deploy(t *testing.T, p layout.Parameters) (layout.Outputs, error) {
	t.Helper()
	return deploy(t.Context(), w.stack, p)
}

func deploy(ctx context.Context, s *stack.Stack, p layout.Parameters) (layout.Outputs, error) {
	c, err := s.Plan(ctx, p)
	if err != nil {
		return layout.Outputs{}, err
	}
	return s.Execute(ctx, c)
}

// made deploys and fails the test if that fails.
func (w *world) made(t *testing.T, p layout.Parameters) layout.Outputs {
	t.Helper()
	out, err := w.deploy(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// there is the stack as the service has it.
func (w *world) there(t *testing.T) cloudformation.StackState {
	t.Helper()
	st, ok := w.cloud.State().Stacks[name]
	if !ok {
		t.Fatal("there is no stack")
	}
	return st
}

// state is the stack's state, "" if there is none.
func (w *world) state() string { return w.cloud.State().Stacks[name].Status }

// count is how many events were told that contain all of the texts.
func (w *world) count(texts ...string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		line := strings.Join([]string{e.LogicalID, e.Type, e.Status, e.Reason}, " ")
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			n++
		}
	}
	return n
}

// says fails the test unless the error is one line, shows no secret and contains
// all of the texts.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("there is no error, want one that says %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error is %q, want %q in it", err, text)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), password) {
		t.Errorf("the error shows too much: %q", err)
	}
}
