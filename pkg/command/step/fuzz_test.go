package step

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// FuzzInput feeds foreign bytes as the files of a put: what is read is bounded,
// and what is refused is refused in one line that shows nothing of a vars file.
func FuzzInput(f *testing.F) {
	f.Add("a: 1\nb: {c: [x]}", "azs: []", "- {type: remove, path: /a}", "jobs: []", `[{"name":"bpm","kind":"release","version":"1"}]`)
	f.Add("a: &a [1]\nb: *a\n<<: {c: d}", "[]", "", "((x))", `[]`)
	f.Add("password: !!binary x", "\x00", "{", "&a", `[null]`)
	f.Fuzz(func(t *testing.T, vars, cloud, ops, pipeline, set string) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "set"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"v": "canary_key: canary-value\n" + vars, "c": cloud, "o": ops, "p": pipeline, "set/components.json": set} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		in, err := readInput(resource.OutParams{
			Components: "set", OpsFiles: []string{"o"}, VarsFiles: []string{"v"}, CloudConfig: "c",
			Pipeline: &resource.PipelineParams{File: "p", VarsFiles: []string{"v"}},
		}, dir)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "canary-value") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, layer := range in.Vars {
			if err := template.Bounded(layer); err != nil {
				t.Errorf("variables were taken: %v", err)
			}
		}
	})
}
