package upgrade_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

const leaseName = "leases/deployment-concourse"

// withStore is play with a state store.
func withStore(t *testing.T, do func(t *testing.T, f *fixture)) {
	t.Helper()
	play(t, func(t *testing.T, f *fixture) {
		dir, err := state.NewDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		f.state = dir
		do(t, f)
	})
}

func (f *fixture) acquire(t *testing.T) *lease.Lease {
	t.Helper()
	lease, err := lease.Acquire(t.Context(), f.state, leaseName, lease.Holder{Purpose: "out concourse, build 11", Host: "elsewhere", PID: 7}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestOut_writesDownWhatItSubmitsAndWhatWasAccepted(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		f.build.ID = "12"
		f.director.onDeploy = func() {
			records, err := state.NewJournal(f.state).Latest(t.Context(), "concourse", 9)
			if err != nil || len(records) != 1 || records[0].Last("deploy").Status != state.Begun {
				t.Errorf("when the director got it, the journal held %+v, %v", records, err)
			}
		}
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		records, err := state.NewJournal(f.state).Latest(t.Context(), "concourse", 9)
		if err != nil || len(records) != 1 {
			t.Fatalf("journal %+v, %v", records, err)
		}
		want := []state.Entry{{Step: "deploy", Status: state.Begun}, {Step: "deploy", Status: state.Done, Task: 10, Note: "accepted by the director"}}
		if diff := cmp.Diff(want, records[0].Entries, cmpopts.IgnoreFields(state.Entry{}, "At")); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
		op := records[0].Operation
		if op.ID != f.contextID(t) || op.Attempt != 1 || op.Components["concourse"] != "8.2.1" || op.Digest == "" {
			t.Errorf("operation %+v, want that of context id %s", op, f.contextID(t))
		}
		if err := f.acquire(t).Release(t.Context()); err != nil {
			t.Errorf("the lease was not given back: %v", err)
		}
	})
}

func TestOut_waitsForTheHolderOfTheLease(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		lease := f.acquire(t)
		time.AfterFunc(90*time.Second, func() { _ = lease.Release(context.WithoutCancel(t.Context())) })
		began := time.Now()
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 90*time.Second || took > 2*time.Minute || f.count("deploy") != 1 {
			t.Errorf("%d deploys after %s; the lease was held for 90s", f.count("deploy"), took)
		}
		wantText(t, "log", f.log.String(), "waiting up to 5m0s", "out concourse, build 11", "elsewhere")
	})
}

func TestOut_changesNothingWithoutTheLease(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		lease := f.acquire(t)
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.LockTimeout.Duration = 20 * time.Second })
		wantError(t, err, "wait 20s for the lease of deployment concourse", "out concourse, build 11", lease.ID())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = f.out(ctx, nil)
		wantError(t, err, "wait for the lease of deployment concourse", "deadline exceeded")
		f.state = brokenStore{f.state}
		_, err = f.out(t.Context(), nil)
		wantError(t, err, "take the lease of deployment concourse", "store is away")
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestOut_looksWithoutTheLease(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		lease := f.acquire(t)
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun = true }); err != nil {
			t.Error(err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// robbed takes the lease from the run after a while: somebody unlocks it, and
// then another one may take it.
func (f *fixture) robbed(t *testing.T, after time.Duration, taken bool) {
	t.Helper()
	time.AfterFunc(after, func() {
		_, err := lease.Acquire(t.Context(), f.state, leaseName, lease.Holder{}, lease.Options{})
		var held *lease.HeldError
		if !errors.As(err, &held) {
			t.Errorf("%v, want the holder", err)
			return
		}
		if err := lease.Unlock(t.Context(), f.state, leaseName, held.ID); err != nil {
			t.Error(err)
		}
		if taken {
			lease := f.acquire(t)
			time.AfterFunc(time.Hour, func() { _ = lease.Release(context.WithoutCancel(t.Context())) })
		}
	})
}

func TestOut_submitsNothingAfterItHasLostTheLease(t *testing.T) {
	for name, c := range map[string]struct {
		taken bool
		who   string
	}{
		"unlocked":            {false, "it was unlocked"},
		"unlocked, and taken": {true, `"out concourse, build 11" (host elsewhere, pid 7) has it`},
	} {
		t.Run(name, func(t *testing.T) {
			withStore(t, func(t *testing.T, f *fixture) {
				f.director.uploads["concourse"] = outcome{takes: 3 * time.Minute}
				f.robbed(t, 10*time.Second, c.taken)
				_, err := f.out(t.Context(), nil)
				if !errors.Is(err, lease.ErrLost) {
					t.Errorf("%v, want one that says that the lease was lost", err)
				}
				wantError(t, err, "bring stemcell and releases", leaseName, "the lease was lost", c.who, "this run has submitted no deploy", "put again")
				if n := f.count("deploy"); n != 0 {
					t.Errorf("%d deploys were started", n)
				}
				time.Sleep(2 * time.Hour) // the other one's end
			})
		})
	}
}

func TestOut_saysWhatGoesOnWhenItLosesTheLease(t *testing.T) {
	attached := false
	for name, c := range map[string]struct {
		arrange func(f *fixture)
		want    []string
	}{
		"the deploy runs": {func(f *fixture) { f.director.deploy.takes = time.Hour }, []string{"wait for the deploy", "director task 10 keeps running"}},
		"its answer was lost": {func(f *fixture) { f.director.lost = "dropped" },
			[]string{"deploy: ", "whether the director has accepted a deploy of this run is not known", "look for a task with context id perpetual-"}},
	} {
		t.Run(name, func(t *testing.T) {
			withStore(t, func(t *testing.T, f *fixture) {
				c.arrange(f)
				f.robbed(t, 25*time.Second, false)
				_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
				wantError(t, err, append(c.want, leaseName, "the lease was lost", "it was unlocked")...)
			})
		})
	}
}

func TestOut_submitsNothingThatItCannotWriteDown(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		f.state = &failingStore{Store: f.state, prefix: "journal/"}
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "deploy: write the journal", "store is away")
		if n := f.count("deploy"); n != 0 {
			t.Errorf("%d deploys were started", n)
		}
	})
}

func TestOut_doesNotFailForAJournalThatEndsAfterTheDeployWasAccepted(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		store := &failingStore{Store: f.state}
		f.state, f.director.onDeploy = store, func() { store.prefix = "journal/" }
		result, err := f.out(t.Context(), nil)
		if err != nil || result.Version["task"] != "10" {
			t.Errorf("version %v, %v", result.Version, err)
		}
		wantText(t, "log", f.log.String(), "director task 10 was accepted, but: write the journal")
	})
}

// Eight builds put the same content at once.
func TestOut_deploysOnceForEightAtTheSameTime(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		type answer struct {
			result resource.Result
			err    error
		}
		answers := make(chan answer)
		for range 8 {
			go func() {
				result, err := f.out(t.Context(), nil)
				answers <- answer{result, err}
			}()
		}
		for range 8 {
			if a := <-answers; a.err != nil || a.result.Version["task"] != "10" {
				t.Errorf("version %v, %v", a.result.Version, a.err)
			}
		}
		if n := f.count("deploy"); n != 1 {
			t.Errorf("%d deploys were started", n)
		}
	})
}

var errStore = errors.New("the store is away")

// brokenStore cannot be reached.
type brokenStore struct{ state.Store }

func (brokenStore) Get(context.Context, string) (state.Document, error) {
	return state.Document{}, errStore
}
func (brokenStore) Put(context.Context, string, []byte, string) (string, error) { return "", errStore }
func (brokenStore) Now(context.Context) (time.Time, error)                      { return time.Time{}, errStore }

// failingStore takes no documents under a prefix.
type failingStore struct {
	state.Store
	prefix string
}

func (s *failingStore) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if s.prefix != "" && len(name) >= len(s.prefix) && name[:len(s.prefix)] == s.prefix {
		return "", errStore
	}
	return s.Store.Put(ctx, name, body, revision)
}

var _ upgrade.Director = (*fakeDirector)(nil)
