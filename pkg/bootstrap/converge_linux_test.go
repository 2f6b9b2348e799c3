package bootstrap_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// turn is one thing that happens to an installation, after which it is planned and deployed.
type turn struct {
	name    string
	happens func(t *testing.T, w *whole)
	wants   func(*config.Config)
	options bootstrap.Options
	changes []string // the steps that it changes
}

// TestPlan_saysNothingWhereDeployChangesNothing, and the other way round, of each step: of
// an installation to which one thing after the other happens. Each time the deploy of
// before has been shown to leave nothing to do.
func TestPlan_saysNothingWhereDeployChangesNothing(t *testing.T) {
	w := newWhole(t)
	w.live(t, turns)
	t.Run("a deploy of the same runs already", w.joins)
}

// joins plans while the director has a task that a deploy would join.
func (w *whole) joins(t *testing.T) {
	w.director.Load().SetWorkers(0)
	o := bootstrap.Options{Self: true, Recreate: true}
	i, _ := w.installation(t, w.wanted())
	did, err := i.Deploy(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	i, _ = w.installation(t, w.wanted())
	plan, err := i.Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(plan.Steps, func(s step.Planned) bool { return s.Step == "deploy" })
	want := fmt.Sprintf("director task %d deploys the same content already: would join it", did.Task)
	if at < 0 {
		t.Fatalf("the plan has no deploy: %+v", plan.Steps)
	}
	if step := plan.Steps[at]; !step.Changes || !slices.Contains(step.Lines, want) {
		t.Errorf("the plan says %+v, want %q", step, want)
	}
}

// So it is of an installation whose database is on a VM, and which no build upgrades.
func TestPlan_saysNothingWhereDeployChangesNothingOfADatabaseVM(t *testing.T) {
	w := newWhole(t)
	w.Publish(world.Set{Postgres: "54.0.5"})
	w.alter = func(c *config.Config) {
		c.Database.Kind, c.State = "vm", &config.State{Dir: "state"}
	}
	w.live(t, []turn{
		{name: "nothing is there yet", changes: []string{"state", "configuration", "components", "infrastructure", "credentials", "director", "deploy"}},
		{name: "nothing happens"},
		{name: "a newer PostgreSQL", wants: func(c *config.Config) { c.Database.Version = 17 }, changes: []string{"configuration", "deploy"}},
	})
}

// live plans and deploys after each of the turns, and once more.
func (w *whole) live(t *testing.T, turns []turn) {
	for _, turn := range turns {
		t.Run(turn.name, func(t *testing.T) {
			if turn.happens != nil {
				turn.happens(t, w)
			}
			w.effects(t)
			w.agree(t, turn, turn.options, turn.changes)
			w.agree(t, turn, bootstrap.Options{}, nil)
		})
	}
}

// agree plans, deploys, and wants both to say the same.
func (w *whole) agree(t *testing.T, turn turn, o bootstrap.Options, want []string) {
	t.Helper()
	cfg := w.wanted()
	if w.alter != nil {
		w.alter(cfg)
	}
	if turn.wants != nil {
		turn.wants(cfg)
	}
	i, _ := w.installation(t, cfg)
	before := w.everything(t)
	plan, err := i.Plan(t.Context(), o)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if after := w.everything(t); !maps.Equal(before, after) {
		t.Errorf("the plan has changed the state from %q to %q", before, after)
	}
	if w.changeSets != 0 {
		t.Errorf("the plan has left %d change sets", w.changeSets)
	}
	if wrote := w.effects(t); len(wrote) > 0 {
		t.Errorf("the plan has changed %q", wrote)
	}
	planned := map[string]step.Planned{}
	mute := w.mute.Load()
	var says []string
	for _, s := range plan.Steps {
		planned[s.Step] = s
		if unknown := s.Summary == "not known until the director answers"; s.Step == "deploy" && unknown != mute {
			t.Errorf("the plan says of the deploy: %s", s.Summary)
		}
		if s.Changes {
			says = append(says, s.Step)
		}
	}
	i, shown := w.installation(t, cfg)
	result, err := i.Deploy(t.Context(), o)
	if err != nil {
		t.Fatalf("deploy: %v\n%q", err, shown.lines[max(0, len(shown.lines)-5):])
	}
	wrote := w.effects(t)
	var did []string
	for _, s := range result.Outcomes {
		if s.Status == step.Changed {
			did = append(did, s.Step)
		}
	}
	if !slices.Equal(says, did) || len(says) > 0 != (len(wrote) > 0) {
		t.Errorf("the plan says %q, the deploy has changed %q, and what was written is %q", says, did, wrote)
		for _, step := range says {
			t.Logf("plan: %+v", planned[step])
		}
		for _, o := range result.Outcomes {
			t.Logf("deploy: %+v", o)
		}
	}
	if want != nil && !slices.Equal(says, want) || want == nil && len(says) > 0 {
		t.Errorf("it changes %q, want %q", says, want)
	}
}

// later is how long after the beginning of the test it is from now on.
func (w *whole) later(d time.Duration) {
	now := time.Now().Add(d)
	w.now = func() time.Time { return now }
}

// withOps names an ops file.
func withOps(c *config.Config) { c.Manifest.OpsFiles = []string{"ops.yml"} }

// turns are what happens, in this order.
var turns = []turn{
	{name: "nothing is there yet", changes: []string{"state", "configuration", "components", "infrastructure", "credentials", "director", "deploy", "parameters", "pipeline"}},
	{name: "nothing happens"},
	{
		name: "more workers", wants: func(c *config.Config) { c.Workers.Count = 2 }, changes: []string{"configuration", "deploy"},
	},
	{
		name: "what is not said stays", changes: []string{},
	},
	{
		name: "the state is of an older release", changes: []string{"state", "parameters", "pipeline"}, happens: func(t *testing.T, w *whole) {
			w.age(t)
			w.operator.yes = true
			text, _ := w.Concourse.PipelineConfig("perpetual", "self-upgrade")
			lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
				return strings.Contains(line, "PERPETUAL_OPERATOR_PUBLIC_KEY") || strings.Contains(line, "PERPETUAL_STATE_KEY")
			})
			if _, err := w.Concourse.SetPipeline("perpetual", "self-upgrade", nil, []byte(strings.Join(lines, "\n"))); err != nil {
				t.Fatal(err)
			}
		},
	},
	{
		name: "a tag", wants: func(c *config.Config) { c.AWS.Tags = map[string]string{"team": "ci"} }, changes: []string{"configuration", "deploy", "parameters"},
	},
	{
		name: "others may reach the director", wants: func(c *config.Config) { c.Access.Director = []string{"192.0.2.0/24"} }, changes: []string{"configuration", "infrastructure"},
	},
	{
		name: "the director's VM is gone", happens: func(_ *testing.T, w *whole) {
			w.vm = false
			w.mute.Store(true)
		}, changes: []string{"director"},
	},
	{
		name: "every VM is to be made again", options: bootstrap.Options{Recreate: true}, changes: []string{"director", "deploy"},
	},
	{
		name: "a newer Concourse that nobody has asked for", happens: func(_ *testing.T, w *whole) { w.Publish(world.Set{Concourse: "8.2.5"}) },
	},
	{
		name: "a newer Concourse", options: bootstrap.Options{Upgrade: true}, changes: []string{"components", "deploy"},
	},
	{
		name: "a parameter is gone", happens: func(_ *testing.T, w *whole) { delete(w.parameters, "/perpetual-own/ci/atc_password") }, changes: []string{"parameters"},
	},
	{
		name: "the key of the reader is gone", happens: func(_ *testing.T, w *whole) { delete(w.parameters, "/perpetual-own/ci/reader_key") }, changes: []string{"parameters", "pipeline"},
	},
	{
		name: "somebody keeps a parameter where the pipeline was", happens: func(_ *testing.T, w *whole) {
			w.parameters["/perpetual/ci/main/self-upgrade/slack"] = "somebody's"
		},
	},
	{
		name: "the key of the pipeline is gone", happens: func(_ *testing.T, w *whole) { delete(w.parameters, "/perpetual-own/ci/aws_key") }, changes: []string{"parameters", "pipeline"},
	},
	{
		name: "a key that nothing has", happens: func(_ *testing.T, w *whole) {
			w.keys["reader"] = append(w.keys["reader"], account.AccessKey{ID: "AKIAIDLE", Made: w.time()})
		}, changes: []string{"pipeline"},
	},
	{
		name: "a month later", happens: func(_ *testing.T, w *whole) { w.later(30 * 24 * time.Hour) }, changes: []string{"parameters", "pipeline"},
	},
	{
		name: "the run of a pipeline", options: bootstrap.Options{Self: true},
	},
	{
		name: "the run of a pipeline two months later", options: bootstrap.Options{Self: true}, changes: []string{"pipeline"},
		happens: func(_ *testing.T, w *whole) { w.later(60 * 24 * time.Hour) },
	},
	{
		name: "a parameter has lost its tags", happens: func(_ *testing.T, w *whole) { delete(w.tags, "/perpetual-own/ci/atc_password") }, changes: []string{"parameters"},
	},
	{
		name: "an ops file", wants: withOps, changes: []string{"configuration"},
		happens: func(_ *testing.T, w *whole) { w.files = map[string]string{"ops.yml": "[]\n"} },
	},
	{
		name: "a remark in the ops file", wants: withOps, changes: []string{"configuration"},
		happens: func(_ *testing.T, w *whole) { w.files = map[string]string{"ops.yml": "[] # for later\n"} },
	},
	{
		name: "the key with which the pipeline reads the state is gone", changes: []string{"configuration", "parameters"}, happens: func(t *testing.T, w *whole) {
			w.amend(t, credentialsName, func(fields map[string]any) { delete(fields["values"].(map[string]any), "state_key") })
		},
	},
	{
		name: "the run of a pipeline with its new key", options: bootstrap.Options{Self: true},
	},
	{
		name: "what the pipeline may read of the credentials is gone", changes: []string{"credentials"}, happens: func(t *testing.T, w *whole) {
			found, err := w.stores["ci"].Get(t.Context(), "operator/pipeline.json")
			if err == nil {
				err = w.stores["ci"].Delete(t.Context(), "operator/pipeline.json", found.Revision)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.texts["operator/pipeline.json"] = ""
		},
	},
	{
		name: "a run was killed after it has changed the stack", happens: func(_ *testing.T, w *whole) { w.webGroup = "sg-33" }, changes: []string{"deploy"},
	},
	{
		name: "a run was killed before it has let others' pipelines run again", happens: strand, changes: []string{"verify"},
	},
	{
		name: "a run was killed before it has started the deploy for which it has paused pipelines", happens: strandEarly, changes: []string{"verify"},
	},
	{
		name: "so it was, and there is something to deploy", happens: strandEarly, changes: []string{"configuration", "deploy", "verify"},
		wants: func(c *config.Config) { c.Workers.Count = 3 },
	},
	{
		name: "the record has lost that there is a deployment", happens: pipelineFirst,
	},
	{
		name: "the list of paused pipelines cannot be read", happens: deployUnread,
	},
	{
		name: "a run was killed before it has let the pipeline run", happens: func(t *testing.T, w *whole) {
			put(t, w.stores["ci"], "run/record.json", w.edit(t, "run/record.json", func(fields map[string]any) { fields["unpause"] = true }))
		}, changes: []string{"pipeline"},
	},
}
