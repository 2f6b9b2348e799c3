package upgrade_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// begins has another user's deploy of other content begin while the director
// compares, once: after the look at the tasks, before anything is submitted.
func (f *fixture) begins(other fakeTask) {
	f.director.onDiff = func() {
		f.director.onDiff = nil
		f.director.add(other)
	}
}

// What another deploy will leave cannot be compared with, and a forced deploy of
// the same content would meet the director's lock and fail there.
func TestOut_waitsForADeployThatBeginsDuringTheComparison(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(*resource.OutParams)
		changes bool // what the other deploy leaves is not what is wanted
		deploys int
		note    string
	}{
		"recreate":                         {edit: func(p *resource.OutParams) { p.Recreate = true }, deploys: 1, note: "started"},
		"fix":                              {edit: func(p *resource.OutParams) { p.Fix = true }, changes: true, deploys: 1, note: "started"},
		"nothing to do, then as well":      {note: "nothing to deploy"},
		"nothing to do, and then it is so": {changes: true, deploys: 1, note: "started"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.current(t)
				other := foreign("create deployment", 90*time.Second, bosh.StateDone)
				if c.changes {
					other.then = func() { f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": "8.1.0"})) }
				}
				f.begins(other)
				began := time.Now()
				result, err := f.out(t.Context(), c.edit)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < 90*time.Second || took > 2*time.Minute {
					t.Errorf("it answered after %s, the other deploy takes 90s", took)
				}
				if n := f.count("deploy"); n != c.deploys {
					t.Errorf("%d deploys were started, want %d", n, c.deploys)
				}
				if got := metadata(result)["deploy"]; got != c.note {
					t.Errorf("deploy: %q, want %q", got, c.note)
				}
				wantText(t, "log", f.log.String(), "waiting up to 5m0s for director task 8 (create deployment by admin, processing")
			})
		})
	}
}

// A deploy that begins and ends while the director compares may leave values that are to
// be kept: those of before it must not come back.
func TestOut_keepsWhatADeployLeavesThatEndsDuringTheComparison(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.onDiff = func() {
			f.director.onDiff = nil
			f.director.add(foreign("create deployment", 0, bosh.StateDone))
			f.director.record("concourse", f.manifest(t, map[string]any{"worker_key": "rotated"}))
		}
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 1 {
			t.Fatalf("effects %q, %v", f.all(), err)
		}
		if text := f.submitted(t); !strings.Contains(text, "rotated") || strings.Contains(text, keptKey) {
			t.Errorf("it deploys:\n%s", text)
		}
	})
}

// The time that lock_timeout gives is for all who are waited for together.
func TestOut_waitsOnceForAllThatBeginDuringTheComparison(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		f.director.onDiff = func() { f.director.add(foreign("create deployment", 100*time.Second, bosh.StateDone)) }
		began := time.Now()
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Recreate = true })
		wantError(t, err, "deploy: director task ", "still holds deployment concourse after 5m0s", "keeps running")
		if took := time.Since(began); took < 5*time.Minute || took > 8*time.Minute || f.count("deploy") != 0 {
			t.Errorf("%d deploys after %s, want none and an end after lock_timeout", f.count("deploy"), took)
		}
	})
}

// A context that ends while it waits ends the wait, and the other deploy is named.
func TestOut_stopsWaitingForADeployThatBeganDuringTheComparison(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		f.begins(foreign("create deployment", time.Hour, bosh.StateDone))
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Fix, p.Timeout.Duration = true, time.Minute })
		wantError(t, err, "wait for director task 8", "which keeps running", "params.timeout of 1m0s is over")
	})
}

// metadata is a result's metadata by name.
func metadata(r resource.Result) map[string]string {
	found := map[string]string{}
	for _, f := range r.Metadata {
		found[f.Name] = f.Value
	}
	return found
}

func TestRun_saysThatItsTimeoutIsOver(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.faults["Deployment"] = []error{context.DeadlineExceeded}
		attached := false
		f.director.deploy.takes = time.Hour
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "read deployment concourse: context deadline exceeded") // not this run's own
		_, err = f.out(t.Context(), func(p *resource.OutParams) { p.Detach, p.Timeout.Duration = &attached, time.Minute })
		wantError(t, err, "params.timeout of 1m0s is over", "wait for director task 10")
	})
}
