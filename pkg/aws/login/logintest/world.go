// Package logintest gives tests a simulated AWS account to log in to.
package logintest

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// World is a simulated AWS account and the environment of who works in it.
type World struct {
	Cloud *sandbox.Cloud
	Env   map[string]string
	CA    string   // the PEM certificate of who signed the cloud's
	Said  []string // by Notify
}

// New starts a World, which ends with the test.
func New(t *testing.T, o sandbox.Options) *World {
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
	return &World{Cloud: cloud, Env: cloud.Env(), CA: ca}
}

// Options are those of the world's environment, with quick repetitions.
func (w *World) Options(change ...func(*login.Options)) login.Options {
	o := login.Options{
		CACert: w.CA, Env: func(name string) string { return w.Env[name] },
		Policy:  retry.Policy{Attempts: 4, First: time.Millisecond, Max: 4 * time.Millisecond},
		Timeout: 20 * time.Second,
		Notify:  func(line string) { w.Said = append(w.Said, line) },
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

// Open logs in.
func (w *World) Open(t *testing.T, change ...func(*login.Options)) *login.Session {
	t.Helper()
	s, err := login.Open(t.Context(), w.Options(change...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// In sets variables of the environment.
func (w *World) In(env map[string]string) *World {
	maps.Copy(w.Env, env)
	return w
}

// Clean fails the test if the error shows a secret, more than one line, or what
// only a machine can read.
func Clean(t *testing.T, err error) {
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
