package bootstrap_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// With its key the pipeline reads the configuration and its own view of the credentials.
// That has what the director is rendered with, the key of NATS's CA too; the key of the
// director's CA and the pipeline's own are not in it, and the credentials are closed.
func TestView_lacksWhatOnlyAnOperatorNeeds(t *testing.T) {
	c := installed(t)
	pipeline, err := seal.ParseIdentity(c.inside(t).Identity)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) ([]byte, error) {
		e, err := seal.Peek([]byte(c.bodies(t)[name]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return pipeline.Decrypt(e.Body)
	}
	if plain, err := read(credentialsName); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("it reads %d bytes of the credentials, %v", len(plain), err)
	}
	if _, err := read("operator/configuration.json"); err != nil {
		t.Errorf("of the configuration it reads nothing: %v", err)
	}
	plain, err := read("operator/pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, view struct{ Values map[string]any }
	if err := errors.Join(json.Unmarshal([]byte(c.document(t, credentialsName)), &all), json.Unmarshal(plain, &view)); err != nil {
		t.Fatal(err)
	}
	private := func(values map[string]any, name string) string {
		pair, _ := values[name].(map[string]any)
		key, _ := pair["private_key"].(string)
		return key
	}
	if all.Values[manifest.StateKey] == nil || private(all.Values, endpoint.DirectorCA) == "" {
		t.Fatal("the credentials themselves lack a key")
	}
	if view.Values[manifest.StateKey] != nil || private(view.Values, endpoint.DirectorCA) != "" {
		t.Error("the view has a key that only an operator needs")
	}
	if private(view.Values, "nats_ca") != private(all.Values, "nats_ca") || private(view.Values, "nats_ca") == "" || view.Values["director_admin_password"] != all.Values["director_admin_password"] {
		t.Error("the view lacks what the director is rendered with")
	}
}
