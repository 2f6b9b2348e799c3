package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// pipelineOf is an ATC that has one pipeline.
type pipelineOf struct {
	bootstrap.ATC
	text *[]byte
}

func (p pipelineOf) Info(context.Context) (concourse.Info, error) {
	return concourse.Info{Version: "8.2.4"}, nil
}

func (p pipelineOf) PipelineConfig(context.Context, concourse.Pipeline) (concourse.PipelineConfig, error) {
	return concourse.PipelineConfig{YAML: *p.text, Exists: len(*p.text) > 0}, nil
}

// DiffPipeline implements bootstrap.ATC.
func (p pipelineOf) DiffPipeline(_ context.Context, _ concourse.Pipeline, text []byte) (concourse.PipelineChange, error) {
	return concourse.PipelineChange{Created: len(*p.text) == 0, Updated: len(*p.text) > 0 && !bytes.Equal(*p.text, text)}, nil
}

func (p pipelineOf) SetPipeline(_ context.Context, _ concourse.Pipeline, text []byte) (concourse.PipelineChange, error) {
	*p.text = text
	return concourse.PipelineChange{Updated: true}, nil
}

func (p pipelineOf) UnpausePipeline(context.Context, string, concourse.Pipeline) error { return nil }

// ArchivePipeline implements bootstrap.ATC.
func (p pipelineOf) ArchivePipeline(context.Context, concourse.Pipeline) error { return nil }

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

	running := []byte("jobs: [{name: lint, plan: [{get: components}]}, {name: verify, plan: [{task: mine, file: x}]}]\nresources: [{name: room, type: slack, source: {icon: S3CR3T}}]\n" +
		"resource_types: [{name: perpetual, type: registry-image, source: {repository: evil.example.com/x}}]\n")
	i, shown := c.install(t, given())
	i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return pipelineOf{text: &running}, nil }
	_, err := i.Deploy(t.Context(), bootstrap.Options{Self: true, Components: set})
	for _, want := range []string{"on_failure:", "put: room", "text: ((slack.text))", "name: lint", "name: room", "task: deploy"} {
		if !strings.Contains(string(running), want) {
			t.Errorf("the pipeline lacks %q (%v):\n%s", want, err, running)
		}
	}
	said := strings.Join(shown.lines, "\n")
	if image := "~ resource_types/perpetual/source/repository: evil.example.com/x → "; !strings.Contains(said, image) || strings.Contains(said, "S3CR3T") {
		t.Errorf("no %q, or a value that others have added, in:\n%s", image, said)
	}
	for _, want := range []string{
		"warning: pipeline self-upgrade keeps what the bundled one does not have: job lint, resource room",
		"warning: pipeline self-upgrade loses steps that the bundled one does not have: task mine of job verify; add them with pipeline.ops_files",
	} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, said)
		}
	}
}

// The tag of the worker on which the pipeline runs is the configuration's: it comes and
// goes with it, and is not taken for something that people have added.
func TestDeploy_tagsThePipelineAsLongAsThereIsAWorkerForIt(t *testing.T) {
	c := newCloud()
	running := []byte{}
	converge := func(tag string) string {
		t.Helper()
		cfg := given()
		if cfg.Upgrade.WorkerTag = tag; tag == "" {
			cfg.Reset = []string{"upgrade.worker_tag"}
		}
		if at := c.deploy(t, cfg); !errors.Is(at, errNoDirector) {
			t.Fatal(at)
		}
		i, shown := c.install(t, given())
		i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return pipelineOf{text: &running}, nil }
		_, _ = i.Deploy(t.Context(), bootstrap.Options{Self: true, Components: set})
		return strings.Join(shown.lines, "\n")
	}
	for _, tag := range []string{"", "up", ""} {
		said := converge(tag)
		var config struct {
			Resources []struct{ Tags []string }
			Jobs      []struct{ Plan []struct{ Tags []string } }
		}
		if err := yaml.Unmarshal(running, &config); err != nil || len(config.Resources) == 0 {
			t.Fatalf("%v\n%s\n%s", err, said, running)
		}
		for _, r := range config.Resources {
			if strings.Join(r.Tags, " ") != tag {
				t.Errorf("with worker_tag %q a resource has the tags %q", tag, r.Tags)
			}
		}
		if step := config.Jobs[0].Plan[0]; strings.Join(step.Tags, " ") != tag {
			t.Errorf("with worker_tag %q the first step has the tags %q", tag, step.Tags)
		}
		if wanted := c.applied[len(c.applied)-1].UpgradeWorker; wanted != (tag != "") {
			t.Errorf("with worker_tag %q the stack was made for %t", tag, wanted)
		}
	}
}
