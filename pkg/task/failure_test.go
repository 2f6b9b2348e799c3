package task_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// eventLog reads the lines of an event log; all others in the text are skipped.
func eventLog(t *testing.T, text []byte) []bosh.Event {
	t.Helper()
	var events []bosh.Event
	for _, line := range bytes.Split(text, []byte("\n")) {
		if !bytes.HasPrefix(line, []byte(`{"time":`)) {
			continue
		}
		var wire struct {
			Type, Message, Stage, Task, State string
			Data                              struct{ Status, Error string }
			Error                             *struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal(line, &wire); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		e := bosh.Event{
			Type: wire.Type, Message: wire.Message, Stage: wire.Stage, Task: wire.Task, State: wire.State,
			Status: wire.Data.Status, Error: wire.Data.Error,
		}
		if wire.Error != nil {
			e.Type, e.Code, e.Message = bosh.EventError, wire.Error.Code, wire.Error.Message
		}
		events = append(events, e)
	}
	return events
}

func TestFail_findsStageAndInstanceInRecordedLogs(t *testing.T) {
	const cpi = "CPI error 'Bosh::Clouds::CloudError' with message 'Creating vm failed\n/var/vcap/packages/director/src/spec/integration_support/dummy_cpi.rb:90:in `create_vm'\n/var/vcap/dummy_cpi.rb:73:in `<main>'' in 'create_vm' CPI method (CPI request ID: 'cpi-348603')"
	cases := []struct {
		file string
		want task.Failure
		ok   bool
	}{
		{"bosh-director/60c-event.http.txt", task.Failure{Stage: "Updating instance", Instance: "web/d84545fa-5eb0-40e9-b2d0-1c7e0b7d8278 (0) (canary)",
			Message: "Action Failed get_task: Task 81f82304-8411-4844-672d-177dbcee1e5a result: 1 of 1 pre-start scripts failed. Failed Jobs: slow."}, true},
		{"bosh-director/65-deploy-cpi-create-vm-fails.http.txt", task.Failure{Stage: "Creating missing vms", Instance: "web/88efc2c4-9400-4f8b-b664-46fb83c4af1a (0)", Message: cpi}, true},
		{"bosh-director/54e-cancelled-events.http.txt", task.Failure{Stage: "Updating instance", Instance: "web/9ecab3a3-48a1-47d5-9517-c48514f5ddc5 (0) (canary)", Message: "Task 19 cancelled"}, true},
		{"bosh-director/17-upload-stemcell-url-404.http.txt", task.Failure{Stage: "Update stemcell", Step: "Downloading remote stemcell", Message: "No stemcell found at 'http://127.0.0.1:25600/nope.tgz'."}, true},
		{"bosh-director/61-deploy-missing-release.http.txt", task.Failure{Message: "Release version 'tinyrel/99' doesn't exist"}, true},
		{"bosh-director/63-deploy-unknown-vmtype.http.txt", task.Failure{Message: "Instance group 'web' references an unknown vm type 'huge'"}, true},
		{"bosh-director/53-deploy-same-while-running.http.txt", task.Failure{Message: "Failed to acquire lock for lock:deployment:slowdep uid: e4208dc9-abe0-49a2-8fc1-682b196b2746. Locking task id is 17, description: 'create deployment'"}, true},
		{"bosh-director/55h-event.http.txt", task.Failure{Message: "Task 20 cancelled"}, true},
		// Its worker was killed: the log stops in the middle.
		{"bosh-director-faults/k2-timeout-task.http.txt", task.Failure{Stage: "Updating instance", Instance: "web/407234d3-51be-4638-93cc-2e99cbf9e213 (0) (canary)", Message: "the event log stops here"}, true},
		// It went well.
		{"bosh-director/69f-deploy-errand-fail.http.txt", task.Failure{}, false},
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../../shared/data", c.file))
			if os.IsNotExist(err) {
				t.Skipf("the recorded answers are absent: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			events := eventLog(t, text)
			if len(events) == 0 {
				t.Fatal("the recording has no events")
			}
			got, ok := task.Fail(events)
			if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
				t.Errorf("ok = %v, failure (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestFail_findsTheFirstCause(t *testing.T) {
	const (
		began   = `{"time":1,"stage":"Updating instance","task":"worker/a (0)","state":"started"}` + "\n"
		canary  = `{"time":1,"stage":"Updating instance","task":"web/c (0) (canary)","state":"started"}` + "\n"
		failedA = `{"time":2,"stage":"Updating instance","task":"worker/a (0)","state":"failed","data":{"error":"a is not running"}}` + "\n"
		failedB = `{"time":3,"stage":"Updating instance","task":"worker/b (1)","state":"failed","data":{"error":"b is not running"}}` + "\n"
		silent  = `{"time":2,"stage":"Updating instance","task":"worker/a (0)","state":"failed"}` + "\n"
		ended   = `{"time":2,"stage":"Updating instance","task":"worker/a (0)","state":"finished"}` + "\n"
		ofA     = `{"time":4,"error":{"code":400007,"message":"a is not running"}}` + "\n"
		ofB     = `{"time":4,"error":{"code":400007,"message":"b is not running"}}` + "\n"
		warning = `{"time":1,"type":"warning","message":"clocks differ"}` + "\n"
		old     = `{"time":1,"type":"deprecation","message":"use something else"}` + "\n"
	)
	a := task.Failure{Stage: "Updating instance", Instance: "worker/a (0)", Message: "a is not running"}
	b := task.Failure{Stage: "Updating instance", Instance: "worker/b (1)", Message: "b is not running"}
	stopped := func(instance string) task.Failure {
		return task.Failure{Stage: "Updating instance", Instance: instance, Message: "the event log stops here"}
	}
	cases := []struct {
		name, log string
		want      task.Failure
		ok        bool
	}{
		{"no events", "", task.Failure{}, false},
		{"all went well", warning + began + ended + old, task.Failure{}, false},
		{"a step fails, and the log stops", began + failedA, a, true},
		{"a step fails without a reason", began + silent + ofA, a, true},
		{"two fail at the same time: the one that ended the task", failedB + failedA + ofA, a, true},
		{"two fail at the same time, the other order", failedB + failedA + ofB, b, true},
		{"two fail, and the log stops: the first", failedB + failedA, b, true},
		{"only the last words", ofA, task.Failure{Message: "a is not running"}, true},
		{"only messages", warning + old, task.Failure{}, false},
		{"the log stops in a step", began, stopped("worker/a (0)"), true},
		{"the log stops in two steps: the later", began + canary, stopped("web/c (0) (canary)"), true},
		{"the later of two steps has ended", canary + began + ended, stopped("web/c (0) (canary)"), true},
		{"the log stops after a message", began + warning, stopped("worker/a (0)"), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := task.Fail(eventLog(t, []byte(c.log)))
			if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
				t.Errorf("ok = %v, failure (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestFailure_isOneLine(t *testing.T) {
	for _, c := range []struct {
		f    task.Failure
		want string
	}{
		{task.Failure{}, ""},
		{task.Failure{Message: "two\n  lines\t"}, "two lines"},
		{task.Failure{Stage: "Updating instance", Message: "why"}, `stage "Updating instance": why`},
		{task.Failure{Stage: "Updating instance", Instance: "web/c (0) (canary)", Message: "a\nb"}, `stage "Updating instance": instance web/c (0) (canary): a b`},
		{task.Failure{Stage: "Update stemcell", Step: "Downloading remote stemcell", Message: "none"}, `stage "Update stemcell": step "Downloading remote stemcell": none`},
		{task.Failure{Stage: "Preparing deployment", Step: "Preparing deployment", Message: "none"}, `stage "Preparing deployment": none`},
	} {
		if got := c.f.String(); got != c.want || strings.Contains(got, "\n") {
			t.Errorf("%+v = %q, want %q", c.f, got, c.want)
		}
	}
}
