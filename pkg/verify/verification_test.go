package verify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// recorded is a director with one task.
type recorded struct {
	task bosh.Task
}

func (r recorded) Task(context.Context, int) (bosh.Task, error) { return r.task, nil }

func (r recorded) Tasks(context.Context, bosh.TaskFilter) ([]bosh.Task, error) {
	return []bosh.Task{r.task}, nil
}

func (r recorded) Events(context.Context, int) ([]bosh.Event, error) {
	return []bosh.Event{{Stage: "Updating instance", Task: "web/6f1c (0) (canary)", State: "failed", Error: "not running"}}, nil
}

func (r recorded) Wait(ctx context.Context, _ int, _ func(bosh.Event)) (bosh.Task, error) {
	<-ctx.Done()
	return r.task, context.Cause(ctx)
}

func (recorded) Deployment(context.Context, string) (bosh.Deployment, error) {
	return bosh.Deployment{Manifest: []byte("name: concourse\n"), Releases: []bosh.Release{{Name: "concourse", Version: "8.2.1"}}}, nil
}

func (recorded) Instances(context.Context, string) ([]bosh.Instance, error) { return nil, nil }

func (recorded) Logs(context.Context, string, string, string, ...string) (map[string][]byte, error) {
	return nil, nil
}

func deploy(state string) bosh.Task {
	t := bosh.DeployTask("concourse")
	t.ID, t.State = 42, state
	return t
}

// Who is told that a deploy is bad has what is known of it in hand.
func TestRun_givesWhatItHasFoundBesideItsVerdict(t *testing.T) {
	var log strings.Builder
	f, err := verify.Verification{Director: recorded{deploy(bosh.StateError)}, Log: &log}.Run(t.Context(), verify.Request{Deployment: "concourse", Task: 42, Judge: true})
	const want = `verify deployment concourse: director task: director task 42 ended as error: stage "Updating instance": instance web/6f1c (0) (canary): not running`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if f == nil || f.Task.ID != 42 || f.Failure == nil || f.Failure.Stage != "Updating instance" || len(f.Versions()) != 1 {
		t.Fatalf("facts %+v", f)
	}
	dir := t.TempDir()
	if err := f.Write(dir); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	for _, part := range []string{"# Deploy of concourse", "It failed at stage", "| director task | **failed**", "| concourse | 8.2.1 |"} {
		if err != nil || !strings.Contains(string(report), part) {
			t.Errorf("%v, the report lacks %q:\n%s", err, part, report)
		}
	}
}

func TestRun_judgesOnlyWhenAskedTo(t *testing.T) {
	var log strings.Builder
	f, err := verify.Verification{Director: recorded{deploy(bosh.StateError)}, Log: &log}.Run(t.Context(), verify.Request{Deployment: "concourse", Task: 42})
	if err != nil || f.Failure == nil || log.String() != "" {
		t.Errorf("error %v, facts %+v, log %q", err, f, log.String())
	}
}

func TestRun_saysWhyItsTimeIsOver(t *testing.T) {
	for want, over := range map[string]error{
		"params.timeout of 1m0s is over":        nil,
		"the time for the verification is over": errors.New("the time for the verification is over"),
	} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			f, err := verify.Verification{Director: recorded{deploy(bosh.StateProcessing)}, Log: &log}.Run(t.Context(), verify.Request{
				Deployment: "concourse", Task: 42, Judge: true, Timeout: time.Minute, Over: over,
			})
			if f != nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("facts %+v, error %v, want %q", f, err, want)
			}
		})
	}
}
