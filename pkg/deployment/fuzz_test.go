package deployment_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func FuzzArrange(f *testing.F) {
	for _, text := range []string{string(bundle.Concourse().Text), running, "instance_groups:\n" + groupWorker + groupWeb,
		"x: &x [{name: web, release: concourse}]\ninstance_groups: [{name: a, jobs: *x, stemcell: [1], update: {<<: {canaries: 0}}}, ~]\nstemcells: [{alias: [1]}]",
		"update: {serial: no, canaries: 0, max_in_flight: 100%}\ninstance_groups: [{instances: 2, jobs: [{name: worker, release: concourse, properties: {tags: [1], team: t}}]}]",
	} {
		f.Add(text, "5000-6000", uint8(7))
		f.Add(text, "", uint8(0))
	}
	f.Fuzz(func(t *testing.T, text, watch string, bits uint8) {
		a := deployment.Arrangement{WorkersFirst: bits&1 != 0, WorkersAtOnce: bits&2 != 0, WatchTime: watch}
		if bits&4 != 0 {
			a.Gate = &deployment.Colocation{Release: "perpetual", Version: "1", Job: "gate"}
		}
		once, notes, err := deployment.Arrange(template.File{Name: "m", Text: []byte(text)}, a)
		if err != nil {
			oneLine(t, err)
			return
		}
		for _, note := range notes {
			if note == "" {
				t.Error("a note is empty")
			}
		}
		twice, _, err := deployment.Arrange(template.File{Name: "m", Text: once}, a)
		if err != nil || string(twice) != string(once) {
			t.Errorf("arranged again, error = %v:\n%s\nonce:\n%s", err, twice, once)
		}
		if _, err := deployment.Arranged(once, "perpetual", "gate"); err != nil {
			t.Errorf("read back: %v", err)
		}
		if _, err := deployment.RestartsWeb([]byte(text), once); err != nil {
			oneLine(t, err) // such as a stemcell's alias that is a list: the director refuses it
		}
	})
}
