package command_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
		"unknown command":                  {resourceBinary, "", []string{"chekc"}, []string{`"chekc"`, "unknown command", "help"}},
		"deploy of the small binary":       {resourceBinary, "", []string{"deploy"}, []string{`"deploy"`}},
		"in without a directory":           {resourceBinary, deployed, []string{"in"}, []string{"argument", "directory"}},
		"in with an empty one":             {resourceBinary, deployed, []string{"in", ""}, []string{"argument", "directory"}},
		"in with two":                      {resourceBinary, deployed, []string{"in", "a", "b"}, []string{"argument", "directory"}},
		"in with a file":                   {resourceBinary, deployed, []string{"in", resourceBinary + "/x"}, []string{"make the directory of in"}},
		"out without a directory":          {resourceBinary, put, []string{"out"}, []string{"argument", "directory"}},
		"-v without a value":               {perpetualBinary, "", []string{"pipeline", "-v", "name"}, []string{"pipeline", "NAME=VALUE"}},
		"-v without a name":                {perpetualBinary, "", []string{"pipeline", "-v", "=x"}, []string{"pipeline", "NAME=VALUE"}},
		"-v without anything":              {perpetualBinary, "", []string{"pipeline", "-v"}, []string{"pipeline", "-v"}},
		"-l of a file that is missing":     {perpetualBinary, "", []string{"pipeline", "-l", "nowhere.yml"}, []string{"pipeline", "nowhere.yml", "no such file"}},
		"-l of a file that is no mapping":  {perpetualBinary, "", []string{"pipeline", "-l", "testdata/list.yml"}, []string{"pipeline", "testdata/list.yml", "mapping"}},
		"an unknown flag":                  {perpetualBinary, "", []string{"pipeline", "-x"}, []string{"pipeline", "-x"}},
		"an argument that nobody asks for": {perpetualBinary, "", []string{"pipeline", "file.yml"}, []string{"pipeline", `"file.yml"`}},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, invocation{path: c.path, args: c.args, stdin: strings.NewReader(c.stdin)}.run(t), c.want...)
		})
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
	const golden = "testdata/pipeline.golden.yml"
	if *update {
		if err := os.WriteFile(golden, []byte(p.stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(p.stdout), want) {
		t.Errorf("the pipeline differs from %s (-update writes it anew):\n%s", golden, p.stdout)
	}
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
