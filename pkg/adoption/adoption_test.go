package adoption_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/adoption"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
)

// small is a Concourse as the bundled manifest makes it.
const small = `
instance_groups:
- name: db
  networks: [{name: default}]
  persistent_disk_type: large
  jobs: [{name: bpm, release: bpm}, {name: postgres, release: postgres}]
- name: web
  networks: [{name: default}]
  jobs:
  - {name: bpm, release: bpm}
  - {name: web, release: concourse, properties: {postgresql: {database: atc}}}
- name: worker
  networks: [{name: default}]
  jobs: [{name: bpm, release: bpm}, {name: worker, release: concourse}]
`

// with replaces texts of small, pairwise.
func with(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(small) }

// without takes a group out of a manifest.
func without(text, group string) string {
	before, rest, _ := strings.Cut(text, "- name: "+group+"\n")
	if i := strings.Index(rest, "\n- name: "); i >= 0 {
		return before + rest[i+1:]
	}
	return before
}

func TestCompare_saysWhatWouldVanishAndAppear(t *testing.T) {
	const lost = "what the installer has added for the installation ci, such as TLS, would vanish (perpetual deploy ci --upgrade keeps it)"
	external := without(with("database: atc", "database: atc, host: db.example.com"), "db")
	for name, c := range map[string]struct {
		deployed, wanted string
		want             []string // those that leave data behind begin with "! "
		ours             bool
	}{
		"nothing":                  {small, small, nil, true},
		"the gate and the order":   {with("{name: web, release: concourse", "{name: gate, release: perpetual}\n  - {name: web, release: concourse"), small, nil, true},
		"instances, types, values": {with("large", "small"), with("database: atc", "database: atc, port: 5432"), nil, true},
		"another's manifest": {
			"instance_groups:\n- name: concourse\n  networks: [{name: private}]\n  persistent_disk: 10240\n  jobs: [{name: web, release: concourse, properties: {postgresql: {host: 10.0.0.9, port: 6432, database: concourse}}}]\n", small,
			[]string{
				"! instance group concourse would vanish with its persistent disk", "instance group db would appear", "instance group web would appear", "instance group worker would appear",
				"! postgresql.database of web: concourse would become atc", "! postgresql.host of web: 10.0.0.9 would become instance group db", "! postgresql.port of web: 6432 would become 5432",
			}, false,
		},
		"an ops file is forgotten: the database": {external, small, []string{"instance group db would appear", "! postgresql.host of web: db.example.com would become instance group db"}, false},
		"an ops file moves the database":         {small, external, []string{"! instance group db would vanish with its persistent disk", "! postgresql.host of web: instance group db would become db.example.com"}, true},
		"ops files as before":                    {external, external, nil, true},
		"an ops file adds a group":               {small, small + "- {name: metrics, networks: [{name: default}]}\n", []string{"instance group metrics would appear"}, true},
		"an ops file adds it no more":            {small + "- {name: metrics, networks: [{name: default}]}\n", small, []string{"instance group metrics would vanish"}, true},
		"with its disk":                          {small + "- {name: metrics, persistent_disk: 1024}\n", small, []string{"! instance group metrics would vanish with its persistent disk"}, true},
		"a disk":                                 {small, with("  persistent_disk_type: large\n", "  persistent_disks: []\n"), []string{"! db: the persistent disk would vanish"}, true},
		"disks by name":                          {with("  persistent_disk_type: large\n", "  persistent_disks: [{name: data, type: large}]\n"), small, nil, true},
		"a web of another release before it": {small + "- {name: a, jobs: [{name: web, release: nginx}]}\n", external + "- {name: a, jobs: [{name: web, release: nginx}]}\n",
			[]string{"! instance group db would vanish with its persistent disk", "! postgresql.host of web: instance group db would become db.example.com"}, true},
		"a group that goes into another": {small + "- {name: database, persistent_disk: 1024}\n", with("- name: db\n", "- name: db\n  migrated_from: [{name: database}]\n"),
			[]string{"! instance group database would vanish with its persistent disk"}, true},
		"a database without a disk": {with("  persistent_disk_type: large\n", "  persistent_disk: 0\n"), small, []string{"db: a persistent disk would appear"}, false},
		"a network": {with("name: default", "name: private"), small, []string{
			"db: network private would vanish", "db: network default would appear", "web: network private would vanish", "web: network default would appear", "worker: network private would vanish", "worker: network default would appear",
		}, true},
		"jobs of the same groups": {with("{name: bpm, release: bpm}", "{name: uaa, release: uaa}"), small, []string{
			"db: job uaa would vanish", "db: job bpm would appear", "web: job uaa would vanish", "web: job bpm would appear", "worker: job uaa would vanish", "worker: job bpm would appear",
		}, false},
		"a group that is renamed":  {with("- name: db\n", "- name: database\n"), with("- name: db\n", "- name: db\n  migrated_from: [{name: database}]\n"), nil, true},
		"an installation":          {small + "perpetual_installation: ci\n", small, []string{lost}, false},
		"another's installation":   {small + "perpetual_installation: ci\n", small + "perpetual_installation: other\n", []string{lost}, false},
		"an installation as it is": {small + "perpetual_installation: ci\n", small + "perpetual_installation: ci\n", nil, true},
		"one that is made of it":   {small, small + "perpetual_installation: ci\n", nil, true},
		"no Concourse":             {"instance_groups: [{name: vault, networks: ((nets)), jobs: [{name: vault, release: vault, properties: ((p))}]}]\n", without(without(small, "db"), "web"), []string{"instance group vault would vanish", "instance group worker would appear"}, false},
		"nothing at all":           {"name: concourse\n", "name: concourse\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := adoption.Compare([]byte(c.deployed), []byte(c.wanted), "perpetual")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range changes {
				if change.Data {
					change.What = "! " + change.What
				}
				got = append(got, change.What)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if ours, err := adoption.MadeFrom([]byte(small), []byte(c.deployed), []byte(c.wanted)); ours != c.ours || err != nil {
				t.Errorf("made from the template: %t, %v, want %t", ours, err, c.ours)
			}
		})
	}
}

// The next version's template may have a job or a group more than what is deployed, and
// than it: that is no other manifest.
func TestMadeFrom_knowsADeploymentOfAnotherVersion(t *testing.T) {
	grown := with("  - {name: web, release: concourse", "  - {name: exporter, release: metrics}\n  - {name: web, release: concourse") +
		"- {name: metrics, networks: [{name: default}], jobs: [{name: prometheus, release: metrics}]}\n"
	for name, c := range map[string]struct{ deployed, wanted string }{
		"older": {small, grown}, "newer": {grown, small},
	} {
		if ours, err := adoption.MadeFrom(bundle.ConcourseCore(), []byte(c.deployed), []byte(c.wanted)); !ours || err != nil {
			t.Errorf("%s: made from the template: %t, %v", name, ours, err)
		}
		changes, err := adoption.Compare([]byte(c.deployed), []byte(c.wanted), "perpetual")
		if err != nil || len(changes) != 2 || changes[0].Data || changes[1].Data {
			t.Errorf("%s: changes %+v, %v", name, changes, err)
		}
	}
	if own, err := adoption.MadeFrom(bundle.ConcourseCore(), bundle.Concourse().Text, bundle.Concourse().Text); !own || err != nil {
		t.Errorf("the bundled manifest has not what all its versions have: %v", err)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(small, "instance_groups: [null, {name: 1, jobs: [{properties: {postgresql: [1]}}], networks: {a: b}, persistent_disks: 1}]\n")
	f.Add("instance_groups: [{migrated_from: [{name: \"\"}]}]\n", "- a\n")
	f.Fuzz(func(t *testing.T, deployed, wanted string) {
		if len(deployed)+len(wanted) > 1<<12 {
			return
		}
		changes, err := adoption.Compare([]byte(deployed), []byte(wanted), "perpetual")
		if err == nil && deployed == wanted && len(changes) > 0 {
			t.Errorf("of one manifest: %s", adoption.Text(changes))
		}
		_, _ = adoption.MadeFrom([]byte(small), []byte(deployed), []byte(wanted))
	})
}
