package account_test

import (
	"testing"

	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

func TestKeyPair_isFoundByItsName(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.Cloud.AddKeyPair("perpetual-ci", map[string]string{"team": "b"})
	w.Cloud.AddKeyPair("perpetual-ci-2", nil)
	a := w.open(t)
	if pair, found, err := a.KeyPair(t.Context(), "perpetual-ci"); err != nil || !found || pair.ID == "" || pair.Tags["team"] != "b" {
		t.Errorf("%+v, %v, %v", pair, found, err)
	}
	if pair, found, err := a.KeyPair(t.Context(), "perpetual"); err != nil || found {
		t.Errorf("%+v, %v, %v", pair, found, err)
	}
}
