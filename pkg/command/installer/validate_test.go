package installer_test

import (
	"strings"
	"testing"
)

// All that is wrong is said at once, with its lines: what has the wrong form, what does
// not go together, and the files that are missing or do not apply.
func TestConfigValidate_saysAllAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"perpetual.yml": `name: ci
aws: {region: eu-central-1}
access:
  port: 22
  web: [10.0.0.0/8, nowhere]
web: {instances: 2}
workers:
  cuont: 2
versions: {concourse: ">8 <7"}
`,
		"good/perpetual.yml": `name: ci
aws: {region: eu-central-1}
manifest:
  ops_files: [nosuch.yml, wrong.yml]
  cloud_config_ops_files:
  - cloud.yml
`,
		"good/wrong.yml": "- {type: remove, path: /instance_groups/name=nosuch}\n",
		"good/cloud.yml": "- {type: replace, path: /vm_types/name=web/cloud_properties/x, value: ((nobody))}\n",
	})
	p := run(t, dir, nil, "config", "validate", "--database-storage", "much")
	want := []string{
		`--database-storage: want a whole number, got "much"`, "perpetual.yml:4: access.port: 22", "perpetual.yml:5: access.web[1]: want an IPv4 network",
		"perpetual.yml:6: web.instances: is 2", "perpetual.yml:8: workers.cuont: unknown key", "perpetual.yml:9: versions.concourse: no version satisfies",
		"error: the configuration has 6 problems, listed above; nothing was changed",
	}
	lines := strings.Split(strings.TrimSpace(p.stderr), "\n")
	if p.code != 1 || p.stdout != "" || len(lines) != len(want) {
		t.Fatalf("code %d, stdout %q, stderr\n%s", p.code, p.stdout, p.stderr)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
	p = run(t, dir, nil, "config", "validate", "--config", "good/perpetual.yml")
	for _, part := range []string{"good/perpetual.yml:4: manifest.ops_files[0]: there is no file nosuch.yml", "good/perpetual.yml:4: manifest.ops_files[1]: ", "wrong.yml", "good/perpetual.yml:6: manifest.cloud_config_ops_files[0]: ", "3 problems"} {
		if p.code != 1 || !strings.Contains(p.stderr, part) {
			t.Errorf("code %d, stderr lacks %q:\n%s", p.code, part, p.stderr)
		}
	}
}

// What a flag or a variable has set over the file is said of those, not of a line that has
// another value.
func TestConfigValidate_saysWhatHasSetAValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"perpetual.yml": "name: ci\naws: {region: eu-central-1}\naccess:\n  port: 443\n  web: [10.0.0.0/8]\nweb: {instances: 2}\n"})
	p := run(t, dir, []string{"PERPETUAL_ACCESS_PORT=22"}, "config", "validate", "--access-web", "10.1.2.3/8")
	for _, part := range []string{"PERPETUAL_ACCESS_PORT: access.port: 22", "--access-web: access.web[0]: ", "perpetual.yml:6: web.instances: is 2", "3 problems"} {
		if p.code != 1 || !strings.Contains(p.stderr, part) {
			t.Errorf("code %d, stderr lacks %q:\n%s", p.code, part, p.stderr)
		}
	}
}

// People give the file where a name is wanted.
func TestName_isNoFile(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"config validate", "plan", "deploy", "status"} {
		refuses(t, nil, nil, append(strings.Fields(verb), "ci/perpetual.yml"), "want the name of an installation", "--config ci/perpetual.yml")
	}
}

// The pipeline's ops files are read and applied too, also where there is no AWS, and
// where the state is a directory, which no pipeline reaches yet.
func TestConfigValidate_appliesThePipelinesOpsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const ops = "pipeline:\n  ops_files:\n  - add.yml\n  - nosuch.yml\n  - wrong.yml\n  - broken.yml\n"
	for kind, config := range map[string]string{
		"aws":   "name: ci\naws: {region: eu-central-1}\n",
		"local": "name: ci\naws: {region: eu-central-1}\nstate: {dir: state}\n",
		"own":   "name: ci\ndirector: {url: 'https://10.0.0.6:25555', client: c, client_secret: s}\naccess: {domain: ci.example.com}\nstate: {dir: state}\n",
	} {
		write(t, dir, map[string]string{
			kind + "/perpetual.yml": config + ops,
			kind + "/add.yml":       "- {type: replace, path: /jobs/-, value: {name: mine, plan: []}}\n",
			kind + "/wrong.yml":     "- {type: remove, path: /jobs/name=nosuch}\n",
			kind + "/broken.yml":    "- {type: remove, path: [}\n",
		})
		p := run(t, dir, nil, "config", "validate", "--config", kind+"/perpetual.yml")
		lines := strings.Split(strings.TrimSpace(p.stderr), "\n")
		want := [][]string{
			{"pipeline.ops_files[1]: there is no file nosuch.yml"}, {"pipeline.ops_files[2]: ", "wrong.yml", "nosuch"}, {"pipeline.ops_files[3]: ", "broken.yml"}, {"3 problems"},
		}
		if p.code != 1 || p.stdout != "" || len(lines) != len(want) {
			t.Errorf("%s: code %d, stdout %q, stderr\n%s", kind, p.code, p.stdout, p.stderr)
			continue
		}
		for i, parts := range want {
			for _, part := range parts {
				if !strings.Contains(lines[i], part) {
					t.Errorf("%s: line %d lacks %q: %s", kind, i, part, lines[i])
				}
			}
		}
	}
}
