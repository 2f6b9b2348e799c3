package quota_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// world is a simulated AWS account.
type world struct{ *logintest.World }

func newWorld(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	return &world{logintest.New(t, o)}
}

// open opens the account.
func (w *world) open(t *testing.T) *account.Account {
	t.Helper()
	a, err := account.Open(t.Context(), w.Options())
	if err != nil {
		t.Fatal(err)
	}
	return a
}
