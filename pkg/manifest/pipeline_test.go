package manifest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/configvalidate"
	"github.com/concourse/concourse/atc/creds"
	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// pipelineOf renders the pipeline of an input as Concourse reads it.
func pipelineOf(t *testing.T, in manifest.Input) atc.Config {
	t.Helper()
	var config atc.Config
	if err := atc.UnmarshalConfig(render(t, "pipeline", in), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// idTokens checks var_sources of type idtoken as Concourse does: its own package for
// them comes with the whole database layer.
type idTokens struct{ creds.ManagerFactory }

// idToken is one of them.
type idToken struct {
	creds.Manager
	problem error
}

// NewInstance implements creds.ManagerFactory.
func (idTokens) NewInstance(config any) (creds.Manager, error) {
	settings, ok := config.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("invalid idtoken provider config: %T", config)
	}
	for key, value := range settings {
		switch key {
		case "audience":
			list, ok := value.([]any)
			for _, item := range list {
				_, text := item.(string)
				ok = ok && text
			}
			if !ok {
				return nil, errors.New("audience must be a list of strings")
			}
		case "subject_scope":
			if !slices.Contains([]any{"team", "pipeline", "instance", "job"}, value) {
				return idToken{problem: fmt.Errorf("invalid subject_scope value: %v", value)}, nil
			}
		case "expires_in":
			if d, err := time.ParseDuration(fmt.Sprint(value)); err != nil || d > 24*time.Hour {
				return idToken{problem: fmt.Errorf("expires_in must be <= 24h, is %v", value)}, nil
			}
		default:
			return nil, fmt.Errorf("unknown setting: %s", key)
		}
	}
	return idToken{}, nil
}

// Validate implements creds.Manager.
func (i idToken) Validate() error { return i.problem }

// TestPipeline_passesStrictValidation does what fly validate-pipeline --strict does.
func TestPipeline_passesStrictValidation(t *testing.T) {
	creds.Register("idtoken", idTokens{})
	for name, in := range inputs(t) {
		warnings, problems := configvalidate.Validate(pipelineOf(t, in))
		for _, w := range warnings {
			t.Errorf("%s: warning: %s", name, w.Message)
		}
		for _, p := range problems {
			t.Errorf("%s: error: %s", name, p)
		}
	}
}

// task is the step that deploys.
func task(t *testing.T, in manifest.Input) (*atc.TaskStep, []atc.Step) {
	t.Helper()
	upgrade, ok := pipelineOf(t, in).Jobs.Lookup("upgrade")
	if !ok {
		t.Fatal("there is no job upgrade")
	}
	if upgrade.Interruptible || !upgrade.Serial {
		t.Error("the job upgrade must be serial and not interruptible: a worker does not wait for an interruptible build")
	}
	steps := upgrade.PlanSequence
	last, ok := inTime(steps[len(steps)-1]).(*atc.TaskStep)
	if !ok {
		t.Fatalf("the last step of the job is a %T, want the task that starts the deploy", inTime(steps[len(steps)-1]))
	}
	return last, steps
}

// inTime is a step without its timeout.
func inTime(step atc.Step) atc.StepConfig {
	if timeout, ok := step.Config.(*atc.TimeoutStep); ok {
		return timeout.Step
	}
	return step.Config
}

func TestPipeline_deploysLastAndWithTheNewVersion(t *testing.T) {
	for name, in := range inputs(t) {
		last, steps := task(t, in)
		get, ok := inTime(steps[0]).(*atc.GetStep)
		if !ok || !get.Trigger || get.Name != "components" {
			t.Errorf("%s: the job does not begin with the get of the components that triggers it", name)
		}
		if load, ok := inTime(steps[1]).(*atc.LoadVarStep); !ok || load.File != "components/perpetual/version" || !load.Reveal {
			t.Errorf("%s: the version of the image does not come from the components", name)
		}
		image := last.Config.ImageResource.Source
		if image["tag"] != "((.:perpetual_version))-installer" {
			t.Errorf("%s: the task runs in %v", name, image)
		}
		command := strings.Join(append([]string{last.Config.Run.Path}, last.Config.Run.Args...), " ")
		for _, want := range []string{"perpetual", "deploy", "ci", "--self", "--components components"} {
			if !strings.Contains(command, want) {
				t.Errorf("%s: %q is not in the command %q", name, want, command)
			}
		}
		if len(last.Config.Inputs) != 1 || last.Config.Inputs[0].Name != "components" {
			t.Errorf("%s: the task has the inputs %v", name, last.Config.Inputs)
		}
	}
}

func TestPipeline_getsAtTheAccountInTheWayThatFits(t *testing.T) {
	all := inputs(t)
	for name, want := range map[string]string{
		"default": manifest.CredentialsSSM, "database-vm": manifest.CredentialsSSM,
		"everything": manifest.CredentialsIDToken, "lets-encrypt": manifest.CredentialsIDToken,
	} {
		in := all[name]
		if got := manifest.PipelineCredentials(in); got != want {
			t.Errorf("%s: it gets at the account by %s, want %s", name, got, want)
			continue
		}
		config := pipelineOf(t, in)
		step, _ := task(t, in)
		params, sources := step.Config.Params, 1
		if want == manifest.CredentialsIDToken {
			sources = 2
			if params["AWS_ROLE_ARN"] != in.Infrastructure.PipelineRole || params["IDENTITY_TOKEN"] != "((aws:token))" || params["AWS_ACCESS_KEY_ID"] != "" {
				t.Errorf("%s: params %v", name, params)
			}
		} else if params["AWS_KEY"] != "((own:aws_key))" || params["IDENTITY_TOKEN"] != "" {
			t.Errorf("%s: params %v", name, params)
		}
		if len(config.VarSources) != sources {
			t.Errorf("%s: %d var_sources, want %d", name, len(config.VarSources), sources)
		}
		if params["AWS_REGION"] != "eu-central-1" {
			t.Errorf("%s: the region is %q", name, params["AWS_REGION"])
		}
	}
	withoutRole := all["everything"]
	withoutRole.Infrastructure.PipelineRole = ""
	if got := manifest.PipelineCredentials(withoutRole); got != manifest.CredentialsSSM {
		t.Errorf("without a role it gets at the account by %s", got)
	}
	wished := all["everything"]
	wished.Config.Pipeline.Credentials = manifest.CredentialsSSM
	if got := manifest.PipelineCredentials(wished); got != manifest.CredentialsSSM {
		t.Errorf("with ssm configured it gets at the account by %s", got)
	}
}

func TestInput_isPublicWhereAWSCanReadIt(t *testing.T) {
	const public = "access: {domain: ci.example.com}\ntls: {mode: lets_encrypt}\n"
	for text, want := range map[string]bool{
		public: true,
		"access: {domain: ci.example.com}\ntls: {mode: own, certificate: x, private_key: y}\n": true,
		"access: {domain: ci.example.com}\n":                                                   false,
		"tls: {mode: own, certificate: x, private_key: y}\n":                                   false,
		strings.Replace(public, ".com}", ".com, web: [203.0.113.0/24]}", 1):                    false,
		strings.Replace(public, ".com}", ".com, port: 8443}", 1):                               false,
	} {
		if got := (manifest.Input{Config: parse(t, plain+text)}).Public(); got != want {
			t.Errorf("%s is public: %v, want %v", text, got, want)
		}
	}
}

func TestPipeline_watchesWhatIsDeployed(t *testing.T) {
	for name, want := range map[string][]string{
		"default": {"bpm", "concourse", "perpetual", "stemcell"}, "database-vm": {"bpm", "concourse", "perpetual", "postgres", "stemcell"},
	} {
		components, ok := pipelineOf(t, inputs(t)[name]).Resources.Lookup("components")
		if !ok {
			t.Fatalf("%s: there is no resource components", name)
		}
		var watched []string
		for component := range components.Source["watch"].(map[string]any) {
			watched = append(watched, component)
		}
		slices.Sort(watched)
		if diff := cmp.Diff(want, watched); diff != "" {
			t.Errorf("%s watches (-want +got):\n%s", name, diff)
		}
	}
}

// TestParameters_areWhatThePipelineAsksFor compares the ((own:variables)) of the pipeline
// with what is put into SSM, at the place where its var_source looks.
func TestParameters_areWhatThePipelineAsksFor(t *testing.T) {
	for name, in := range inputs(t) {
		in.OperatorPublicKey = "age1operator"
		in.Credentials[manifest.StateKey] = "state-key-s3cret"
		text := string(render(t, "pipeline", in))
		asked := map[string]bool{}
		for _, part := range strings.Split(text, "((")[1:] {
			v, _, _ := strings.Cut(part, "))")
			source, variable, named := strings.Cut(v, ":")
			switch {
			case !named:
				t.Errorf("%s: ((%s)) is looked up where every team's variables are", name, v)
			case source == "own" && variable != manifest.PipelineKey: // which is made, not rendered
				asked[variable] = true
			}
		}
		given := map[string]bool{}
		for _, p := range manifest.Parameters(in, in.Credentials) {
			short := p.Name[strings.LastIndex(p.Name, "/")+1:]
			given[short] = true
			if found := lookedUp(t, in, short); !slices.Contains(found, p.Name) {
				t.Errorf("%s: the parameter is %s, Concourse looks at %v", name, p.Name, found)
			}
			if fmt.Sprint(p) != "{"+p.Name+" ((redacted))}" {
				t.Errorf("%s: the parameter prints as %v", name, p)
			}
		}
		if diff := cmp.Diff(asked, given); diff != "" {
			t.Errorf("%s (-asked +given):\n%s", name, diff)
		}
		if n := strings.Count(text, "reader-s3cret"); n != 1 {
			t.Errorf("%s: the reader's key is %d times in the pipeline", name, n)
		}
	}
}

// TestPipeline_givesTheTokenToTheSDK runs what the task runs, with a program in the
// place of perpetual that shows what it is given.
func TestPipeline_givesTheTokenToTheSDK(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("there is no bash here, which the installer's image has: apt-get install bash")
	}
	dir := t.TempDir()
	show := "#!" + bash + `
stat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE"
cat "$AWS_WEB_IDENTITY_TOKEN_FILE"
echo
rm "$AWS_WEB_IDENTITY_TOKEN_FILE"
echo "$AWS_ROLE_SESSION_NAME ${IDENTITY_TOKEN-unset}"
printf "<%s>" "$@"
`
	if err := os.WriteFile(filepath.Join(dir, "perpetual"), []byte(show), 0o755); err != nil {
		t.Fatal(err)
	}
	step, _ := task(t, inputs(t)["lets-encrypt"])
	if step.Config.Params["AWS_ROLE_DURATION_SECONDS"] != "7200" {
		t.Errorf("params %v", step.Config.Params)
	}
	command := exec.CommandContext(t.Context(), bash, step.Config.Run.Args...)
	command.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "IDENTITY_TOKEN=a.b%s$c"}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "600\na.b%s$c\nperpetual unset\n<deploy><ci><--self><--components><components>"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPipeline_givesItsKeyToTheSDK does the same with the key of a user.
func TestPipeline_givesItsKeyToTheSDK(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("there is no bash here, which the installer's image has: apt-get install bash")
	}
	dir := t.TempDir()
	show := "#!" + bash + `
echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY ${AWS_KEY-unset}"
printf "<%s>" "$@"
`
	if err := os.WriteFile(filepath.Join(dir, "perpetual"), []byte(show), 0o755); err != nil {
		t.Fatal(err)
	}
	step, _ := task(t, inputs(t)["default"])
	command := exec.CommandContext(t.Context(), bash, step.Config.Run.Args...)
	key := manifest.Key{ID: "AKIAPIPELINE", Secret: secret.New("a/b+c%s$d")}
	command.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "AWS_KEY=" + key.Text().Reveal()}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "AKIAPIPELINE a/b+c%s$d unset\n<deploy><ci><--self><--components><components>"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
