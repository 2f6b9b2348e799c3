package bootstrap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/stock"
)

// What stands in a document below run/ for what an attacker would like to be taken.
const (
	canaryText   = "https://canary.example.com/../cpi.tgz"
	canaryNumber = 424242
)

// fullRecord is run/record.json with every field that it may have.
const fullRecord = `{
  "schema": 1, "program": "1.2.3", "stack": true, "director": true, "deployment": true, "unpause": true,
  "desired": [{"name": "bpm", "version": "1.4.33"}, {"name": "concourse", "version": "8.2.4"}, {"name": "stemcell", "version": "1.1340", "stemcell": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "kind": "stemcell", "upstream": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"}],
  "submitted": [{"name": "concourse", "version": "8.2.4"}],
  "applied": [{"name": "concourse", "version": "8.2.4"}],
  "director_versions": {"bosh": "283.1.6"},
  "steps": [{"step": "credentials", "status": "changed", "report": "generated 3", "at": "2026-11-29T12:00:00Z"}]
}`

// variant is a document with one thing changed.
type variant struct {
	name string
	body string
}

// variants are a JSON document with each leaf replaced, an item more in each list, and, all
// together as nobody knows them, a key more in each object.
func variants(t *testing.T, text string) (list []variant) {
	t.Helper()
	var whole any
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	add := func(name string) {
		body, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, variant{name, string(body)})
	}
	var objects []map[string]any
	var walk func(path string, value any, set func(any))
	walk = func(path string, value any, set func(any)) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				inner := v[key]
				walk(path+"."+key, inner, func(n any) { v[key] = n })
			}
			objects = append(objects, v)
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), inner, func(n any) { v[i] = n })
			}
			set(append(slices.Clone(v), canaryText))
			add(path + " with an item more")
			set(v)
		case string:
			set(canaryText)
			add(path + " as a canary")
			set(v)
		case float64:
			set(canaryNumber)
			add(path + " as another number")
			set(v)
		case bool:
			set(!v)
			add(path + " as the opposite")
			set(v)
		}
	}
	walk("record", whole, func(any) {})
	for _, object := range objects {
		object["canary_url"] = canaryText
	}
	add("record with a key more in each object")
	return list
}

// spied is a director that answers nothing, and notes what it is asked.
type spied struct {
	deaf
	asked *strings.Builder
}

// Upload implements upgrade.Director.
func (s spied) Upload(_ context.Context, a stock.Artifact) (int, error) {
	fmt.Fprintf(s.asked, "upload %+v\n", a)
	return 0, errNoDirector
}

// CloudConfig implements upgrade.Director: there is none.
func (spied) CloudConfig(context.Context) (bosh.ConfigVersion, error) {
	return bosh.ConfigVersion{}, bosh.ErrNotFound
}

// UpdateConfig implements upgrade.Director.
func (s spied) UpdateConfig(_ context.Context, kind, _, text, _ string) (bosh.ConfigVersion, error) {
	fmt.Fprintf(s.asked, "%s config %s\n", kind, text)
	return bosh.ConfigVersion{}, errNoDirector
}

// Diff implements upgrade.Director.
func (s spied) Diff(_ context.Context, _ string, text []byte) (bosh.Diff, error) {
	fmt.Fprintf(s.asked, "diff %s\n", text)
	return bosh.Diff{}, errNoDirector
}

// Deployment implements upgrade.Director: nothing is deployed.
func (s spied) Deployment(context.Context, string) (bosh.Deployment, error) {
	return bosh.Deployment{}, bosh.ErrNotFound
}

// For every field that runs write, whatever is in it changes nothing that a run by hand
// executes, reads or sends, and nothing that the operator's documents say.
func TestDeploy_takesNothingFromWhatRunsHaveWritten(t *testing.T) {
	c := installed(t)
	store := c.stores["ci"]
	for _, v := range variants(t, fullRecord) {
		for _, verb := range []string{"plan", "deploy"} {
			put(t, store, "run/record.json", []byte(v.body))
			c.env, c.applied = nil, nil
			var asked strings.Builder
			i, _ := c.install(t, given())
			i.Director = func(d resource.Director) (bootstrap.Director, func(), error) {
				fmt.Fprintf(&asked, "director %+v %s\n", d, d.Password.Reveal())
				return spied{asked: &asked}, func() {}, nil
			}
			i.ATC = func(a resource.Concourse) (bootstrap.ATC, error) {
				fmt.Fprintf(&asked, "web %+v\n", a)
				return silent{}, nil
			}
			i.Components = func(_ context.Context, source resource.Source, exactly resource.Version) ([]component.Component, error) {
				fmt.Fprintf(&asked, "components %+v %v\n", source, exactly)
				return exact(set, exactly), nil
			}
			i.Files = func(name string) ([]byte, error) {
				fmt.Fprintf(&asked, "file %s\n", name)
				return nil, errNoDirector
			}
			if verb == "plan" {
				_, _ = i.Plan(t.Context(), bootstrap.Options{})
			} else {
				_, _ = i.Deploy(t.Context(), bootstrap.Options{})
			}
			for _, r := range c.env {
				fmt.Fprintf(&asked, "create-env %s %v\n", r.Manifest, r.Vars.Reveal())
			}
			for _, w := range c.applied {
				fmt.Fprintf(&asked, "stack %+v\n", w)
			}
			for name, value := range c.parameters {
				fmt.Fprintf(&asked, "parameter %s %s\n", name, value)
			}
			for _, name := range document.Names()[:3] {
				fmt.Fprintf(&asked, "%s %s\n", name, c.document(t, name))
			}
			for line := range strings.Lines(asked.String()) {
				if strings.Contains(line, "canary.example.com") || strings.Contains(line, fmt.Sprint(canaryNumber)) {
					t.Errorf("%s: %s takes it: %.300s", v.name, verb, line)
				}
			}
		}
	}
}

// A version of the record is looked up again: the upstream says from where, and with
// which digest, and what is no version is refused before anybody is asked.
func TestDeploy_looksUpWhatThePipelineHasDeployed(t *testing.T) {
	c := installed(t)
	c.record(t, func(r map[string]any) {
		for _, m := range r["desired"].([]any) {
			if m := m.(map[string]any); m["name"] == "concourse" {
				m["version"], m["url"], m["sha1"] = "8.2.9", canaryText, "canary"
			}
		}
	})
	var asked []resource.Version
	i, _ := c.install(t, given())
	i.Components = func(_ context.Context, source resource.Source, exactly resource.Version) ([]component.Component, error) {
		asked = append(asked, exactly)
		if len(source.Watch) != 1 {
			t.Errorf("%d components are looked up", len(source.Watch))
		}
		list := exact(set, exactly)
		list[1].URL, list[1].SHA1 = "https://bosh.io/concourse.tgz", "abc"
		return list[1:2], nil
	}
	_, _ = i.Deploy(t.Context(), bootstrap.Options{})
	if len(asked) != 1 || asked[0]["concourse"] != "8.2.9" {
		t.Errorf("it asked for %v", asked)
	}
	var said struct {
		Chosen struct{ Components []component.Component }
	}
	if err := json.Unmarshal([]byte(c.document(t, "operator/configuration.json")), &said); err != nil {
		t.Fatal(err)
	}
	if k := said.Chosen.Components[1]; k.Version != "8.2.9" || k.URL != "https://bosh.io/concourse.tgz" || k.SHA1 != "abc" {
		t.Errorf("it has stored %+v", k)
	}
	if text := c.document(t, "run/record.json"); strings.Contains(text, "canary") || strings.Contains(text, "bosh.io/") {
		t.Errorf("the record has more than versions: %s", text)
	}
}
