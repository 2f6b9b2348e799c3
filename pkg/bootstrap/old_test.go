package bootstrap_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// oldState makes of an installed cloud's state one as an older release has kept it.
func oldState(t *testing.T) *cloud {
	t.Helper()
	c := installed(t)
	c.age(t)
	return c
}

// age makes the state one as an older release has kept it.
func (c *cloud) age(t *testing.T) {
	t.Helper()
	store := c.stores["ci"]
	var said struct {
		Configuration json.RawMessage
		Chosen        map[string]any
	}
	if err := json.Unmarshal([]byte(c.document(t, "operator/configuration.json")), &said); err != nil {
		t.Fatal(err)
	}
	delete(said.Chosen, "components")
	record := map[string]any{}
	if err := json.Unmarshal([]byte(c.document(t, "run/record.json")), &record); err != nil {
		t.Fatal(err)
	}
	for key, value := range said.Chosen {
		record[key] = value
	}
	record["desired"] = set // with kinds and upstreams
	var credentials map[string]any
	if err := json.Unmarshal([]byte(c.document(t, credentialsName)), &credentials); err != nil {
		t.Fatal(err)
	}
	delete(credentials["values"].(map[string]any), manifest.StateKey)
	names, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		found, err := store.Get(t.Context(), name)
		if err == nil {
			err = store.Delete(t.Context(), name, found.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]any{
		"config.json": said.Configuration, "credentials.json": credentials, "installation.json": record,
		"environment/state.json": map[string]any{"director_id": "d-1"}, "journal/42.json": map[string]any{"schema": 1},
	} {
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		put(t, store, name, body)
	}
	c.operator = &operator{keyless: true}
	c.written()
}

// The state of an older release is moved once, by hand, with a question; nothing is read
// there afterwards.
func TestDeploy_movesTheStateOfAnOlderRelease(t *testing.T) {
	c := oldState(t)
	store := c.stores["ci"]
	i, shown := c.install(t, given())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "is from an older release, and not signed") || !strings.Contains(err.Error(), "--accept-stored") {
		t.Errorf("without an answer it ends with %v", err)
	}
	if said := strings.Join(shown.lines, "\n"); !strings.Contains(said, "in the state: chosen zones") || !strings.Contains(said, "generated credentials") {
		t.Errorf("it lists\n%s", said)
	}
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 5 || c.operator.made {
		t.Errorf("it has left %v, made a key: %t, %v", names, c.operator.made, err)
	}
	if at, _ := c.attempt(t, bootstrap.Options{Self: true, Components: set}, nil); at.Step != "state" || !strings.Contains(at.Error(), "run perpetual deploy ci by hand once") {
		t.Errorf("the pipeline's run ends with %v", at)
	}
	c.operator.yes = true
	i, _ = c.install(t, given())
	p, err := i.Plan(t.Context(), bootstrap.Options{})
	var at *step.Error
	if !errors.As(err, &at) || at.Step != "deploy" || p.Steps[0].Summary != "would be signed and encrypted" || !slices.Contains(p.Steps[0].Lines, "- config.json") {
		t.Errorf("the plan is %+v, %v", p.Steps, err)
	}
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 5 {
		t.Errorf("the plan has left %v, %v", names, err)
	}
	if at := c.deploy(t, given()); at.Step != "deploy" || !c.operator.made {
		t.Errorf("with a yes it ends with %v", at)
	}
	names, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "leases/") })
	want := []string{"operator/configuration.json", "operator/credentials.json", "operator/pipeline.json", "run/environment/state.json", "run/journal/42.json", "run/record.json"}
	if !slices.Equal(names, want) {
		t.Errorf("it has left %v, want %v", names, want)
	}
	if made := c.written(); len(made) != 0 {
		t.Errorf("besides it made %v", made)
	}
	for _, name := range []string{"config.json", "installation.json"} {
		put(t, store, name, []byte(`{"schema": 1, "name": "ci", "manifest": {"vars": {"director_cpi_url": "https://evil.example.com"}}}`))
	}
	if at := c.deploy(t, given()); at.Step != "deploy" || strings.Contains(c.document(t, "operator/configuration.json"), "evil") {
		t.Errorf("old documents are read again: %v", at)
	}
	if names, err := store.List(t.Context(), ""); err != nil || slices.ContainsFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, "operator/") && !strings.HasPrefix(name, "run/")
	}) {
		t.Errorf("in the end there is %v, %v", names, err)
	}
}

// Whatever write a move dies at, the next run ends it.
func TestDeploy_goesOnWithAMoveThatWasKilled(t *testing.T) {
	for failing := 1; ; failing++ {
		c := oldState(t)
		c.operator.yes = true
		inner := c.stores["ci"]
		i, _ := c.install(t, given())
		broken := &breaking{Store: inner, after: failing}
		c.stores["ci"] = broken
		_, err := i.Deploy(t.Context(), bootstrap.Options{})
		c.stores["ci"] = inner
		var at *step.Error
		if errors.As(err, &at) && at.Step == "deploy" && !broken.broke {
			break // there are no more writes
		}
		for _, name := range []string{"leases/installation", "run/leases/installation"} {
			if found, err := inner.Get(t.Context(), name); err == nil {
				if err := inner.Delete(t.Context(), name, found.Revision); err != nil {
					t.Fatal(err)
				}
			}
		}
		if at := c.deploy(t, given()); at.Step != "deploy" {
			t.Errorf("after write %d had failed the next run ends with %v", failing, at)
		}
		if list, err := inner.List(t.Context(), ""); err != nil || slices.Contains(list, "config.json") || !slices.Contains(list, "operator/configuration.json") {
			t.Errorf("after write %d had failed there is %v, %v", failing, list, err)
		}
		if made := c.written(); slices.Contains(made, "vm") || slices.Contains(made, "stack") {
			t.Errorf("after write %d had failed it made %v", failing, made)
		}
	}
}

// breaking is a store that takes no more writes after some.
type breaking struct {
	state.Store
	after int
	broke bool
}

// Put implements state.Store.
func (b *breaking) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if b.fails(name) {
		return "", errBroken
	}
	return b.Store.Put(ctx, name, body, revision)
}

// Delete implements state.Store.
func (b *breaking) Delete(ctx context.Context, name, revision string) error {
	if b.fails(name) {
		return errBroken
	}
	return b.Store.Delete(ctx, name, revision)
}

// fails counts the writes; those of leases do not count.
func (b *breaking) fails(name string) bool {
	if strings.Contains(name, "leases/") {
		return b.broke
	}
	b.after--
	b.broke = b.broke || b.after < 0
	return b.broke
}
