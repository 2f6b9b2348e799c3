package installer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

// A run that has died holds the lease of an installation on somebody's director.
func TestUnlock_letsTheNextRunHaveTheLease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := state.NewDir(dir + "/state")
	if err != nil {
		t.Fatal(err)
	}
	body, err := config.Encode(&config.Config{
		Name: "ci", Access: config.Access{Domain: "ci.example.com"},
		Director: config.Director{URL: "https://127.0.0.1:1", Client: "admin", ClientSecret: secret.New("canary-of-a-secret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	keepState(t, dir, store, body, nil)
	// It is not renewed: nothing may be given back when the test ends.
	lease, err := lease.Acquire(t.Context(), store, "run/leases/installation", lease.Holder{Purpose: "deploy ci", Host: "gone", PID: 1}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}

	testStatusOfLease(t, dir, lease.ID())

	p := run(t, dir, nil, "destroy", "ci", "--state-dir", "state", "--quiet", "--yes-destroy", "ci")
	hint := regexp.MustCompile(`perpetual (unlock ci --id (\w+))`).FindStringSubmatch(p.stderr)
	if p.code != 1 || hint == nil || hint[2] != lease.ID() || !strings.Contains(p.stderr, "nothing was changed") {
		t.Fatalf("code %d, stderr %s", p.code, p.stderr)
	}
	unlock := append(strings.Fields(hint[1]), "--state-dir", "state")
	wrong := run(t, dir, nil, "unlock", "ci", "--id", "other", "--state-dir", "state")
	if wrong.code != 1 || !strings.Contains(wrong.stderr, lease.ID()) {
		t.Errorf("another id: code %d, stderr %s", wrong.code, wrong.stderr)
	}
	if p := run(t, dir, nil, unlock...); p.code != 0 || !strings.Contains(p.stdout, "is broken") || strings.Contains(p.stderr, "error") {
		t.Fatalf("code %d, stdout %s, stderr %s", p.code, p.stdout, p.stderr)
	}
	p = run(t, dir, nil, "destroy", "ci", "--state-dir", "state", "--quiet", "--yes-destroy", "ci")
	if p.code != 0 || strings.Contains(p.stderr, "unlock") {
		t.Errorf("the lease is still held: %s", p.stderr)
	}
}

// testStatusOfLease wants status to name the run and the command that breaks its lease.
// A director that does not answer is asked for a while, hence at the same time.
func testStatusOfLease(t *testing.T, dir, id string) {
	if err := os.CopyFS(filepath.Join(dir, "stale"), os.DirFS(filepath.Join(dir, "state"))); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "stale", "run", "leases", "installation"), old, old); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		p := run(t, dir, nil, "status", "ci", "--state-dir", "state")
		for _, part := range []string{`"deploy ci" (host gone, pid 1), since `, "renewed ", "perpetual unlock ci --id " + id} {
			if p.code != 0 || !strings.Contains(p.stdout, part) {
				t.Errorf("exit code %d, no %q in:\n%s%s", p.code, part, p.stdout, p.stderr)
			}
		}
	})
	group.Go(func() {
		p := run(t, dir, nil, "status", "ci", "--state-dir", "stale", "--output=json")
		var found status.Status
		if err := json.Unmarshal([]byte(p.stdout), &found); err != nil {
			t.Errorf("%v: %s%s", err, p.stdout, p.stderr)
		}
		if l := found.Lease; l == nil || l.ID != id || l.Purpose != "deploy ci" || !l.Stale || l.Since.IsZero() {
			t.Errorf("the stale lease is %+v", l)
		}
		if !slices.ContainsFunc(found.Problems, func(p string) bool { return strings.Contains(p, "unlock ci --id "+id) }) {
			t.Errorf("problems %q", found.Problems)
		}
	})
}
