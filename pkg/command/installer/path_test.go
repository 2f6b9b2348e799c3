package installer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A path in perpetual.yml stays in its folder, links included; by flag or in the
// environment a file may be anywhere.
func TestConfigValidate_keepsPathsInTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const ops = "- {type: replace, path: '/instance_groups/name=web/env?/x', value: 1}\n"
	write(t, dir, map[string]string{"outside.yml": ops, "in/inside.yml": ops, "in/below/ops.yml": ops})
	if err := os.Symlink("../outside.yml", filepath.Join(dir, "in", "link.yml")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ops_files", "director_ops_files", "cloud_config_ops_files", "vars_files"} {
		for name, good := range map[string]bool{
			"inside.yml": true, "below/ops.yml": true, "below/../inside.yml": true,
			"../outside.yml": false, filepath.Join(dir, "outside.yml"): false, "link.yml": false, "below/../../outside.yml": false,
		} {
			write(t, dir, map[string]string{"in/perpetual.yml": "name: ci\naws: {region: eu-central-1}\nmanifest: {" + key + ": ['" + name + "']}\n"})
			p := run(t, filepath.Join(dir, "in"), nil, "config", "validate")
			if refused := strings.Contains(p.stderr, "must not leave its folder"); refused == good || !good && (p.code != 1 || strings.Count(p.stderr, "\n") != 1) {
				t.Errorf("%s: %s: code %d\n%s", key, name, p.code, p.stderr)
			}
		}
	}
	write(t, dir, map[string]string{"in/perpetual.yml": "name: ci\naws: {region: eu-central-1}\n"})
	in := filepath.Join(dir, "in")
	if p := run(t, in, nil, "config", "validate", "--manifest-ops-files", "../outside.yml"); p.code != 0 {
		t.Errorf("by flag: code %d\n%s", p.code, p.stderr)
	}
	if p := run(t, in, []string{"PERPETUAL_MANIFEST_OPS_FILES=" + filepath.Join(dir, "outside.yml")}, "config", "validate"); p.code != 0 {
		t.Errorf("in the environment: code %d\n%s", p.code, p.stderr)
	}
}
