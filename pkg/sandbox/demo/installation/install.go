// Package installation plays the whole life of an installation with the program perpetual,
// in an AWS account that is simulated: from nothing to a Concourse, its upgrade by its own
// pipeline, an attack on its state, and its end.
package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/variable"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// stackStep is how long a resource of the stack takes to begin, and again to end.
// The program looks every 5 s, and nobody wants to wait for two looks.
const stackStep = 2 * time.Millisecond

// Options say what is played, and with what.
type Options struct {
	Program   string // path of the resource's program
	Installer string // path of the program perpetual
	// InstallerPolicies and Boundary are what whoever runs it may do in AWS, and what bounds
	// the roles that are made, as site.Options has them.
	InstallerPolicies []string
	Boundary          string
	// PipelinePolicy, if set, is what the keys of the pipeline may do in the place of what
	// the stack allows, to see what comes of it.
	PipelinePolicy string
	Out            io.Writer // gets the timeline
	Workers        int       // of the Concourse; default: what is installed by default
}

// install is a performance.
type install struct {
	options   Options
	installer string // path of the program
	site      *site.Site
	player    *player.Player
	line      *stage.Timeline
	stack     stack
	dir       string // where perpetual is run, with perpetual.yml
	ctx       context.Context
	beside    sync.WaitGroup
	facts     installFacts
	keys      keys        // that the last build of the pipeline had
	team      *stage.Team // whose builds run beside
}

// Run plays it. It fails when anything did not happen as it must.
func Run(ctx context.Context, o Options) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	i := &install{options: o, line: stage.NewTimeline(o.Out, len("CloudFormation")), ctx: ctx}
	if i.installer, err = filepath.Abs(o.Installer); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "perpetual-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	i.dir = filepath.Join(dir, "work")
	if err := os.Mkdir(i.dir, 0o700); err != nil {
		return err
	}
	// The simulators outlive ctx: an interrupted program gives its lease back.
	i.site, err = site.Start(context.WithoutCancel(ctx), dir, site.Options{
		Step: stackStep, Observe: i.observe, InstallerPolicies: o.InstallerPolicies, Boundary: o.Boundary,
		WebDrain: stage.Patience, // only the build that upgrades runs then, and it ends
	})
	if errors.Is(err, ruby.ErrNone) {
		why, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("play the demo: install ruby, with which the director's templates are rendered (Debian, Ubuntu: apt-get install ruby); fetching one without root did not work: %s", why)
	}
	if err != nil {
		return fmt.Errorf("start the simulators: %w", err)
	}
	i.beside.Go(i.watchStack)
	i.player = &player.Player{
		ATC: installedATC{i.site}, Program: o.Program, Lookup: i.variables().Find, Task: i.runTask, Observe: i.observePlayer,
	}
	err = i.play(ctx)
	cancel()
	i.beside.Wait()
	return errors.Join(err, i.site.Err(), i.site.Close())
}

// watchStack looks at the stack again and again: the simulator does what is due when
// somebody looks.
func (i *install) watchStack() {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-i.ctx.Done():
			return
		case <-ticker.C:
			i.site.Stacks.State()
		}
	}
}

// play is the story.
func (i *install) play(ctx context.Context) error {
	if err := i.site.History(); err != nil {
		return err
	}
	i.site.Publish(stage.Before)
	if err := i.site.WriteFiles(i.dir, i.config()); err != nil {
		return err
	}
	for _, chapter := range []struct {
		head string
		play func(context.Context) error
	}{
		{"An AWS account, all of it simulated, and in it:", i.begin},
		{"$ perpetual deploy", i.first},
		{"$ perpetual deploy, a second time: there is nothing to do.", i.second},
		{"The pipeline's first round in the new Concourse: upgrade finds all as it is, verify is green.", i.settle},
		{"Somebody has the keys of the pipeline.", i.attack},
		{fmt.Sprintf("Concourse %s, stemcell %s and Perpetual %s appear.", stage.After.Concourse, stage.After.Stemcell, stage.After.Perpetual), i.upgrade},
		{"What there is now, and what a deploy would change.", i.look},
		{"$ perpetual destroy --yes-destroy " + site.Name, i.destroy},
	} {
		i.line.Head(chapter.head)
		if err := chapter.play(ctx); err != nil {
			return err
		}
	}
	return i.line.Judge(i.expectations())
}

// config changes what is installed by default.
func (i *install) config() map[string]any {
	if i.options.Workers == 0 {
		return nil
	}
	return map[string]any{"workers": map[string]any{"count": i.options.Workers}}
}

func (i *install) begin(context.Context) error {
	i.facts.begin = i.inventory()
	i.line.Add("account", i.facts.begin.String())
	if len(i.options.InstallerPolicies) > 0 {
		i.line.Add("", "who installs may do there what the installer's policies allow, and nothing else")
	}
	return nil
}

// mine is a run of perpetual as a person does it.
func (i *install) mine(args ...string) command {
	return command{who: "perpetual", dir: i.dir, env: i.site.Env(), args: args}
}

// first installs.
func (i *install) first(ctx context.Context) error {
	if err := i.perform(ctx, i.mine("deploy"), &i.facts.first); err != nil {
		return err
	}
	if i.site.Director == nil || i.site.Concourse == nil {
		return errors.New("perpetual deploy has ended well, but there is no Concourse")
	}
	i.facts.installed = i.inventory()
	i.line.Add("account", i.facts.installed.String())
	i.line.Add("", "Concourse answers at "+i.facts.first.URL)
	return nil
}

func (i *install) second(ctx context.Context) error {
	was := i.changes()
	if err := i.perform(ctx, i.mine("deploy"), &i.facts.second); err != nil {
		return err
	}
	i.facts.written = i.changes().since(was)
	i.line.Add("", "written meanwhile: "+i.facts.written.String())
	return nil
}

// variables are those of pipelines, as the installed Concourse finds them.
func (i *install) variables() variable.Finder {
	return variable.Finder{Site: i.site, Config: installedATC{i.site}.Config}
}

// settle plays until nothing is triggered any more.
func (i *install) settle(ctx context.Context) error {
	was := i.changes()
	for {
		outcomes, err := i.player.Tick(ctx)
		if err != nil {
			return err
		}
		if len(outcomes) == 0 {
			break
		}
		for _, o := range outcomes {
			if o.Err != nil {
				return fmt.Errorf("job %s: %w", o.Job, o.Err)
			}
			i.facts.firstRound = append(i.facts.firstRound, o)
		}
	}
	i.facts.writtenInside = i.changes().since(was)
	i.facts.hidden, i.facts.unreachable = i.variables().Hidden(), i.variables().Unreachable()
	return nil
}

// upgrade plays until the verifying job has run for the new task.
func (i *install) upgrade(ctx context.Context) error {
	i.team = stage.NewTeam(i.site.World, i.line)
	if err := i.team.Begin(); err != nil {
		return fmt.Errorf("begin the other team's build: %w", err)
	}
	i.facts.before = i.changes()
	events := len(i.site.Concourse.Events())
	i.beside.Go(func() {
		i.team.Follow(i.ctx, func() bool { return i.changes().since(i.facts.before).Deploys > 0 })
	})
	i.site.Publish(stage.After)
	ctx, cancel := context.WithTimeout(ctx, stage.Patience)
	defer cancel()
	for {
		outcomes, err := i.player.Tick(ctx)
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			switch {
			case o.Err != nil:
				return fmt.Errorf("job %s: %w", o.Job, o.Err)
			case o.Job == "upgrade":
				i.facts.upgrade = o
				i.line.Head("The build is over. BOSH goes on by itself.")
			case o.Job == "verify":
				i.facts.verify = o
				if err := i.team.Wait(ctx); err != nil {
					return err
				}
				i.facts.upgraded, i.facts.events = i.changes().since(i.facts.before), i.site.Concourse.Events()[events:]
				i.facts.accepted = lastDeploy(i.site.Director.Effects())
				i.facts.taskEnded = i.site.Director.Ended(i.facts.lastInside().Task)
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lastDeploy is when the last deploy was accepted; zero for never.
func lastDeploy(effects []director.Effect) (when time.Time) {
	for _, e := range effects {
		if e.Kind == director.EffectDeploy {
			when = e.At
		}
	}
	return when
}

// look shows what perpetual says of the installation. plan ends with 2 if a deploy
// would change something.
func (i *install) look(ctx context.Context) error {
	if err := i.show(ctx, i.mine("info")); err != nil {
		return err
	}
	if err := i.show(ctx, i.mine("plan")); err != nil {
		return err
	}
	i.facts.planned = true
	return nil
}

// destroy deletes everything and looks at what is left.
func (i *install) destroy(ctx context.Context) error {
	var result struct {
		Left []string `json:"left"`
	}
	users := []string{i.userOf("PipelineUser"), i.userOf("ReaderUser")}
	if err := i.perform(ctx, i.mine("destroy", "--yes-destroy", site.Name), &result); err != nil {
		return err
	}
	for _, line := range result.Left {
		i.line.Add("perpetual", "left: "+line)
	}
	i.facts.left, i.facts.end = result.Left, i.inventory()
	for _, user := range users {
		i.facts.keysLeft += len(i.site.AWS.AccessKeys(user))
	}
	i.line.Add("account", i.facts.end.String())
	return nil
}
