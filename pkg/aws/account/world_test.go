package account_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// world is a simulated AWS account and the environment of who works in it.
type world struct {
	cloud *sandbox.Cloud
	env   map[string]string
	ca    string
	said  []string // by Notify
}

func newWorld(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	cloud, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, ca, err := cloud.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	return &world{cloud: cloud, env: cloud.Env(), ca: ca}
}

// options are those of the world's environment, with quick repetitions.
func (w *world) options() account.Options {
	return account.Options{
		CACert: w.ca, Env: func(name string) string { return w.env[name] },
		Policy:  retry.Policy{Attempts: 4, First: time.Millisecond, Max: 4 * time.Millisecond},
		Timeout: 20 * time.Second,
		Notify:  func(line string) { w.said = append(w.said, line) },
	}
}

// open opens the account.
func (w *world) open(t *testing.T, change ...func(*account.Options)) *account.Account {
	t.Helper()
	o := w.options()
	for _, f := range change {
		f(&o)
	}
	a, err := account.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// in sets variables of the environment.
func (w *world) in(env map[string]string) *world {
	maps.Copy(w.env, env)
	return w
}

// clean fails the test if the error shows a secret, more than one line, or what
// only a machine can read.
func clean(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, bad := range []string{sandbox.SecretKey, "session-canary", "secret-canary", "\n", "4ZX1Q", "operation error"} {
		if strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows %q: %v", bad, err)
		}
	}
}
