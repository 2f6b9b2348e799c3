package docs_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/configvalidate"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/docs/block"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// isValidPipeline does what fly validate-pipeline --strict does, and reads every source
// and all params of this resource type as the resource does.
func isValidPipeline(t *testing.T, b block.Block) {
	var pipeline atc.Config
	if err := atc.UnmarshalConfig([]byte(b.Text), &pipeline); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	warnings, problems := configvalidate.Validate(pipeline)
	for _, w := range warnings {
		t.Errorf("%s: warning: %s", b, w.Message)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", b, p)
	}
	sources := map[string]atc.Source{}
	for _, r := range pipeline.Resources {
		if r.Type == "perpetual" {
			sources[r.Name] = r.Source
			request := decodes(t, b, resource.DecodeCheck, object{"source": r.Source})
			if err := upstream.Validate(request.Source); request.Source.IsComponents() && err != nil {
				t.Errorf("%s: resource %s: %v", b, r.Name, err)
			}
		}
	}
	if len(sources) == 0 {
		t.Errorf("%s: no resource is of type perpetual", b)
	}
	for _, job := range pipeline.Jobs {
		err := job.StepConfig().Visit(atc.StepRecursor{
			OnGet: func(s *atc.GetStep) error {
				if source, ours := sources[s.ResourceName()]; ours {
					decodes(t, b, resource.DecodeIn, object{"source": source, "version": object{"task": "42"}, "params": s.Params})
				}
				return nil
			},
			OnPut: func(s *atc.PutStep) error {
				if source, ours := sources[s.ResourceName()]; ours {
					decodes(t, b, resource.DecodeOut, object{"source": source, "params": s.Params})
				}
				return nil
			},
		})
		if err != nil {
			t.Errorf("%s: job %s: %v", b, job.Name, err)
		}
	}
}

// object is a JSON object.
type object = map[string]any

// decodes has a request read as the resource reads it.
func decodes[T any](t *testing.T, b block.Block, decode func(io.Reader) (T, error), request object) T {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := decode(bytes.NewReader(text))
	if err != nil {
		t.Errorf("%s: %v: %s", b, err, text)
	}
	return decoded
}

// isValidStep puts a step into a pipeline, after a get of everything that it takes, and
// reads the request of its task. What it abbreviates ({…}) is filled in.
func isValidStep(t *testing.T, b block.Block) {
	text := strings.NewReplacer(
		"director: {…}", "director: {url: 'https://10.0.0.6:25555', client: ci, client_secret: s}",
		"concourse: {…}", "concourse: {url: 'https://ci.example.com', username: perpetual, password: p}").Replace(b.Text)
	pipeline := "resources:\n- {name: components, type: mock, source: {}}\n- {name: perpetual-image, type: mock, source: {}}\njobs:\n- name: upgrade\n  plan:\n" +
		"  - {get: components}\n  - {get: perpetual-image}\n" + "  " + strings.TrimSpace(strings.ReplaceAll(text, "\n", "\n  ")) + "\n"
	var whole atc.Config
	if err := atc.UnmarshalConfig([]byte(pipeline), &whole); err != nil {
		t.Fatalf("%s: %v\n%s", b, err, pipeline)
	}
	_, problems := configvalidate.Validate(whole)
	for _, p := range problems {
		t.Errorf("%s: %s", b, p)
	}
	requests := 0
	err := whole.Jobs[0].StepConfig().Visit(atc.StepRecursor{OnTask: func(s *atc.TaskStep) error {
		if request, ok := s.Params["PERPETUAL_REQUEST"]; ok {
			requests++
			if _, err := resource.DecodeOut(strings.NewReader(request)); err != nil {
				t.Errorf("%s: %v: %s", b, err, request)
			}
		}
		return nil
	}})
	if err != nil || requests != 1 {
		t.Errorf("%s: %d requests, want 1; error %v", b, requests, err)
	}
}

// isValidConfiguration takes a part of perpetual.yml for an installation on AWS.
func isValidConfiguration(t *testing.T, b block.Block) {
	text := "name: ci\naws: {region: eu-central-1}\n" + strings.ReplaceAll(b.Text, "MCowBQYDK2VwAyEA…", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")
	c, err := config.Parse(b.File, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	for _, p := range check.Config(config.Defaults(c), time.Unix(0, 0)) {
		if !p.Warning {
			t.Errorf("%s: %v", b, p)
		}
	}
}

// applies lays an ops file over the bundled manifest.
func applies(t *testing.T, b block.Block) {
	bundled := bundle.Concourse()
	got, err := template.Render(template.Template{File: bundled, OpsFiles: []template.File{{Name: b.File, Text: []byte(b.Text)}}, Partial: true})
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if plain, err := template.Render(template.Template{File: bundled, Partial: true}); err != nil || bytes.Equal(plain, got) {
		t.Errorf("%s: it changes nothing (error %v)", b, err)
	}
}
