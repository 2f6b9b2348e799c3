package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// A manifest whose own order or pace would error builds is refused where something is
// replaced; a put with nothing new replaces nothing.
func TestOut_refusesAnArrangementOnlyWhereSomethingIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		manifest func(text string) string
		want     string
	}{
		"web and worker in one group": {func(text string) string {
			text = strings.Replace(text, "- name: worker\n  instances: ((worker_instances))\n  jobs:\n", "", 1)
			return strings.Replace(text, "instances: 1", "instances: ((worker_instances))", 1)
		}, "has both web and worker"},
		"all workers at once": {func(text string) string {
			return strings.Replace(text, "- name: worker\n", "- name: worker\n  update: {canaries: 0, max_in_flight: 100%, serial: true}\n", 1)
		}, "would be replaced at once"},
	} {
		for _, way := range []string{"", "quiet"} {
			t.Run(name+" "+way, func(t *testing.T) {
				play(t, func(t *testing.T, f *fixture) {
					f.busy(t)
					f.atc.builds = f.atc.builds[:1]
					text := c.manifest(string(manifestTemplate(t)))
					f.write(t, "manifest.yml", text)
					runs := func(version string) {
						f.atc.looks[0].version = version
						f.director.record("concourse", render(t, template.Template{
							File: template.File{Name: "manifest", Text: []byte(text)},
							Vars: []map[string]any{{
								"deployment_name": "concourse", "concourse_version": version, "stemcell_name": stemcellName, "stemcell_version": "1.1340",
								"external_url": "https://ci.example.com", "worker_instances": 2, "worker_key": keptKey,
							}},
						}))
					}
					edit := func(p *resource.OutParams) { p.Upgrade.Way = way }
					runs("8.2.5")
					f.set(t, "8.2.5", "1.1340")
					result, err := f.out(t.Context(), edit)
					if err != nil || metadata(result)["deploy"] != "nothing to deploy" {
						t.Errorf("with nothing new: %v, %v", result, err)
					}
					runs("8.2.4")
					_, err = f.out(t.Context(), edit)
					if way == "quiet" && err != nil {
						t.Error(err)
					}
					if way == "" {
						wantError(t, err, c.want, "upgrade.way: quiet")
					}
				})
			})
		}
	}
}

func TestOut_saysOnceThatThereIsNoSuchWay(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Upgrade.Way = "fast" })
		wantError(t, err, `there is no way "fast"`, "web-first")
		if n := strings.Count(err.Error(), "choose the way"); n != 1 {
			t.Errorf("error %q says %d times what it did", err, n)
		}
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
	})
}

func TestOut_saysEachNoteOnceWhenItGoesWithoutItsRelease(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "7.6.0", "2.3", "7.9.9")
		f.director.releases = f.director.releases[:1]
		f.director.faults["Upload"] = []error{bosh.ErrForbidden}
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for _, note := range []string{"7.9.9 is not in the table", "in the order worker, web", "BOSH goes on after five minutes"} {
			if n := strings.Count(f.log.String(), note); n != 1 {
				t.Errorf("it says %d times that %q:\n%s", n, note, f.log.String())
			}
		}
	})
}
