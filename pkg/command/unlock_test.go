package command_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// locked is a world whose deployment's lease somebody holds.
func locked(t *testing.T) (request object, taken *lease.Lease) {
	t.Helper()
	s := newStage(t)
	dir := t.TempDir()
	store, err := state.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	taken, err = lease.Acquire(t.Context(), store, "leases/deployment-concourse", lease.Holder{Purpose: "out concourse"}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	source := s.DeploymentSource()
	source["state"] = object{"dir": dir}
	return object{"source": source}, taken
}

func unlock(t *testing.T, request any, args ...string) process {
	t.Helper()
	return invocation{path: perpetualBinary, args: append([]string{"unlock"}, args...), stdin: stdin(t, request)}.run(t)
}

func TestUnlock_breaksTheLeaseOfADeadRun(t *testing.T) {
	t.Parallel()
	request, lease := locked(t)
	refused(t, unlock(t, request, "--id", "other"), "unlock deployment concourse", lease.ID())
	p := unlock(t, request, "--id", lease.ID())
	if p.code != 0 || p.stdout != "" || !strings.Contains(p.stderr, "of deployment concourse is broken") {
		t.Errorf("exit code %d, stdout %q, stderr %q", p.code, p.stdout, p.stderr)
	}
	refused(t, unlock(t, request, "--id", lease.ID()), "nobody holds the lease of deployment concourse")
}

func TestUnlock_refusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	without := object{"source": s.DeploymentSource()}
	refused(t, unlock(t, without), "want --id ID")
	refused(t, unlock(t, without, "--id", "a", "b", "c"), "unexpected argument c")
	refused(t, unlock(t, without, "--name", "a"), "unknown flag --name")
	refused(t, unlock(t, without, "--id", "a"), "no state section")
	refused(t, unlock(t, "{", "--id", "a"), "parse the request")
	if p := unlock(t, "", "--help"); p.code != 0 || !strings.Contains(p.stdout, "--id=ID") {
		t.Errorf("help: exit code %d, %q", p.code, p.stdout)
	}
}
