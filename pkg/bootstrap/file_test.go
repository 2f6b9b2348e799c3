package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// files are a user's files by name.
func files(texts map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, has := texts[name]; has {
			return []byte(text), nil
		}
		return nil, errors.New("no such file: " + name)
	}
}

// The installer reads vars files as the bosh CLI does, as puts do.
func TestDeploy_readsVarsFilesAsTheBoshCLIDoes(t *testing.T) {
	c, cfg := newCloud(), given()
	cfg.Manifest.DirectorOpsFiles, cfg.Manifest.VarsFiles = []string{"ops.yml"}, []string{"vars.yml"}
	i, shown := c.install(t, cfg)
	i.Files = files(map[string]string{
		"ops.yml":  "- type: replace\n  path: /mine?\n  value: [((flag)), ((day)), ((twice))]\n",
		"vars.yml": "flag: off\nday: 2026-01-02\ntwice: 1\ntwice: 2\n",
	})
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if len(c.env) == 0 {
		t.Fatalf("no director was made: %v", err)
	}
	for name, want := range map[string]any{"flag": false, "day": "2026-01-02", "twice": 2} {
		if got := c.env[0].Vars[name]; got != want {
			t.Errorf("%s = %#v, want %#v", name, got, want)
		}
	}
	said := slices.DeleteFunc(slices.Clone(shown.lines), func(line string) bool {
		return !strings.HasPrefix(line, "warning: vars.yml: line 4: duplicate key \"twice\"")
	})
	if len(said) != 1 {
		t.Errorf("the second key is named %d times: %q", len(said), shown.lines)
	}
}

func TestDeploy_saysWhereAVarsFileIsBroken(t *testing.T) {
	c, cfg := newCloud(), given()
	cfg.Manifest.VarsFiles = []string{"vars.yml"}
	i, _ := c.install(t, cfg)
	i.Files = files(map[string]string{"vars.yml": "a: 1\nb: c: d\n"})
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if err == nil || !strings.Contains(err.Error(), "parse vars.yml: yaml: line 2: mapping values are not allowed") {
		t.Errorf("it ends with %v", err)
	}
}
