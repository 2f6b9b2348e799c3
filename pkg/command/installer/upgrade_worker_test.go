package installer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// groups are the instance groups that run, one name an instance.
func (p *place) groups() []string {
	var list []string
	for _, i := range p.Director.Instances(manifest.Deployment) {
		list = append(list, i.Group)
	}
	return list
}

// The worker for the self-upgrade is there from the first install on, is deployed with
// the director's rights and verified like the others, and goes when its key goes.
func TestDeploy_makesAWorkerForTheSelfUpgradeAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"upgrade": map[string]any{"worker_tag": "up"}})
	p.good(t, "deploy")
	tagged := func() (workers, configs, steps bool) {
		t.Helper()
		cloud, err := p.CloudConfig()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := p.Concourse.PipelineConfig(world.OwnTeam, "self-upgrade")
		var pipeline atc.Config
		if err := atc.UnmarshalConfig(text, &pipeline); err != nil {
			t.Fatal(err)
		}
		resource, _ := pipeline.Resources.Lookup("finished-deployment")
		return slices.Contains(p.groups(), "upgrade-worker"), strings.Contains(cloud, "upgrade-worker"), slices.Equal(resource.Tags, []string{"up"})
	}
	if workers, configs, steps := tagged(); !workers || !configs || !steps {
		t.Errorf("after the install: the worker %t, the cloud config %t, the pipeline's tag %t", workers, configs, steps)
	}
	p.finds(t, nothingToDo)

	if err := p.WriteFiles(p.dir, map[string]any{"upgrade": map[string]any{"worker_tag": nil}}); err != nil {
		t.Fatal(err)
	}
	q := p.good(t, "deploy")
	if workers, configs, steps := tagged(); workers || configs || steps {
		t.Errorf("without its key: the worker %t, the cloud config %t, the pipeline's tag %t\n%s", workers, configs, steps, q.stderr)
	}
	if rule := p.Stacks.State().Stacks["perpetual-ci"].Resources["VMsToDirector"]; rule.PhysicalID == "" {
		t.Error("no worker reaches the director, and there is none for it")
	}
	p.finds(t, nothingToDo)
}
