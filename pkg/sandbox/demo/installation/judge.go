package installation

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
)

// The orders in which the steps end: in a self-upgrade nothing comes after the deploy.
const (
	outsideOrder = "director deploy parameters pipeline verify"
	insideOrder  = "pipeline director deploy"
)

// expectations are all that must have been seen.
func (i *install) expectations() []stage.Expectation {
	f := &i.facts
	return append([]stage.Expectation{
		stage.Seen("there was nothing in the account", f.begin.empty() && f.begin.Snapshots == 0),
		stage.Seen("one command made a stack, a director and a Concourse", f.installed.Stacks == 1 && f.installed.VMs == 1 && f.installed.Disks == 1 &&
			f.installed.Stemcells == 1 && f.installed.Instances > 0 && f.installed.Buckets == 1 && f.first.Changed && f.first.URL != ""),
		stage.Seen("its steps came in the order of an install", strings.HasSuffix(f.first.order(), outsideOrder)),
		stage.Seen("a second run changed nothing, and says so", !f.second.Changed),
		stage.Seen("and nothing was written to AWS, by the CPI, at the director or at Concourse", f.written == changes{}),
		stage.Seen("the pipeline holds no secret but the key with which Concourse reads them in SSM", f.hidden),
		stage.Seen("a pipeline of team main finds none of them, under any name", f.unreachable),
		stage.Seen("the pipeline's first build, from inside, found nothing to change", len(f.inside) > 0 && !f.inside[0].Changed),
		stage.Seen("and wrote nothing but its builds", f.writtenInside == changes{Concourse: f.writtenInside.Concourse}),
	}, slices.Concat(f.attack.expect(), i.expectUpgrade(), []stage.Expectation{
		stage.Seen("plan says that a deploy would change nothing", f.planned),
		stage.Seen("after destroy no VM, disk or stemcell is there", f.end.VMs+f.end.Disks+f.end.Stemcells+f.end.Instances == 0),
		stage.Seen("and no stack, bucket, parameter or access key", f.end.empty() && f.keysLeft == 0),
		stage.Seen("the database's last snapshot is left, and perpetual says so", f.end.Snapshots == 1 && len(f.left) == 1 && strings.Contains(f.left[0], "snapshot")),
	})...)
}

// expect are those of the attack on the state.
func (f attackFacts) expect() []stage.Expectation {
	return []stage.Expectation{
		stage.Seen("with the pipeline's keys nobody writes "+configurationDocument, f.writeRefused && f.untouched),
		stage.Seen("nor reads a parameter that is not the pipeline's", f.foreign == 0 && f.refused > 0 && f.own > 0),
		stage.Seen("nor what is in "+credentialsDocument, f.opened && f.closed),
		stage.Seen("plan and deploy refuse the document when somebody else has changed it, and name it", names(f.changed, configurationDocument, "signed", "nothing was changed")),
		stage.Seen("and when it is an older one", names(f.replayed, configurationDocument, "older", "nothing was changed")),
		stage.Seen("and nothing was written by any of that", f.written == changes{} && f.objects == 0),
		stage.Seen("with the right document back plan finds nothing to do", f.healed),
	}
}

// expectUpgrade are those of the upgrade by the pipeline.
func (i *install) expectUpgrade() []stage.Expectation {
	f := &i.facts
	upgraded := slices.ContainsFunc(f.events, func(e concourse.Event) bool {
		return e.Kind == concourse.KindUpgrade && e.Version == stage.After.Concourse
	})
	set := 0
	for _, e := range f.events {
		if (e.Kind == concourse.KindCreate || e.Kind == concourse.KindUpdate) && e.Pipeline == stage.PipelineName {
			set++
		}
	}
	last := f.lastInside()
	return slices.Concat([]stage.Expectation{
		stage.Seen("the build that started the upgrade is green", f.upgrade.Status == "succeeded"),
		stage.Seen("its steps came in the order of a self-upgrade, the deploy last", strings.HasSuffix(last.order(), insideOrder)),
		stage.Seen("it worked with keys of the pipeline's own user", f.ownKeys),
		stage.Seen("the pipeline was set, and uses the new Perpetual", last.status("pipeline") == "changed" && set == 1),
		stage.Seen("the director started exactly one deploy", f.upgraded.Deploys == 1),
		stage.Seen("the stack was not changed", last.status("infrastructure") == "up to date" && f.upgraded.Stack == 0),
		stage.Seen("the director was not changed, and no VM was made for it again", last.status("director") == "up to date" && f.upgraded.VMs == 0 && f.upgraded.CPI == 0),
	}, stage.ExpectQuiet(f.events, f.ways), i.team.Expect(f.events, f.accepted, f.taskEnded), []stage.Expectation{
		stage.Seen("another build verified that task and is green", f.verify.Status == "succeeded"),
		stage.Seen("Concourse runs the new version", upgraded),
	})
}
