package manifest_test

import (
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// images are what the pipeline of an installation runs: the resource type's source, and
// the task's image.
func images(t *testing.T, in manifest.Input) (atc.Source, *atc.ImageResource, []atc.Step) {
	t.Helper()
	last, steps := task(t, in)
	for _, kind := range pipelineOf(t, in).ResourceTypes {
		if kind.Name == "perpetual" {
			return kind.Source, last.Config.ImageResource, steps
		}
	}
	t.Fatal("the pipeline has no resource type perpetual")
	return nil, nil, nil
}

func TestPipeline_runsImagesByTheirSignedDigests(t *testing.T) {
	for name, in := range inputs(t) {
		kind, image, steps := images(t, in)
		if kind["tag"] != signedDigest {
			t.Errorf("%s: the resource type runs in %v, want the digest %s", name, kind, signedDigest)
		}
		if got := image.Version["digest"]; got != "((.:perpetual_installer_digest))" {
			t.Errorf("%s: the task runs in %v, want the digest that was loaded", name, image.Version)
		}
		if load, ok := inTime(steps[2]).(*atc.LoadVarStep); !ok || load.Name != "perpetual_installer_digest" || load.File != "components/perpetual/installer_digest" {
			t.Errorf("%s: the digest of the task's image does not come from the components", name)
		}
	}
}

func TestPipeline_staysWithTheImageThatIsPinned(t *testing.T) {
	pinned := "sha256:" + strings.Repeat("0b", 32)
	in := input(t, "{name: ci, aws: {region: eu-central-1}, pipeline: {image: 'registry.example.com:5000/perpetual:1.3.0@"+pinned+"'}}", nil)
	kind, image, _ := images(t, in)
	if kind["repository"] != "registry.example.com:5000/perpetual" || kind["tag"] != pinned || image.Source["repository"] != kind["repository"] {
		t.Errorf("the resource type runs in %v, the task in %v, want %s", kind, image.Source, pinned)
	}
	if got := watched(t, in)["version"]; got != "1.3.0" {
		t.Errorf("it watches versions %v, want the pinned one", got)
	}
}

func TestPipeline_watchesSignedReleasesOfItsOwnMajor(t *testing.T) {
	in := input(t, "{name: ci, aws: {region: eu-central-1}}", func(in *manifest.Input) { in.Program = "2.4.1" })
	got := watched(t, in)
	if got["version"] != "2.x" || got["min_age"] != "24h" || got["allow_unsigned"] != false {
		t.Errorf("it watches %v", got)
	}
	in = input(t, "{name: ci, aws: {region: eu-central-1}, versions: {perpetual_repository: acme/fork, perpetual_keys: [one, two], perpetual_min_age: 72h}}", nil)
	got = watched(t, in)
	keys, _ := got["keys"].([]any)
	if got["github"] != "acme/fork" || len(keys) != 2 || got["min_age"] != "72h" {
		t.Errorf("of a fork it watches %v", got)
	}
}

func TestPipeline_ofUnsignedReleasesRunsTheirTags(t *testing.T) {
	in := input(t, "{name: ci, aws: {region: eu-central-1}, versions: {perpetual_unsigned: true}}", func(in *manifest.Input) { in.Versions.PerpetualTag = "" })
	kind, image, steps := images(t, in)
	if kind["tag"] != "1.3.0" || image.Version != nil || image.Source["tag"] != "((.:perpetual_version))-installer" || watched(t, in)["allow_unsigned"] != true {
		t.Errorf("the resource type runs in %v, the task in %+v", kind, image)
	}
	for _, step := range steps {
		if load, is := inTime(step).(*atc.LoadVarStep); is && load.Name == "perpetual_installer_digest" {
			t.Error("it loads a digest that there is not")
		}
	}
}

// watched is the watch of Perpetual itself.
func watched(t *testing.T, in manifest.Input) map[string]any {
	t.Helper()
	for _, r := range pipelineOf(t, in).Resources {
		if r.Name == "components" {
			watch, _ := r.Source["watch"].(map[string]any)
			found, _ := watch["perpetual"].(map[string]any)
			return found
		}
	}
	t.Fatal("the pipeline has no resource components")
	return nil
}
