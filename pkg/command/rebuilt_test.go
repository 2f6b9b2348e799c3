package command_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// A director that was rebuilt counts its tasks from 1 again, and gives the numbers of
// earlier deploys to others: verification goes on, and nothing but a deploy is verified.
func TestCheck_goesOnWhenTheDirectorCountsFromOneAgain(t *testing.T) {
	t.Parallel()
	s := installed(t)
	other := []byte("name: other\nreleases: []\nstemcells: []\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}\ninstance_groups: []\n")
	if _, err := s.Director.Deploy(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for given, says := range map[string]string{"99999": "director task 99999 is not there", "2": "director task 2 is \"create deployment\" of other"} {
		p := ask(t, "check", object{"source": s.DeploymentSource(), "version": object{"task": given}}, "")
		if diff := cmp.Diff([]resource.Version{{"task": "1"}}, answer[[]resource.Version](t, p)); diff != "" {
			t.Errorf("check from task %s (-want +got):\n%s", given, diff)
		}
		if !strings.Contains(p.stderr, says) || !strings.Contains(p.stderr, "going on from its newest deploy, task 1") {
			t.Errorf("check from task %s says %q", given, p.stderr)
		}
	}
	p := ask(t, "in", object{"source": s.DeploymentSource(), "version": object{"task": "2"}, "params": object{"verify": true}}, t.TempDir())
	refused(t, p, "director task 2", "of other, not a deploy of concourse", "check")
}

// The director writes the end of a deploy whose worker has died only when somebody reads
// its task: check does.
func TestCheck_givesADeployWhoseWorkerHasDied(t *testing.T) {
	t.Parallel()
	s := installed(t)
	start := time.Now()
	var offset atomic.Int64 // of the director's clock, which stands still otherwise: how fast this machine is does not count
	began := make(chan int, 1)
	source, _ := s.withoutUAA(t, func(o *director.Options) {
		o.Now = func() time.Time { return start.Add(time.Duration(offset.Load())) }
		o.UpdateInstance = func(ctx context.Context, u director.Update) error {
			if u.Task == 1 {
				return nil
			}
			began <- u.Task
			<-ctx.Done()
			return ctx.Err()
		}
	})
	request := s.out(object{"vars": object{"drain_timeout": "99m"}})
	request["source"] = source
	if r := answer[result](t, ask(t, "out", request, s.dir)); r.Version["task"] != "2" {
		t.Fatalf("out gives %+v", r)
	}
	check := func() []resource.Version {
		p := ask(t, "check", object{"source": source, "version": object{"task": "1"}}, "")
		return answer[[]resource.Version](t, p)
	}
	if !s.other.KillWorker(<-began) {
		t.Fatal("task 2 had no worker")
	}
	if got := check(); len(got) != 1 {
		t.Errorf("while nobody can know, check gives %v", got)
	}
	offset.Store(int64(time.Hour))
	if diff := cmp.Diff([]resource.Version{{"task": "1"}, {"task": "2"}}, check()); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	p := ask(t, "in", object{"source": source, "version": object{"task": "2"}, "params": object{"verify": true}}, t.TempDir())
	refused(t, p, "director task 2 ended as timeout")
}
