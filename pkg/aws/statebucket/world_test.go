package statebucket_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// world is a simulated AWS account.
type world struct{ *logintest.World }

func newWorld(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	return &world{logintest.New(t, o)}
}

// keeper is a session with what keeps its buckets.
type keeper struct {
	*login.Session
	*statebucket.Keeper
}

// open logs in.
func (w *world) open(t *testing.T) keeper {
	t.Helper()
	session := w.Open(t)
	return keeper{session, statebucket.New(session)}
}
