package command_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// Concourse runs /opt/resource/check, in and out: links to one binary.
func TestLinks_areTheirVerbs(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"check", "in", "out"} {
		link := filepath.Join(t.TempDir(), verb)
		if err := os.Symlink(resourceBinary, link); err != nil {
			t.Fatal(err)
		}
		args := []string{t.TempDir()}
		if verb == "check" {
			args = nil
		}
		linked := invocation{path: link, args: args, stdin: strings.NewReader(`{"source":{}}`)}.run(t)
		refused(t, linked, "neither watch (components) nor deployment")
		named := invocation{argv0: "/opt/resource/" + verb, args: args, stdin: strings.NewReader(`{"source":{}}`)}.run(t)
		sub := invocation{path: perpetualBinary, args: append([]string{verb}, args...), stdin: strings.NewReader(`{"source":{}}`)}.run(t)
		if linked.stderr != named.stderr || linked.stderr != sub.stderr {
			t.Errorf("%s by link, by name and as a sub-command differ:\n%s%s%s", verb, linked.stderr, named.stderr, sub.stderr)
		}
	}
}

func TestArguments_thatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	deployed := `{"source":{"deployment":"c","director":{"url":"https://127.0.0.1:1","username":"a","password":"b"}},"version":{"task":"1"}}`
	put := `{"source":{"deployment":"c","director":{"url":"https://127.0.0.1:1","username":"a","password":"b"}}}`
	for name, c := range map[string]struct {
		path, stdin string
		args        []string
		want        []string
	}{
		"unknown command":                    {resourceBinary, "", []string{"frobnicate"}, []string{`"frobnicate"`, "unknown command", "try help"}},
		"a slip":                             {resourceBinary, "", []string{"chekc"}, []string{`"chekc"`, "unknown command", "did you mean check?"}},
		"a slip for the installer":           {perpetualBinary, "", []string{"depoly", "ci"}, []string{`"depoly"`, "did you mean deploy?"}},
		"another":                            {perpetualBinary, "", []string{"Pipelines"}, []string{"did you mean pipeline?"}},
		"a slip after help":                  {perpetualBinary, "", []string{"help", "stauts"}, []string{"did you mean status?"}},
		"-v of a slip":                       {perpetualBinary, "", []string{"pipeline", "-v", "deployement_name=x"}, []string{"-v deployement_name", "did you mean deployment_name?"}},
		"-y of a slip, dotted":               {perpetualBinary, "", []string{"pipeline", "-y", "director_proxi.host=x"}, []string{"director_proxi.host", "did you mean director_proxy?"}},
		"-v of nothing alike":                {perpetualBinary, "", []string{"pipeline", "-v", "x=y"}, []string{"-v x: ", "atc_url, "}},
		"deploy of the small binary":         {resourceBinary, "", []string{"deploy"}, []string{`"deploy"`}},
		"in without a directory":             {resourceBinary, deployed, []string{"in"}, []string{"argument", "directory"}},
		"in with an empty one":               {resourceBinary, deployed, []string{"in", ""}, []string{"argument", "directory"}},
		"in with two":                        {resourceBinary, deployed, []string{"in", "a", "b"}, []string{"argument", "directory"}},
		"in with a file":                     {resourceBinary, deployed, []string{"in", resourceBinary + "/x"}, []string{"make the directory of in"}},
		"out without a directory":            {resourceBinary, put, []string{"out"}, []string{"argument", "directory"}},
		"-v without a value":                 {perpetualBinary, "", []string{"pipeline", "-v", "name"}, []string{"pipeline", "NAME=VALUE"}},
		"-v without a name":                  {perpetualBinary, "", []string{"pipeline", "-v", "=x"}, []string{"pipeline", "NAME=VALUE"}},
		"-v without anything":                {perpetualBinary, "", []string{"pipeline", "-v"}, []string{"pipeline", "-v"}},
		"-l of a file that is missing":       {perpetualBinary, "", []string{"pipeline", "-l", "nowhere.yml"}, []string{"pipeline", "nowhere.yml", "no such file"}},
		"-l of a file that is not a mapping": {perpetualBinary, "", []string{"pipeline", "-l", "testdata/list.yml"}, []string{"pipeline", "testdata/list.yml", "mapping"}},
		"an unknown flag":                    {perpetualBinary, "", []string{"pipeline", "-x"}, []string{"pipeline", "-x"}},
		"an argument that nobody asks for":   {perpetualBinary, "", []string{"pipeline", "file.yml"}, []string{"pipeline", `"file.yml"`}},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, invocation{path: c.path, args: c.args, stdin: strings.NewReader(c.stdin)}.run(t), c.want...)
		})
	}
}

// Concourse's verbs have a help, by link too, that waits for no request.
func TestHelp_ofTheVerbsOfConcourse(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"check", "in", "out"} {
		for name, i := range map[string]invocation{
			"sub-command": {path: perpetualBinary, args: []string{verb, "--help"}}, "help": {args: []string{"help", verb}},
			"link": {argv0: "/opt/resource/" + verb, args: []string{"-h"}}, "with a directory": {args: []string{verb, "dir", "--help"}},
		} {
			reader, writer, err := os.Pipe() // nobody writes
			if err != nil {
				t.Fatal(err)
			}
			i.stdin = reader
			p := i.run(t)
			_, _ = reader.Close(), writer.Close()
			if p.code != 0 || p.stderr != "" || !strings.Contains(p.stdout, "perpetual "+verb+" ") || !strings.Contains(p.stdout, "request.json") {
				t.Errorf("%s of %s: exit code %d, stdout %q, stderr %q", name, verb, p.code, p.stdout, p.stderr)
			}
		}
	}
}

// A misspelt variable would have no effect.
func TestVariables_thatNobodyReadsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, variable string
		args           []string
		want           string
	}{
		"a setting":              {perpetualBinary, "PERPETUAL_WORKER_COUNT=2", []string{"config", "schema"}, "did you mean PERPETUAL_WORKERS_COUNT?"},
		"a flag":                 {perpetualBinary, "PERPETUAL_OUPUT=json", []string{"status", "ci"}, "did you mean PERPETUAL_OUTPUT?"},
		"the name":               {perpetualBinary, "PERPETUAL_NAMES=ci", []string{"info"}, "did you mean PERPETUAL_NAME?"},
		"nothing alike":          {perpetualBinary, "PERPETUAL_MOTION_MACHINE=1", []string{"plan", "ci"}, "PERPETUAL_MOTION_MACHINE: unknown variable"},
		"of a task":              {resourceBinary, "PERPETUAL_REQEST={}", []string{"check"}, "did you mean PERPETUAL_REQUEST?"},
		"of a task, by the link": {resourceBinary, "PERPETUAL_LOGLEVEL=debug", []string{"check"}, "did you mean PERPETUAL_LOG_LEVEL?"},
		"a flag alone":           {perpetualBinary, "PERPETUAL_YES_DESTROY=ci", []string{"destroy", "ci"}, "not read from the environment, where it would be forgotten; give the flag --yes-destroy"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, invocation{path: c.path, args: c.args, env: []string{"PATH=/nonexistent", c.variable}}.run(t), c.want)
		})
	}
	for name, i := range map[string]invocation{
		"what is known":             {path: perpetualBinary, args: []string{"config", "schema"}, env: []string{"PERPETUAL_WORKERS_COUNT=2", "PERPETUAL_DIRECTOR_CLIENT_SECRET=x", "PERPETUAL_NAME=ci", "PERPETUAL_CACHE_DIR=/x", "PERPETUAL_REQUEST={}", "PERPETUAL_LOG_LEVEL=info"}},
		"an empty one":              {path: perpetualBinary, args: []string{"config", "schema"}, env: []string{"PERPETUAL_WORKER_COUNT="}},
		"of somebody else":          {path: perpetualBinary, args: []string{"config", "schema"}, env: []string{"NOT_PERPETUAL_WORKER=1", "PERPETUALS=1"}},
		"asking for the version":    {path: perpetualBinary, args: []string{"version"}, env: []string{"PERPETUAL_WORKER_COUNT=1"}},
		"the installer's in a task": {args: []string{"pipeline", "-v", "concourse_constraint=8.x"}, env: []string{"PERPETUAL_AWS_REGION=eu-central-1", "PERPETUAL_STATE_KMS_KEY=x", "PERPETUAL_STATE_BUCKET=b"}},
		"a longer file":             {path: perpetualBinary, args: []string{"pipeline", "-l", "testdata/other-vars.yml", "-v", "concourse_constraint=8.x"}},
		"a value's own variable":    {path: perpetualBinary, args: []string{"pipeline", "-v", "director_url=https://((host)):25555", "-v", "host=10.0.0.6", "-v", "concourse_constraint=8.x"}},
	} {
		if p := i.run(t); p.code != 0 {
			t.Errorf("%s: exit code %d, stderr %s", name, p.code, p.stderr)
		}
	}
}

func TestHelp_listsTheCommands(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"-h"}} {
		p := invocation{path: perpetualBinary, args: args}.run(t)
		if p.code != 0 || p.stderr != "" {
			t.Errorf("%v: exit code %d, stderr %q", args, p.code, p.stderr)
		}
		for _, want := range []string{"perpetual check", "perpetual in DIR", "perpetual out DIR", "perpetual version", "perpetual pipeline", "Exit codes"} {
			if !strings.Contains(p.stdout, want) {
				t.Errorf("%v: help lacks %q:\n%s", args, want, p.stdout)
			}
		}
	}
	small := invocation{args: []string{"help"}}.run(t)
	if strings.Contains(small.stdout, "deploy") {
		t.Errorf("the small binary's help lists what it does not have:\n%s", small.stdout)
	}
}

func TestVersion_isTheOneThatWasBuilt(t *testing.T) {
	t.Parallel()
	for _, path := range []string{resourceBinary, perpetualBinary} {
		for _, arg := range []string{"version", "--version"} {
			p := invocation{path: path, args: []string{arg}}.run(t)
			if p.code != 0 || !strings.HasPrefix(p.stdout, "1.2.3") || strings.Count(p.stdout, "\n") != 1 {
				t.Errorf("%s %s: exit code %d, stdout %q", filepath.Base(path), arg, p.code, p.stdout)
			}
		}
		for _, arg := range []string{"extra", "--foo"} {
			refused(t, invocation{path: path, args: []string{"version", arg}}.run(t), "version: unexpected argument", arg)
		}
		for _, args := range [][]string{{"version", "--help"}, {"help", "version"}} {
			p := invocation{path: path, args: args}.run(t)
			if p.code != 0 || !strings.Contains(p.stdout, "the commit that it was built from") {
				t.Errorf("%s %v: exit code %d, stdout %q", filepath.Base(path), args, p.code, p.stdout)
			}
		}
	}
}

// What a release is built with wins over what Go has noted; the date is that of the
// commit, in UTC.
func TestVersion_hasCommitAndDate(t *testing.T) {
	t.Parallel()
	const pkg = "github.com/perpetual-ci/perpetual/pkg/command."
	binary := filepath.Join(t.TempDir(), "resource")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary,
		"-ldflags", "-X "+pkg+"Version=1.2.3 -X "+pkg+"Commit=4a66d4f00000 -X "+pkg+"Date=2026-11-29T07:16:10+01:00", "../../cmd/resource")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "1.2.3 (commit 4a66d4f00000, 2026-11-29T06:16:10Z)\n"
	if p := (invocation{path: binary, args: []string{"version"}}).run(t); p.code != 0 || p.stdout != want {
		t.Errorf("exit code %d, stdout %q, want %q", p.code, p.stdout, want)
	}
}

// Everything is given twice where it can be: the last one wins, as in fly.
var pipelineArgs = []string{
	"pipeline", "-v", "deployment_name=early", "-l", "testdata/vars.yml", "-v", "director_url=https://10.0.0.6:25555",
	"--var", "director_client=ci", "--load-vars-from", "testdata/more.yml",
	"-v", "concourse_constraint=8.x", "-y", `director_proxy={host: early}`, "--yaml-var", "director_proxy='socks5://10.0.0.5:1080'",
}

func TestPipeline_helpsWhenAsked(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"-h", "-help", "--help"} {
		p := invocation{path: perpetualBinary, args: []string{"pipeline", arg}}.run(t)
		if p.code != 0 || p.stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", arg, p.code, p.stderr)
		}
		for _, want := range []string{"perpetual pipeline", "--var", "--yaml-var", "--load-vars-from"} {
			if !strings.Contains(p.stdout, want) {
				t.Errorf("%s: help lacks %q:\n%s", arg, want, p.stdout)
			}
		}
	}
}

func TestPipeline_refusesAValueThatIsNoYAML(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"name", "=1", "name={", "name=[1"} {
		p := invocation{path: perpetualBinary, args: []string{"pipeline", "-y", value}}.run(t)
		if p.code != 1 || p.stdout != "" || !strings.Contains(p.stderr, "want NAME=YAML") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", value, p.code, p.stdout, p.stderr)
		}
	}
}

// TestPipeline_doesNotChangePostgreSQLUnasked: a major version of the release
// is one of the database, on a VM that holds all of Concourse's state.
func TestPipeline_doesNotChangePostgreSQLUnasked(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"": "54.x", "postgres_constraint=55.x": "55.x"} {
		list := []string{"pipeline"}
		if args != "" {
			list = append(list, "-v", args)
		}
		p := invocation{path: perpetualBinary, args: list}.run(t)
		var config atc.Config
		if err := atc.UnmarshalConfig([]byte(p.stdout), &config); err != nil {
			t.Fatal(err)
		}
		components, _ := config.Resources.Lookup("components")
		watch := components.Source["watch"].(map[string]any)["postgres"].(map[string]any)
		if watch["version"] != want {
			t.Errorf("%s: postgres has version %v, want %s", args, watch["version"], want)
		}
	}
}

func TestPipeline_isRenderedForFly(t *testing.T) {
	t.Parallel()
	p := invocation{path: perpetualBinary, args: pipelineArgs}.run(t)
	if p.code != 0 || p.stderr != "" {
		t.Fatalf("exit code %d, stderr %q", p.code, p.stderr)
	}
	testkit.Golden(t, "testdata/pipeline.golden.yml", p.stdout)
	var config atc.Config
	if err := atc.UnmarshalConfig([]byte(p.stdout), &config); err != nil {
		t.Fatalf("Concourse cannot parse it: %v", err)
	}
	put, _ := config.Resources.Lookup("deployment")
	director := put.Source["director"].(map[string]any)
	for key, want := range map[string]string{
		"url": "https://10.0.0.6:25555", "proxy": "socks5://10.0.0.5:1080", "client": "ci", "client_secret": "((director_client_secret))", "ca_cert": "((director_ca_cert))",
	} {
		if director[key] != want {
			t.Errorf("director.%s is %q, want %q", key, director[key], want)
		}
	}
	if put.Source["deployment"] != "late" {
		t.Errorf("deployment is %q, want that of the last file", put.Source["deployment"])
	}
	if image := config.ResourceTypes[0].Source["tag"]; image != "1.2.3" {
		t.Errorf("the image's tag is %q, want the program's own version", image)
	}
}

// Without any value it is a pipeline all the same, with its variables in place.
func TestPipeline_keepsVariablesWithoutAValue(t *testing.T) {
	t.Parallel()
	p := invocation{path: perpetualBinary, args: []string{"pipeline"}}.run(t)
	var root map[string]any
	if err := yaml.Unmarshal([]byte(p.stdout), &root); err != nil || p.code != 0 {
		t.Fatalf("exit code %d, %v", p.code, err)
	}
	for _, variable := range []string{"((director_url))", "((director_client_secret))", "((director_ca_cert))", "((atc_url))", "((atc_password))"} {
		if !strings.Contains(p.stdout, variable) {
			t.Errorf("%s was filled in or lost", variable)
		}
	}
}

// A task's params are environment variables; its container has no stdin.
func TestRequest_comesFromTheEnvironmentInATask(t *testing.T) {
	t.Parallel()
	s := installed(t)
	request, err := json.Marshal(object{"source": s.DeploymentSource()})
	if err != nil {
		t.Fatal(err)
	}
	p := invocation{args: []string{"check"}, env: []string{"PATH=/nonexistent", "PERPETUAL_REQUEST=" + string(request)}}.run(t)
	if versions := answer[[]map[string]string](t, p); len(versions) != 1 || versions[0]["task"] != "1" {
		t.Errorf("versions %v", versions)
	}
	refused(t, invocation{args: []string{"check"}, env: []string{"PATH=/nonexistent", "PERPETUAL_REQUEST={"}}.run(t), "parse the request")
}

// Concourse loses what it has not read when a process ends: behind the answer comes what
// may be lost. People, who type the verb, do not get it.
func TestLinks_endInWhatMayBeLost(t *testing.T) {
	t.Parallel()
	s := installed(t)
	request := object{"source": s.DeploymentSource()}
	typed := ask(t, "check", request, "")
	linked := invocation{argv0: "/opt/resource/check", stdin: stdin(t, request)}.run(t)
	answer[[]map[string]string](t, typed)
	answer[[]map[string]string](t, linked)
	rest, same := strings.CutPrefix(linked.stdout, typed.stdout)
	if !same || strings.Trim(rest, "\r") != "" || len(rest) < 160<<10 {
		t.Errorf("%q is followed by %d bytes: %.80q", typed.stdout, len(rest), rest)
	}
	if failed := (invocation{argv0: "/opt/resource/check", stdin: stdin(t, "{")}).run(t); failed.code != 1 || failed.stdout != "" {
		t.Errorf("a failure: exit code %d, %d bytes on stdout", failed.code, len(failed.stdout))
	}
}

// Who has read the answer may close the pipe: what was done was done well.
func TestLinks_endWellWhereNobodyReadsBehindTheAnswer(t *testing.T) {
	t.Parallel()
	s := installed(t)
	cmd, _, stderr := invocation{argv0: "/opt/resource/check", stdin: stdin(t, object{"source": s.DeploymentSource()})}.command(t)
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = out.Close()
	if end := cmd.Wait(); err != nil || end != nil || !strings.Contains(line, `"task":"1"`) {
		t.Errorf("it ends with %v after %q (%v): %s", end, line, err, stderr)
	}
}
