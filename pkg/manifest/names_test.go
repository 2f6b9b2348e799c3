package manifest_test

import (
	"encoding/json"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// What is in a pipeline of ours and not in the list would be taken for something
// that people have added, and stay for ever once a later version is without it.
func TestPipeline_hasOnlyNamesThatAreListed(t *testing.T) {
	texts := map[string][]byte{"self-upgrade.yml": pipelines.SelfUpgrade()}
	for name, in := range inputs(t) {
		in.User.PipelineOpsFiles = nil
		texts[name] = render(t, "pipeline", in)
	}
	for name, text := range texts {
		ours := pipelines.InstallationNames()
		if name == "self-upgrade.yml" {
			ours = pipelines.Names()
		}
		_, foreign, err := concourse.Keep(text, bare(t, text), ours)
		if err != nil || len(foreign.Kept)+len(foreign.Lost) > 0 {
			t.Errorf("%s: %v, add to pipelines.Names: %q %q", name, err, foreign.Kept, foreign.Lost)
		}
	}
}

// bare has the items of a pipeline without all but their names.
func bare(t *testing.T, text []byte) []byte {
	t.Helper()
	var sections map[string][]struct {
		Name string `json:"name"`
		Plan []any  `json:"plan"`
	}
	if err := yaml.Unmarshal(text, &sections); err != nil {
		t.Fatal(err)
	}
	for _, items := range sections {
		for i := range items {
			items[i].Plan = []any{}
		}
	}
	encoded, err := json.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
