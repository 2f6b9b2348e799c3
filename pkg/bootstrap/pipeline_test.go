package bootstrap_test

import (
	"context"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// pipelineOf is an ATC that has one pipeline.
type pipelineOf struct {
	bootstrap.ATC
	text *[]byte
}

func (p pipelineOf) Info(context.Context) (upgrade.ATCInfo, error) {
	return upgrade.ATCInfo{Version: "8.2.4"}, nil
}

func (p pipelineOf) Pipeline(context.Context, upgrade.PipelineRef) (upgrade.PipelineConfig, error) {
	return upgrade.PipelineConfig{YAML: *p.text, Exists: len(*p.text) > 0}, nil
}

func (p pipelineOf) SetPipeline(_ context.Context, _ upgrade.PipelineRef, text []byte) (upgrade.PipelineChange, error) {
	*p.text = text
	return upgrade.PipelineChange{Updated: true}, nil
}

func (p pipelineOf) Unpause(context.Context, upgrade.PipelineRef) error { return nil }

func (p pipelineOf) Teams() upgrade.Concourse { return nil }

// The pipeline sets itself without files: its ops files are in the state since the
// deploy by hand. What people have added with fly stays, and is named.
func TestDeploy_setsThePipelineWithTheUsersOpsFiles(t *testing.T) {
	c, cfg := newCloud(), given()
	cfg.Pipeline.OpsFiles = []string{"notify.yml"}
	i, _ := c.install(t, cfg)
	i.Files = files(map[string]string{"notify.yml": "- type: replace\n  path: /jobs/name=verify/on_failure?\n  value: {put: room, params: {text: ((slack.text))}}\n"})
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); err == nil {
		t.Fatal("the director has answered")
	}

	running := []byte("jobs: [{name: lint, plan: [{get: components}]}, {name: verify, plan: [{task: mine, file: x}]}]\nresources: [{name: room, type: slack, source: {}}]\n")
	i, shown := c.install(t, given())
	i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return pipelineOf{text: &running}, nil }
	_, err := i.Deploy(t.Context(), bootstrap.Options{Self: true, Components: set})
	for _, want := range []string{"on_failure:", "put: room", "text: ((slack.text))", "name: lint", "name: room", "task: deploy"} {
		if !strings.Contains(string(running), want) {
			t.Errorf("the pipeline lacks %q (%v):\n%s", want, err, running)
		}
	}
	said := strings.Join(shown.lines, "\n")
	for _, want := range []string{
		"warning: pipeline self-upgrade keeps what the bundled one does not have: job lint, resource room",
		"warning: pipeline self-upgrade loses steps that the bundled one does not have: task mine of job verify; add them with pipeline.ops_files",
	} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, said)
		}
	}
}
