package installer_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// lineStarts fails for each text with which no line of a plan begins.
func lineStarts(t *testing.T, plan string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(plan, "\n    "+text) {
			t.Errorf("no line %q in the plan", text)
		}
	}
	if t.Failed() {
		t.Log(plan)
	}
}

// testFirstPlan wants everything that the first install would fetch, run and grant.
func testFirstPlan(t *testing.T, p *place, plan string) {
	vars := p.Vars()
	lineStarts(t, plan,
		"+ concourse: 8.2.4, http", // the set, with its URLs
		"+ UpgradePolicy: Allow ", "+ DirectorPolicy: Allow ", "+ DirectorGroup/SecurityGroupIngress: ", "+ parameter StateBucket: ",
		"+ releases/bosh-aws-cpi/url: "+vars["director_cpi_url"].(string), "+ releases/bosh-aws-cpi/sha1: "+vars["director_cpi_sha1"].(string),
		"+ resource_pools/director/stemcell/url: "+vars["director_stemcell_url"].(string),
		"+ instance_groups/director/jobs/director/properties/director/db/password: (hidden)",
		"+ azs/z1/cloud_properties/availability_zone: eu-central-1a", "+ instance_groups/worker/instances: 1", "+ releases/concourse/version: 8.2.4",
		"+ resource_types/perpetual/source/repository: ", "+ jobs/upgrade/plan/",
	)
	if strings.Contains(plan, "not known yet:") {
		t.Errorf("a part of the plan is not known:\n%s", plan)
	}
}

// testChangedPlan wants each URL, digest and variable of the director that the file
// changes, old and new, and deploy's own lines before it acts are the same ones.
func testChangedPlan(t *testing.T, p *place) {
	before := p.everything()
	vars := p.Vars()
	changed := maps.Clone(vars)
	var want []string
	for path, name := range map[string]string{
		"releases/bosh-aws-cpi/url": "director_cpi_url", "releases/bosh-aws-cpi/sha1": "director_cpi_sha1",
		"releases/bosh/url": "director_bosh_url", "releases/bpm/sha1": "director_bpm_sha1",
		"resource_pools/director/stemcell/url": "director_stemcell_url", "resource_pools/director/stemcell/sha1": "director_stemcell_sha1",
	} {
		old := vars[name].(string)
		changed[name] = strings.Repeat("0", 40)
		if strings.HasSuffix(name, "_url") {
			changed[name] = "https://evil.example.com/" + name + ".tgz"
		}
		want = append(want, "~ "+path+": "+old+" → "+changed[name].(string))
	}
	want = append(want, "~ manifest.vars.director_cpi_url: "+vars["director_cpi_url"].(string)+" → https://evil.example.com/", "  releases/bosh/sha1: ", "~ instance_groups/director/jobs/director/properties/director/workers: 4 → 7")
	dir := t.TempDir()
	err := p.WriteFiles(dir, map[string]any{
		"manifest": map[string]any{"vars": changed, "director_ops_files": []string{"ops.yml"}, "ops_files": []string{"web.yml"}},
		"pipeline": map[string]any{"github_token": world.GitHubToken, "ops_files": []string{"pipeline.yml"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, // what the director and fly hide
		"+ instance_groups/web/jobs/web/properties/x_frame_options: https://evil.example.com", "~ resource_types/perpetual/source/repository: ghcr.io/perpetual-ci/perpetual → evil.example.com/x")
	write(t, dir, map[string]string{
		"web.yml":      "- {type: replace, path: '/instance_groups/name=web/jobs/name=web/properties/x_frame_options?', value: 'https://evil.example.com'}\n",
		"pipeline.yml": "- {type: replace, path: /resource_types/name=perpetual/source/repository, value: evil.example.com/x}\n",
		"ops.yml":      "- {type: replace, path: /instance_groups/name=director/jobs/name=director/properties/director/workers, value: 7}\n",
	})
	seen, err := os.ReadFile(filepath.Join(p.dir, "ci.operator-seen"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"ci.operator-seen": string(seen)}) // the same operator, in another folder
	q := run(t, dir, p.env(), "plan", "--operator-key", filepath.Join(p.dir, "ci.operator-key"))
	if q.code != installer.ExitChanges {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
	lineStarts(t, q.stdout, want...)
	if after := p.everything(); after.Stack != before.Stack || after.VMs != before.VMs || len(after.Effects) != len(before.Effects) {
		t.Errorf("the plan has changed something: %+v, before %+v", after, before)
	}
}
