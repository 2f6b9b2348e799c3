package installer_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// A run that has died holds the lease of an installation on somebody's director.
func TestUnlock_letsTheNextRunHaveTheLease(t *testing.T) {
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
	if _, err := store.Put(t.Context(), bootstrap.Documents()[0], body, ""); err != nil {
		t.Fatal(err)
	}
	// It is not renewed: nothing may be given back when the test ends.
	lease, err := state.Acquire(t.Context(), store, "leases/installation", state.Holder{Purpose: "deploy ci", Host: "gone", PID: 1}, state.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}

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
