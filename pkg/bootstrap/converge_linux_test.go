package bootstrap_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
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
func TestPlan_saysNothingWhereDeployChangesNothing(t *testing.T) { newWhole(t).live(t, turns) }

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
	planned := map[string]bootstrap.PlannedStep{}
	var says []string
	for _, s := range plan.Steps {
		planned[s.Step] = s
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
		if s.Status == bootstrap.Changed {
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

// strand leaves a pipeline paused as a quiet upgrade does whose deploy was accepted.
func strand(t *testing.T, w *whole) {
	t.Helper()
	w.strand(t, pause.List{Task: 1})
}

// strandEarly does so as one that was killed before it has started a deploy.
func strandEarly(t *testing.T, w *whole) {
	t.Helper()
	last := 0
	for _, task := range w.director.Load().Tasks() {
		last = max(last, task.ID)
	}
	w.strand(t, pause.List{After: last})
}

// strand leaves a pipeline paused, with a list that has what is given.
func (w *whole) strand(t *testing.T, list pause.List) {
	t.Helper()
	if _, err := w.Concourse.SetPipeline("main", "app", nil, []byte("jobs: [{name: test, plan: [{task: test, file: x}]}]")); err != nil {
		t.Fatal(err)
	}
	if err := w.Concourse.Pause("main", "app", "perpetual"); err != nil {
		t.Fatal(err)
	}
	pipelines, err := w.atc.Pipelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(pipelines, func(p concourse.PipelineState) bool { return p.Name == "app" })
	list.Deployment, list.Phase, list.Since, list.User, list.From, list.To = "concourse", pause.Paused, time.Now(), "perpetual", "8.2.4", "8.2.5"
	list.Pipelines = []pause.Entry{{ID: pipelines[i].ID, Team: "main", Name: "app", Step: pause.Held, By: "perpetual", At: pipelines[i].PausedAt.Unix()}}
	c, err := bosh.New(bosh.Config{URL: w.url, CACert: w.ca, Username: "perpetual", Password: secret.New("x")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	keeper := pause.InDirector(c, "concourse")
	_, revision, err := keeper.Load(t.Context()) // one that was ended before
	if err == nil {
		_, err = keeper.Save(t.Context(), list, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// deployUnread deploys with a client of the director that may not read the list of paused
// pipelines: no deploy needs it, and only the verification, which does, fails.
func deployUnread(t *testing.T, w *whole) {
	w.unread = &bosh.ResponseError{Status: http.StatusForbidden}
	defer func() { w.unread = nil }()
	i, _ := w.installation(t, w.wanted())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true}); err != nil {
		t.Errorf("the pipeline's run: %v", err)
	}
	i, _ = w.installation(t, w.wanted())
	plan, err := i.Plan(t.Context(), bootstrap.Options{})
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	last := plan.Steps[len(plan.Steps)-1]
	if last.Step != "verify" || last.Changes || len(last.Lines) != 1 || !strings.Contains(last.Lines[0], "left pipelines paused is not known: ") {
		t.Errorf("the plan ends with %+v", last)
	}
	i, shown := w.installation(t, w.wanted())
	var at *bootstrap.StepError
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.As(err, &at) || at.Step != "verify" {
		t.Errorf("the deploy ends with %v, want the verification to fail", err)
	}
	if text := strings.Join(shown.lines, "\n"); !strings.Contains(text, "left pipelines paused is not known: ") {
		t.Errorf("the deploy does not say that it does not know what is paused:\n%s", text)
	}
}

// pipelineFirst lets a pipeline run with a record that does not say that it was deployed:
// it sets itself first all the same.
func pipelineFirst(t *testing.T, w *whole) {
	put(t, w.stores["ci"], "run/record.json", w.edit(t, "run/record.json", func(fields map[string]any) {
		delete(fields, "director")
		delete(fields, "deployment")
	}))
	text, _ := w.Concourse.PipelineConfig("perpetual", "self-upgrade")
	changed := strings.ReplaceAll(string(text), "PERPETUAL_STATE_KEY", "PERPETUAL_OTHER_KEY")
	if _, err := w.Concourse.SetPipeline("perpetual", "self-upgrade", nil, []byte(changed)); err != nil || changed == string(text) {
		t.Fatalf("change the pipeline: %v", err)
	}
	i, _ := w.installation(t, w.wanted())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true}); err != nil {
		t.Errorf("the pipeline's run: %v", err)
	}
	if text, _ := w.Concourse.PipelineConfig("perpetual", "self-upgrade"); !strings.Contains(string(text), "PERPETUAL_STATE_KEY") {
		t.Errorf("it has not set itself:\n%s", text)
	}
}

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
		name: "the director's VM is gone", happens: func(_ *testing.T, w *whole) { w.vm = false }, changes: []string{"director"},
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
