// Package deploy has an installation's Concourse deployed by its director: what that would
// change, that it is done, and whether what runs then is good.
package deploy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preview"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/template"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// Director deploys, and is asked what has become of it.
type Director interface {
	upgrade.Director
	verify.Director
	// Keeper keeps the list of paused pipelines of a deployment: on the director, which
	// the build that verifies reaches, too.
	Keeper(deployment string) pause.Keeper
}

// ATC is the API of Concourse, the former one or the new one.
type ATC interface {
	upgrade.ATC
	upgrade.Concourse
}

// Deploy is a deploy of Concourse.
type Deploy struct {
	Director Director
	ATC      ATC
	Input    manifest.Input        // what the manifests are rendered from
	Set      []component.Component // the component set that is deployed
	Team     string                // the pipeline's: "perpetual"
	Build    plan.Build            // in which this runs

	// Self is a self-upgrade: it ends when the director has accepted. By hand it waits.
	Self           bool
	Recreate       bool   // every VM is made again
	AllowDowngrade bool   // to lower versions than those that are deployed
	Attempts       int    // how often the same deploy may fail; 0 is the upgrade's default
	NoQuiet        string // why it may not upgrade quietly; "" where it may

	// State keeps two runs apart and remembers what they did. Compare does not need it.
	State state.Store
	// Submitting is called before each deploy is submitted; its error ends the run.
	Submitting func(context.Context) error

	Note  func(line string)     // gets what is done, and what changes before it does
	Debug *slog.Logger          // nil: nothing is logged
	Mask  func(...secret.Value) // hides values in all output from now on

	Timeout  time.Duration // of each wait
	Poll     time.Duration // between two looks
	Still    time.Duration // for how long no build may run before a quiet upgrade; 0 is what pause has
	LeaseTTL time.Duration // 0 is what the state has
}

// Rendered is what the upgrade is made of: the manifest, the cloud config and the set. On a
// director that exists the cloud config is its owner's.
func Rendered(in manifest.Input, set []component.Component) (plan.Input, error) {
	concourse, err := manifest.Concourse(in)
	if err != nil {
		return plan.Input{}, err
	}
	result := plan.Input{Components: set, Vars: concourse.Vars, OwnManifest: true}
	concourse.Vars = nil
	result.Manifest = concourse
	if in.Config.AWS == nil {
		return result, nil
	}
	cloud, err := manifest.CloudConfig(in)
	if err != nil {
		return plan.Input{}, err
	}
	if result.CloudConfig.Text, err = template.Render(cloud); err != nil {
		return plan.Input{}, fmt.Errorf("render the cloud config: %w", err)
	}
	return result, nil
}

// request is what is asked of the upgrade.
func (d Deploy) request(rendered plan.Input) plan.Request {
	u := d.Input.Config.Upgrade
	quiet, _ := time.ParseDuration(u.QuietTimeout) // check.Config has looked
	return plan.Request{
		Deployment: manifest.DeploymentName(d.Input.Config), Team: d.Team, Input: rendered, Wait: !d.Self,
		Pipeline:       &plan.Pipeline{Skip: true, Name: d.Input.Config.Pipeline.Name}, // a step of its own sets it
		AllowDowngrade: d.AllowDowngrade, Attempts: d.Attempts, Recreate: d.Recreate,
		Timeout: d.Timeout, LockTimeout: d.Timeout, IgnoreSet: ignored(d.Input.Config, d.Set),
		Way: u.Way, QuietTimeout: quiet, GoOn: u.OnQuietTimeout == resource.QuietGo, NoGate: u.Colocate != nil && !*u.Colocate,
	}
}

// upgrader upgrades through the director and Concourse.
func (d Deploy) upgrader() upgrade.Out {
	return upgrade.Out{
		Director: d.Director, ATC: d.ATC, Concourse: d.ATC, Keeper: d.Director.Keeper(manifest.DeploymentName(d.Input.Config)),
		Program: d.Input.Program, MoreAttempts: "--attempts ", IgnoreKey: ignoreKey, DiskChecked: true, NoQuiet: d.NoQuiet,
		Mask: d.Mask, Poll: d.Poll, Still: d.Still, LeaseTTL: d.LeaseTTL, Build: d.build(),
	}
}

// ignoreKey is what lets the manifest leave out components of the set.
const ignoreKey = "upgrade.ignore_set"

// ignored are the components that the manifest need not take. Those that this
// installation does not have, as postgres beside a database service, are none.
func ignored(c *config.Config, set []component.Component) []string {
	return slices.DeleteFunc(slices.Clone(c.Upgrade.IgnoreSet), func(key string) bool {
		return !slices.ContainsFunc(set, func(c component.Component) bool { return c.Name == key })
	})
}

// build is the build in which the run is. The container of a task is not told which that
// is, but the job of a self-upgrade runs one at a time. Whose job a deploy by hand may be in
// does not count. Neither hands over to another build, as the upgrade sets no pipeline.
func (d Deploy) build() plan.Build {
	b := d.Build
	if !d.Self {
		b.Job = ""
		return b
	}
	b.Job = cmp.Or(b.Job, pipelines.UpgradeJob)
	return b
}

// Comparison is what a deploy would do.
type Comparison struct {
	Task    int      // the last one of the director, or the one that it would join; 0 for none
	Deploys bool     // it would start a task of the director, or join one
	Changes bool     // it would change the cloud config, or deploy
	Lines   []string // what would change
}

// Compare asks the upgrade what it would do. Run does not: the upgrade compares under its
// own lease, by the same steps.
func (d Deploy) Compare(ctx context.Context, rendered plan.Input) (Comparison, error) {
	up, request := d.upgrader(), d.request(rendered)
	up.Log, request.DryRun = io.Discard, true
	would, err := up.Run(ctx, request)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Task: would.Task, Deploys: would.Became == upgrade.WouldDeploy || would.Became == upgrade.WouldJoin}
	if c.Changes = c.Deploys || len(would.CloudConfig) > 0; !c.Changes {
		return c, nil
	}
	lines, err := preview.Values(d.Input, would.Deployed)
	c.Lines = append(would.Lines(request.Deployment), lines...)
	return c, err
}

// Result is what a deploy has done.
type Result struct {
	Task     int      // of the director: the deploy, or the last one where none was started; 0 for none
	Changes  []string // "cloud config updated", "director task 42 done"; none where nothing was changed
	Refused  bool     // the director has refused the deploy before it changed a VM
	Stranded bool     // an earlier run has left pipelines paused
}

// Run brings stemcell and releases to the director and deploys. In an error, too, the result
// says whether the director has refused the deploy.
func (d Deploy) Run(ctx context.Context, rendered plan.Input) (Result, error) {
	var result Result
	if !d.Self { // a build of its own verifies
		result.Stranded = d.stranded(ctx)
	}
	up := d.upgrader()
	up.State, up.Log, up.Debug = d.State, step.Lines(d.Note), d.Debug
	up.Submitting = func(ctx context.Context, deployed []byte) error {
		values, err := preview.Values(d.Input, deployed)
		step.Tell(d.Note, values, err)
		return d.Submitting(ctx)
	}
	did, err := up.Run(ctx, d.request(rendered))
	result.Task, result.Refused, result.Changes = did.Task, did.Refused, changes(did)
	return result, err
}

// changes are what an upgrade has changed.
func changes(did upgrade.Result) (list []string) {
	if len(did.CloudConfig) > 0 {
		list = append(list, "cloud config updated")
	}
	for _, a := range did.Uploads {
		list = append(list, a.Name+"/"+a.Version+" uploaded")
	}
	if did.Became != upgrade.NothingToDeploy {
		list = append(list, fmt.Sprintf("director task %d %s", did.Task, did.Became))
	}
	return list
}
