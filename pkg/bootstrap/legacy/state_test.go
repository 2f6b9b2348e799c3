package legacy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/legacy"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// store has some documents.
func store(t *testing.T, documents map[string]string) state.Store {
	t.Helper()
	s, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range documents {
		if _, err := s.Put(t.Context(), name, []byte(text), ""); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// names lists all documents.
func names(t *testing.T, s state.Store) string {
	t.Helper()
	list, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// before is a state of an older release.
func before() map[string]string {
	return map[string]string{
		"config.json":            `{"schema": 1, "name": "ci", "workers": {"count": 3}}`,
		"credentials.json":       `{"schema": 1, "values": {"web_password": "canary"}}`,
		"installation.json":      `{"schema": 1, "region": "eu-central-1", "components": [{"name": "concourse", "url": "https://evil.example.com/x.tgz"}], "director": true, "files": {"extra.yml": "[]"}}`,
		"environment/state.json": `{"director_id": "d-1"}`,
		"journal/42.json":        `{"schema": 1}`,
		"leases/installation":    `{}`,
	}
}

func TestLoad_readsWhatAnOlderReleaseHasKept(t *testing.T) {
	s := store(t, before())
	if found, err := legacy.Found(t.Context(), s); err != nil || !found {
		t.Errorf("found: %t, %v", found, err)
	}
	got, err := legacy.Load(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Config.Workers.Count != 3 || got.Choice.Region != "eu-central-1" || !got.Findings.Director || got.Files["extra.yml"] != "[]" || got.Credentials["web_password"] != "canary" || len(got.Bodies) != 3 {
		t.Errorf("it reads %+v", got)
	}
	// Nobody has said where components come from.
	if got.Choice.Components != nil {
		t.Errorf("it takes %v", got.Choice.Components)
	}
	if c, err := legacy.LoadConfig(t.Context(), s); err != nil || c.Workers.Count != 3 {
		t.Errorf("the configuration alone is %+v, %v", c, err)
	}
}

func TestLoad_ofAnotherStateIsEmpty(t *testing.T) {
	s := store(t, map[string]string{"operator/configuration.json": "{}", "run/record.json": "{}"})
	found, err := legacy.Found(t.Context(), s)
	if err != nil || found {
		t.Errorf("found: %t, %v", found, err)
	}
	got, err := legacy.Load(t.Context(), s)
	if err != nil || got.Config != nil || got.Files != nil || len(got.Credentials) > 0 {
		t.Errorf("it reads %+v, %v", got, err)
	}
	if c, err := legacy.LoadConfig(t.Context(), s); err != nil || c != nil {
		t.Errorf("the configuration alone is %+v, %v", c, err)
	}
	damaged := store(t, map[string]string{"installation.json": "{"})
	if _, err := legacy.Load(t.Context(), damaged); err == nil || !strings.Contains(err.Error(), "installation.json") {
		t.Errorf("a damaged record ends with %v", err)
	}
}

// What has the same form today is copied, also over what a run that was killed has copied;
// then all of it goes but a lease that is held.
func TestCopy_thenClear(t *testing.T) {
	all := before()
	all["run/journal/42.json"], all["operator/configuration.json"] = "half", "signed"
	s := store(t, all)
	if err := legacy.Copy(t.Context(), s, "run/"); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Get(t.Context(), "run/journal/42.json"); err != nil || string(found.Body) != `{"schema": 1}` {
		t.Errorf("the journal is %q, %v", found.Body, err)
	}
	const kept = "operator/configuration.json run/environment/state.json run/journal/42.json"
	if err := legacy.Clear(t.Context(), s, true); err != nil || names(t, s) != "leases/installation "+kept {
		t.Errorf("while the lease is held there is %q, %v", names(t, s), err)
	}
	if err := legacy.Clear(t.Context(), s, false); err != nil || names(t, s) != kept {
		t.Errorf("at last there is %q, %v", names(t, s), err)
	}
	if _, err := s.Get(t.Context(), legacy.Record); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
}
