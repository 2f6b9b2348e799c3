package bootstrap_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/stock"
)

// progress collects what is shown.
type progress struct{ lines []string }

// Begin implements step.Progress.
func (p *progress) Begin(step string) { p.lines = append(p.lines, "begin "+step) }

// Note implements step.Progress.
func (p *progress) Note(step, line string) { p.lines = append(p.lines, step+": "+line) }

// Warn implements step.Progress.
func (p *progress) Warn(line string) { p.lines = append(p.lines, "warning: "+line) }

// End implements step.Progress.
func (p *progress) End(step string, o step.Outcome) {
	p.lines = append(p.lines, "end "+step+": "+string(o.Status)+" "+o.Report)
}

// given is a configuration with everything by default.
func given() *config.Config {
	return &config.Config{Schema: 1, Name: "ci", AWS: &config.AWS{Region: "eu-central-1"}}
}

// deaf is a director that never answers: what is looked at here comes before it.
type deaf struct{ bootstrap.Director }

// Deployment implements upgrade.Director.
func (deaf) Deployment(context.Context, string) (bosh.Deployment, error) {
	return bosh.Deployment{}, errNoDirector
}

// Tasks implements upgrade.Director.
func (deaf) Tasks(context.Context, bosh.TaskFilter) ([]bosh.Task, error) {
	return nil, errNoDirector
}

// Stemcells implements upgrade.Director: there is none.
func (deaf) Stemcells(context.Context) ([]bosh.Stemcell, error) { return nil, nil }

// Releases implements upgrade.Director: there is none.
func (deaf) Releases(context.Context) ([]bosh.Release, error) { return nil, nil }

// Packages implements upgrade.Director: every release is there.
func (deaf) Packages(context.Context, bosh.Release) ([]bosh.Package, error) {
	return nil, nil
}

// Admit implements upgrade.Director: it may be sent everywhere.
func (deaf) Admit(context.Context, stock.Artifact) error { return nil }

// Keeper implements bootstrap.Director: there is no list.
func (deaf) Keeper(string) pause.Keeper { return listless{} }

// listless has no list of paused pipelines, and takes none.
type listless struct{}

// Load implements pause.Keeper.
func (listless) Load(context.Context) (pause.List, string, error) { return pause.List{}, "", nil }

// Save implements pause.Keeper.
func (listless) Save(context.Context, pause.List, string) (string, error) {
	return "", errNoDirector
}

// silent is a Concourse that does not answer.
type silent struct{ bootstrap.ATC }

// Info implements upgrade.ATC.
func (silent) Info(context.Context) (concourse.Info, error) { return concourse.Info{}, errNoDirector }

var errNoDirector = errors.New("the director does not answer")

// install is an installation in the cloud.
func (c *cloud) install(t *testing.T, cfg *config.Config) (*bootstrap.Installation, *progress) {
	t.Helper()
	if c.open == nil {
		c.open = c.store(t)
	}
	shown := &progress{}
	return &bootstrap.Installation{
		Name: cfg.Name, Given: cfg, Program: "1.2.3", Account: c, OpenStore: c.open,
		OpenStack:       func(string, stack.Options) (infrastructure.Stack, error) { return cloudStack{c}, nil },
		OpenEnvironment: func(o createenv.Options) (environment.Environment, error) { return createEnv{c, o.Documents}, nil },
		Answers:         func(context.Context, string) bool { return c.vm },
		SpotCeiling:     func(string, string) string { return "0.207" },
		DeleteStore: func(context.Context, *config.Config, string) error {
			delete(c.stores, cfg.Name)
			return c.effect("store deleted")
		},
		Director: func(resource.Director) (bootstrap.Director, func(), error) { return deaf{}, func() {}, nil },
		ATC:      func(resource.Concourse) (bootstrap.ATC, error) { return silent{}, nil },
		Components: func(_ context.Context, _ resource.Source, exactly resource.Version) ([]component.Component, error) {
			return exact(set, exactly), nil
		},
		Progress: shown, Mask: func(...secret.Value) {}, Operator: c.operator, Pipeline: c.inside(t),
	}, shown
}

var set = []component.Component{
	{Name: "bpm", Kind: component.KindRelease, Version: "1.4.33"},
	{Name: "concourse", Kind: component.KindRelease, Version: "8.2.4"},
	{Name: "stemcell", Kind: component.KindStemcell, Upstream: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", Version: "1.1340"},
}

// exact is a set with the versions that are asked for.
func exact(list []component.Component, versions resource.Version) []component.Component {
	list = slices.Clone(list)
	for i, c := range list {
		if v := versions[c.Name]; v != "" {
			list[i].Version = v
		}
	}
	return list
}

// deploy runs Deploy, which must end at a step; the director's is as far as it gets.
func (c *cloud) deploy(t *testing.T, cfg *config.Config) *step.Error {
	t.Helper()
	i, _ := c.install(t, cfg)
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	var at *step.Error
	if !errors.As(err, &at) {
		t.Fatalf("Deploy ends with %v, want a *step.Error", err)
	}
	return at
}

func TestDeploy_makesOneAfterTheOtherAndNothingTwice(t *testing.T) {
	c := newCloud()
	if at := c.deploy(t, given()); at.Step != "deploy" || !errors.Is(at, errNoDirector) {
		t.Fatalf("it ends with %v, want the director that does not answer", at)
	}
	if got, want := c.written(), []string{"store", "stack", "vm"}; !slices.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	c.deploy(t, given())
	if got := c.written(); len(got) != 0 {
		t.Errorf("the second run made %v", got)
	}
}

func TestDeploy_goesOnWhereAnErrorHasStoppedIt(t *testing.T) {
	for _, effect := range []string{"stack", "vm"} {
		c := newCloud()
		c.fail[effect] = errBroken
		if at := c.deploy(t, given()); !errors.Is(at, errBroken) {
			t.Errorf("%s: it ends with %v", effect, at)
		}
		before := c.written()
		delete(c.fail, effect)
		if at := c.deploy(t, given()); at.Step != "deploy" {
			t.Errorf("%s: the next run ends with %v", effect, at)
		}
		if all := append(before, c.written()...); !slices.Equal(all, []string{"store", "stack", "vm"}) {
			t.Errorf("%s: together they made %v", effect, all)
		}
	}
}

func TestDeploy_stopsAtASafePointWhenItIsInterrupted(t *testing.T) {
	for _, effect := range []string{"stack", "vm"} {
		c := newCloud()
		ctx, cancel := context.WithCancelCause(t.Context())
		c.at = func(name string) {
			if name == effect {
				cancel(errors.New("interrupted by SIGINT"))
			}
		}
		i, shown := c.install(t, given())
		_, err := i.Deploy(ctx, bootstrap.Options{})
		if err == nil || !strings.Contains(err.Error(), "interrupted by SIGINT") {
			t.Errorf("%s: the error does not say why: %v", effect, err)
		}
		if list := c.written(); list[len(list)-1] != effect {
			t.Errorf("%s: it made %v", effect, list)
		}
		c.at = nil
		if at := c.deploy(t, given()); at.Step != "deploy" {
			t.Errorf("%s: the next run ends with %v\n%v", effect, at, shown.lines)
		}
	}
}

func TestDeploy_refusesBeforeAnythingIsMade(t *testing.T) {
	cases := []struct {
		name string
		with func(*cloud, *config.Config)
		step string
		says []string
	}{
		{"no credentials", func(c *cloud, _ *config.Config) { c.fail["identity"] = errors.New("no credentials: set AWS_PROFILE") }, "account", []string{"AWS_PROFILE"}},
		{"another account", func(_ *cloud, cfg *config.Config) { cfg.AWS.Account = "210987654321" }, "account", []string{"123456789012", "210987654321", "nothing was changed"}},
		{"a zone that is not there", func(_ *cloud, cfg *config.Config) { cfg.AWS.Zones = []string{"eu-central-1x", "eu-central-1a"} }, "configuration", []string{"eu-central-1x", "eu-central-1a"}},
		{"a type that no zone has", func(c *cloud, _ *config.Config) { c.offered = map[string][]string{"t3.small": {}} }, "configuration", []string{"t3.small", "nowhere"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c, cfg := newCloud(), given()
			test.with(c, cfg)
			at := c.deploy(t, cfg)
			if at.Step != test.step {
				t.Errorf("it ends at %s: %v", at.Step, at)
			}
			for _, part := range test.says {
				if !strings.Contains(at.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, at)
				}
			}
			if list := c.written(); slices.Contains(list, "stack") || slices.Contains(list, "vm") {
				t.Errorf("it made %v", list)
			}
		})
	}
}

func TestDeploy_refusesTheStateOfAnotherAccount(t *testing.T) {
	c := installed(t)
	c.account = "210987654321"
	at := c.deploy(t, given())
	if !strings.Contains(at.Error(), "belongs to account 123456789012") || len(c.written()) != 0 {
		t.Errorf("it ends with %v", at)
	}
}

func TestDeploy_takesZonesThatOfferTheTypesAndKeepsThem(t *testing.T) {
	c := newCloud()
	c.offered = map[string][]string{"t3.small": {"eu-central-1b", "eu-central-1c"}}
	c.deploy(t, given())
	if want := []string{"eu-central-1b", "eu-central-1c"}; !slices.Equal(c.stack.Zones, want) {
		t.Errorf("the zones are %v, want %v", c.stack.Zones, want)
	}
	c.offered = nil // another order now, but what is built stays where it is
	c.deploy(t, given())
	if want := []string{"eu-central-1b", "eu-central-1c"}; !slices.Equal(c.stack.Zones, want) {
		t.Errorf("later the zones are %v, want %v", c.stack.Zones, want)
	}
}

func TestDeploy_keepsWhatIsNotSetAndRefusesWhatCannotChange(t *testing.T) {
	c := newCloud()
	first := given()
	first.Workers.Count = 5
	c.deploy(t, first)
	c.deploy(t, given())
	body := c.document(t, "operator/configuration.json")
	if !strings.Contains(body, "5") {
		t.Errorf("workers.count was reset: %s", body)
	}
	moved := given()
	moved.AWS.Region = "eu-west-1"
	c.written()
	at := c.deploy(t, moved)
	if !strings.Contains(at.Error(), "aws.region") || len(c.written()) != 0 {
		t.Errorf("another region: %v", at)
	}
}

func TestDeploy_leavesTheStateOfANewerReleaseAlone(t *testing.T) {
	c := installed(t)
	for _, name := range document.Names() {
		store := c.stores["ci"]
		was, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		newer := strings.Replace(string(was.Body), `"schema": 1`, `"schema": 99`, 1)
		revision, err := store.Put(t.Context(), name, []byte(newer), was.Revision)
		if err != nil || newer == string(was.Body) {
			t.Fatalf("%s: %v", name, err)
		}
		c.written()
		at := c.deploy(t, given())
		var known *state.NewerError
		if !errors.As(at, &known) && !errors.Is(at, seal.ErrNewer) || len(c.written()) != 0 {
			t.Errorf("%s: it ends with %v", name, at)
		}
		if _, err := store.Put(t.Context(), name, was.Body, revision); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeploy_runsOneAtATime(t *testing.T) {
	c := installed(t)
	lease, err := lease.Acquire(t.Context(), c.stores["ci"], "run/leases/installation", lease.Holder{Purpose: "deploy ci", Host: "elsewhere"}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lease.Release(t.Context()) }()
	c.written()
	at := c.deploy(t, given())
	for _, part := range []string{"another run is under way", "elsewhere", "unlock", "--id " + lease.ID()} {
		if !strings.Contains(at.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, at)
		}
	}
	if list := c.written(); len(list) != 0 {
		t.Errorf("it made %v", list)
	}
}

func TestDeploy_stopsWhenItsLeaseIsLost(t *testing.T) {
	c := newCloud()
	var store state.Store
	c.at = func(name string) {
		if store = c.stores["ci"]; name == "stack" {
			doc, err := store.Get(t.Context(), "run/leases/installation")
			if err == nil {
				err = store.Delete(t.Context(), "run/leases/installation", doc.Revision)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	c.applying = func(ctx context.Context) { <-ctx.Done() }
	i, _ := c.install(t, given())
	i.LeaseTTL = 300 * time.Millisecond
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if !errors.Is(err, lease.ErrLost) {
		t.Errorf("it ends with %v, want the lost lease", err)
	}
	if list := c.written(); slices.Contains(list, "vm") {
		t.Errorf("it made %v", list)
	}
}

func TestDeploy_remembersADirectorThatAnInterruptedRunHasMade(t *testing.T) {
	c := newCloud()
	ctx, cancel := context.WithCancelCause(t.Context())
	c.at = func(name string) {
		if name == "vm" {
			cancel(errors.New("SIGINT received"))
		}
	}
	i, _ := c.install(t, given())
	if _, err := i.Deploy(ctx, bootstrap.Options{}); err == nil {
		t.Fatal("it was not interrupted")
	}
	c.at = nil
	c.deploy(t, given())
	i, _ = c.install(t, given())
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); !errors.Is(err, errNoDirector) || c.stack == nil || !c.vm {
		t.Errorf("destroy does not ask the director first: %v", err)
	}
}

func TestDeploy_takesAnotherZoneAfterAWrongOne(t *testing.T) {
	c, wrong := newCloud(), given()
	wrong.AWS.Zones = []string{"eu-central-1x", "eu-central-1a"}
	c.deploy(t, wrong)
	right := given()
	right.AWS.Zones = []string{"eu-central-1c", "eu-central-1a"}
	if at := c.deploy(t, right); at.Step != "deploy" || !slices.Equal(c.stack.Zones, right.AWS.Zones) {
		t.Fatalf("with the right zones it ends with %v", at)
	}
	other := given()
	other.AWS.Zones = []string{"eu-central-1a", "eu-central-1b"}
	if at := c.deploy(t, other); !strings.Contains(at.Error(), "aws.zones") {
		t.Errorf("other zones, later: %v", at)
	}
}

func TestDeploy_refusesAnOpsFileThatIsNoYAMLBeforeAnythingIsMade(t *testing.T) {
	c, cfg := newCloud(), given()
	cfg.Manifest.OpsFiles = []string{"ops.yml"}
	i, _ := c.install(t, cfg)
	i.Files = func(string) ([]byte, error) { return []byte("- {type: replace, path: /a, value: [secret"), nil }
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if err == nil || !strings.Contains(err.Error(), "parse ops file ops.yml") || strings.Contains(err.Error(), "secret") {
		t.Errorf("it ends with %v", err)
	}
	if got := c.written(); len(got) > 0 {
		t.Errorf("made %v", got)
	}
}

// A run that is refused stores nothing of what it was given; the next one, without it,
// goes on as before. Whatever refuses: the configuration as a whole, a file, the
// components, the stack's plan, or the cloud that undoes the change.
func TestDeploy_storesNoSettingThatWasRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*cloud, *config.Config)
		says   string
	}{
		"a wrong value":    {func(_ *cloud, cfg *config.Config) { cfg.Web.Instances = 2 }, "web.instances"},
		"a missing file":   {func(_ *cloud, cfg *config.Config) { cfg.Manifest.OpsFiles = []string{"nosuch.yml"} }, "there is no file nosuch.yml"},
		"a file beside":    {func(_ *cloud, cfg *config.Config) { cfg.Manifest.CloudOpsFiles = []string{"ops.yml"} }, "ops.yml"},
		"components":       {func(_ *cloud, cfg *config.Config) { cfg.Versions.Concourse = "1.x" }, "no Concourse meets 1.x"},
		"the stack's plan": {func(c *cloud, cfg *config.Config) { cfg.Workers.Count = 7; c.refusePlan = errBroken }, "the cloud says no"},
		"an undone change": {func(c *cloud, cfg *config.Config) {
			cfg.Access.Director, cfg.Manifest.OpsFiles = []string{"203.0.113.0/24"}, []string{"good.yml"}
			c.undo = true
			c.fail["stack"] = errBroken
		}, "the cloud says no"},
		"a type of nowhere": {func(c *cloud, cfg *config.Config) {
			cfg.Web.InstanceType = "x9.large"
			c.offered = map[string][]string{"x9.large": {}}
		}, "x9.large"},
	} {
		t.Run(name, func(t *testing.T) {
			c := installed(t)
			before, record := c.configuration(t), c.document(t, "run/record.json")
			c.written()
			cfg := given()
			test.change(c, cfg)
			i, _ := c.install(t, cfg)
			i.Files = func(name string) ([]byte, error) {
				switch name {
				case "ops.yml":
					return []byte("- {type: remove, path: /vm_types/name=nosuch}"), nil
				case "good.yml":
					return []byte("- {type: replace, path: '/instance_groups/name=web/env?/nosuch', value: 1}"), nil
				}
				return nil, fs.ErrNotExist
			}
			i.Components = func(_ context.Context, source resource.Source, _ resource.Version) ([]component.Component, error) {
				return nil, errors.New("no Concourse meets " + source.Watch["concourse"].Version)
			}
			_, err := i.Deploy(t.Context(), bootstrap.Options{Upgrade: name == "components"})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("it ends with %v, want %q", err, test.says)
			}
			if after := c.configuration(t); after != before {
				t.Errorf("it has stored\n%s\nafter\n%s", after, before)
			}
			if strings.Contains(c.document(t, "run/record.json"), "nosuch") {
				t.Errorf("the record has changed from\n%s\nto\n%s", record, c.document(t, "run/record.json"))
			}
			c.fail, c.refusePlan, c.undo, c.offered = map[string]error{}, nil, false, nil
			if at := c.deploy(t, given()); at.Step != "deploy" {
				t.Errorf("without it the next run ends with %v", at)
			}
		})
	}
}

// What an earlier release has stored and this one refuses is named with the way to take
// it back, which works; a key that is not known any more is left out with a word.
func TestDeploy_letsStoredSettingsThatAreRefusedBeTakenBack(t *testing.T) {
	c := installed(t)
	c.amend(t, "operator/configuration.json", func(fields map[string]any) {
		stored := fields["configuration"].(map[string]any)
		stored["web"], stored["workers"] = map[string]any{"instances": 3}, map[string]any{"count": -2}
		stored["auth"], stored["flux"] = map[string]any{"local_users": map[string]any{"perpetual": "x"}}, map[string]any{"capacitor": 1}
	})
	c.written()
	i, _ := c.install(t, given())
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	for _, part := range []string{"web.instances: is 3", "--web-instances null", "workers.count: want at least 1, got -2", "--workers-count null", "auth.local_users.perpetual: ", " auth.local_users: null in perpetual.yml", "stored from an earlier deploy"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	if info, err := i.Info(t.Context(), false); err != nil || info.Name != "ci" {
		t.Errorf("info: %+v, %v", info, err)
	}
	back := given()
	back.Reset = []string{"web.instances", "workers.count", "auth.local_users"}
	i, shown := c.install(t, back)
	var at *step.Error
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.As(err, &at) || at.Step != "deploy" {
		t.Errorf("taken back: %v", err)
	}
	if all := strings.Join(shown.lines, "\n"); !strings.Contains(all, "flux: unknown key") || !strings.Contains(all, "left out") {
		t.Errorf("nothing is said of the unknown key:\n%s", all)
	}
	if text := c.configuration(t); strings.Contains(text, "flux") || strings.Contains(text, "instances\": 3") || strings.Contains(text, "-2") || strings.Contains(text, "local_users") {
		t.Errorf("stored is %s", text)
	}
}
