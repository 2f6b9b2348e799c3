package deployment_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const running = `name: c
releases:
- {name: concourse, version: 8.2.5}
- {name: bpm, version: 1.4.38}
- {name: postgres, version: '54'}
stemcells:
- {alias: base, os: ubuntu-jammy, version: '1.484'}
- {alias: other, os: ubuntu-jammy, version: '1.400'}
update: {serial: true, canaries: 1, max_in_flight: 1, canary_watch_time: 1000-30000, update_watch_time: 1000-30000}
instance_groups:
- {name: db, instances: 1, stemcell: other, jobs: [{name: postgres, release: postgres}]}
- name: web
  instances: 1
  azs: [z1]
  stemcell: base
  vm_type: small
  networks: [{name: default}]
  jobs:
  - {name: bpm, release: bpm}
  - {name: web, release: concourse, properties: {external_url: "https://ci.example.com"}}
- {name: worker, instances: 2, stemcell: other, vm_type: big, jobs: [{name: worker, release: concourse}]}
`

func TestRestartsWeb(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           bool
	}{
		{"nothing", "", "", false},
		{"another Concourse", "8.2.5", "8.3.0", true},
		{"another bpm", "1.4.38", "1.4.39", true},
		{"a version as a number", "'54'", "54", false},
		{"another postgres", "'54'", "'55'", false},
		{"another stemcell", "1.484", "1.500", true},
		{"another stemcell of other groups", "1.400", "1.500", false},
		{"the stemcell is called otherwise", "base", "foundation", false},
		{"another stemcell line", "base, os: ubuntu-jammy", "base, os: ubuntu-noble", true},
		{"a property", "ci.example.com", "ci.example.org", true},
		{"its VM type", "small", "large", true},
		{"its network", "[{name: default}]", "[{name: private}]", true},
		{"its zones", "[z1]", "[z1, z2]", true},
		{"a job", "  - {name: bpm, release: bpm}\n", "", true},
		{"a release that it does not have", "name: bpm, version: 1.4.38", "name: boom, version: 1.4.38", true},
		{"a property of the workers", "big", "huge", false},
		{"the number of webs", "- name: web\n  instances: 1", "- name: web\n  instances: 3", false},
		{"the number of workers", "instances: 2", "instances: 8", false},
		{"the update of all", "canaries: 1", "canaries: 0", false},
		{"its own update", "  azs: [z1]", "  azs: [z1]\n  update: {serial: false}", false},
		{"properties of all", "name: c\n", "name: c\nproperties: {a: 1}\n", true},
		{"features", "name: c\n", "name: c\nfeatures: {use_dns_addresses: true}\n", true},
		{"an addon", "name: c\n", "name: c\naddons: [{name: a, jobs: [{name: bpm, release: bpm}]}]\n", true},
		{"another variable", "name: c\n", "name: c\nvariables: [{name: a, type: password}]\n", false},
		{"tags", "name: c\n", "name: c\ntags: {a: b}\n", false},
		{"another name", "- name: web", "- name: ui", true},
		{"another web", "- {name: db,", "- {name: web2, instances: 1, jobs: [{name: web, release: concourse}]}\n- {name: db,", true},
		{"no web", "{name: web, release: concourse", "{name: other, release: concourse", true},
		{"how it is written", "[{name: default}]", "\n  - name: \"default\" # the only one", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			wanted := strings.ReplaceAll(running, c.old, c.new)
			if c.old == "" {
				wanted = running
			} else if wanted == running {
				t.Fatalf("%q is not in the manifest", c.old)
			}
			for _, way := range [][2]string{{running, wanted}, {wanted, running}} {
				if got, err := deployment.RestartsWeb([]byte(way[0]), []byte(way[1])); err != nil || got != c.want {
					t.Errorf("RestartsWeb = %v, %v, want %v", got, err, c.want)
				}
			}
		})
	}
}

func TestRestartsWeb_countsTheVersionOfAnAddonsRelease(t *testing.T) {
	with := func(version string) []byte {
		return []byte(strings.Replace(running, "releases:\n", "addons: [{name: a, jobs: [{name: agent, release: metrics}]}]\nreleases:\n- {name: metrics, version: "+version+"}\n", 1))
	}
	if got, err := deployment.RestartsWeb(with("'1'"), with("'2'")); err != nil || !got {
		t.Errorf("RestartsWeb = %v, %v, want true", got, err)
	}
}

// TestRestartsWeb_takesTheGateForNoReason: the gate comes and goes with upgrades
// that restart web anyway, also in another version.
func TestRestartsWeb_takesTheGateForNoReason(t *testing.T) {
	f := template.File{Name: "m", Text: []byte(running)}
	texts := [][]byte{f.Text}
	for _, version := range []string{"1", "2"} {
		text, _, err := deployment.Arrange(f, deployment.Arrangement{
			WorkersFirst: true, WorkersAtOnce: true, WatchTime: "60000-600000", Gate: &deployment.Colocation{Release: "perpetual", Version: version, Job: "gate"},
		})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	for i, deployed := range texts {
		for j, wanted := range texts {
			if got, err := deployment.RestartsWeb(deployed, wanted); err != nil || got {
				t.Errorf("%d → %d: RestartsWeb = %v, %v, want false", i, j, got, err)
			}
		}
	}
	migrate := []byte(strings.Replace(running, "  - {name: bpm", "  - {name: migrate, release: perpetual}\n  - {name: bpm", 1))
	if got, err := deployment.RestartsWeb(f.Text, migrate); err != nil || !got {
		t.Errorf("another job of that release: RestartsWeb = %v, %v, want true", got, err)
	}
}

func TestRestartsWeb_aFirstDeployDoes(t *testing.T) {
	for _, wanted := range []string{running, "name: c\n"} {
		if got, err := deployment.RestartsWeb(nil, []byte(wanted)); err != nil || !got {
			t.Errorf("RestartsWeb = %v, %v, want true", got, err)
		}
	}
}

func TestRestartsWeb_saysWhichManifestIsBroken(t *testing.T) {
	for _, c := range []struct{ deployed, wanted, want string }{
		{"a: [", "a: 1", "parse the deployed manifest: yaml: "},
		{"a: 1", "a: [", "parse the wanted manifest: yaml: "},
		{"a: 1", "instance_groups: [5]", "parse the wanted manifest: yaml: "},
	} {
		if _, err := deployment.RestartsWeb([]byte(c.deployed), []byte(c.wanted)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		} else {
			oneLine(t, err)
		}
	}
}
