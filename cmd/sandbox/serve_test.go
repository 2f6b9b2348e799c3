package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/docs/block"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
)

// bin holds the programs of this module.
var bin string

func TestMain(m *testing.M) { os.Exit(withBinaries(m)) }

// withBinaries builds the programs once, runs all tests and removes them.
func withBinaries(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "perpetual-binaries-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(bin) }()
	build := exec.Command("go", "build", "-o", bin+"/", "../resource", "../perpetual", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// serve starts the simulators and gives what they print.
func serve(t *testing.T, program string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	command := exec.Command(program, append([]string{"serve"}, args...)...)
	pipe, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // without its clean-up it would leave its directory
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	var text strings.Builder
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		text.WriteString(line)
		if line == "# Ready.\n" {
			return command, text.String()
		}
		if err != nil {
			t.Fatalf("it ended: %v\n%s", err, text.String())
		}
	}
}

// output is the stdout of a program that must succeed.
func output(t *testing.T, stdin io.Reader, program string, args ...string) []byte {
	t.Helper()
	command := exec.Command(program, args...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = stdin, &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, stderr.String())
	}
	return out
}

// request is what Concourse gives check for a resource of the pipeline.
func request(t *testing.T, pipeline []byte, name string) []byte {
	t.Helper()
	var config struct {
		Resources []struct {
			Name   string
			Source map[string]any
		}
	}
	if err := yaml.Unmarshal(pipeline, &config); err != nil {
		t.Fatal(err)
	}
	for _, r := range config.Resources {
		if r.Name == name {
			text, err := json.Marshal(map[string]any{"source": r.Source})
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	t.Fatalf("there is no resource %s in the pipeline:\n%s", name, pipeline)
	return nil
}

func TestServe_letsPeopleTryTheBundledPipeline(t *testing.T) {
	server, text := serve(t, filepath.Join(bin, "sandbox"), "--publish-after", "1ms")
	var vars map[string]any
	if err := yaml.Unmarshal([]byte(text), &vars); err != nil {
		t.Fatalf("stdout is not YAML: %v\n%s", err, text)
	}
	file := filepath.Join(t.TempDir(), "vars.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pipeline := output(t, nil, filepath.Join(bin, "perpetual"), "pipeline", "-l", file)
	if bytes.Contains(pipeline, []byte("((")) {
		t.Errorf("variables are left in the pipeline:\n%s", pipeline)
	}
	program := filepath.Join(bin, "resource")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	components := request(t, pipeline, "components")
	for { // the newer set appears while this asks
		var versions []map[string]string
		if err := json.Unmarshal(output(t, bytes.NewReader(components), program, "check"), &versions); err != nil || len(versions) != 1 {
			t.Fatalf("versions %v, error %v", versions, err)
		}
		if v := versions[0]; v["concourse"] == "8.3.0" && v["stemcell"] == "1.1364" && v["perpetual"] == "1.3.0" && v["postgres"] == "54.0.5" {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the newer set does not appear: %v", versions)
		}
	}
	if got := output(t, bytes.NewReader(request(t, pipeline, "finished-deployment")), program, "check"); string(got) != "[]\n" {
		t.Errorf("deploys of a fresh director: %s", got)
	}

	_, rest, _ := strings.Cut(text, "# CA:")
	ca := strings.Fields(rest)[0]
	if content, err := os.ReadFile(ca); err != nil || string(content) != vars["director_ca_cert"] {
		t.Errorf("CA %s: %v", ca, err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(filepath.Dir(ca)); !os.IsNotExist(err) {
		t.Errorf("its directory is left: %v", err)
	}
}

func TestServe_offersTheFirstSetAlone(t *testing.T) {
	_, text := serve(t, filepath.Join(bin, "sandbox"))
	file := filepath.Join(t.TempDir(), "vars.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pipeline := output(t, nil, filepath.Join(bin, "perpetual"), "pipeline", "-l", file)
	got := output(t, bytes.NewReader(request(t, pipeline, "components")), filepath.Join(bin, "resource"), "check")
	if !bytes.Contains(got, []byte(`"concourse":"8.2.4"`)) {
		t.Errorf("versions %s", got)
	}
}

func TestServe_offersAnAccountInWhichNothingIsInstalled(t *testing.T) {
	if _, err := ruby.Path(t.Context()); err != nil {
		t.Skipf("the director's templates need ruby: %v", err)
	}
	_, text := serve(t, filepath.Join(bin, "sandbox"), "--install")
	shell := exec.Command("sh", "-c", text+` "$0" plan; echo "exit code $?"`, filepath.Join(bin, "perpetual"))
	shell.Dir = t.TempDir()
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("run plan: %v\n%s", err, out)
	}
	for _, want := range []string{"+ the bucket perpetual-ci-123456789012-eu-central-1", "concourse 8.2.4", "exit code 2"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("plan does not say %q:\n%s", want, out)
		}
	}
}

// What is destroyed is gone: the next director has the next passwords, and the next
// Concourse an empty database and another address.
func TestServe_installsAgainWhatWasDestroyed(t *testing.T) {
	if _, err := ruby.Path(t.Context()); err != nil {
		t.Skipf("the director's templates need ruby: %v", err)
	}
	_, text := serve(t, filepath.Join(bin, "sandbox"), "--install")
	dir := t.TempDir()
	perpetual := func(args string) string {
		t.Helper()
		shell := exec.Command("sh", "-c", text+` exec "$0" `+args, filepath.Join(bin, "perpetual"))
		var stderr bytes.Buffer
		shell.Dir, shell.Stderr = dir, &stderr
		out, err := shell.Output()
		if err != nil {
			t.Fatalf("perpetual %s: %v\n%s", args, err, stderr.String())
		}
		return string(out)
	}
	first := perpetual("deploy")
	if gone := perpetual("destroy ci --yes-destroy ci"); !strings.Contains(gone, "ci is deleted") {
		t.Errorf("destroy says %s", gone)
	}
	second := perpetual("deploy")
	if first == second {
		t.Errorf("the second install is where the first was: %s", second)
	}
	if status := perpetual("status"); !strings.Contains(status, "8.2.4") {
		t.Errorf("status of the second install:\n%s", status)
	}
}

// A manifest's groups may have any names: what is in them counts.
func TestServe_knowsWebAndWorkersByTheirJobs(t *testing.T) {
	_, text := serve(t, filepath.Join(bin, "sandbox"))
	var vars map[string]any
	if err := yaml.Unmarshal([]byte(text), &vars); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	file := filepath.Join(work, "vars.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text, "# cloud config:")
	cloud, err := os.ReadFile(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"manifest.yml": otherNames, "cloud.yml": string(cloud)} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipeline := output(t, nil, filepath.Join(bin, "perpetual"), "pipeline", "-l", file)
	program := filepath.Join(bin, "resource")
	components := request(t, pipeline, "components")
	var versions []json.RawMessage
	if err := json.Unmarshal(output(t, bytes.NewReader(components), program, "check"), &versions); err != nil || len(versions) != 1 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	with := func(request []byte, key string, value any) []byte {
		all := map[string]any{}
		if err := json.Unmarshal(request, &all); err != nil {
			t.Fatal(err)
		}
		all[key] = value
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	output(t, bytes.NewReader(with(components, "version", versions[0])), program, "in", filepath.Join(work, "components"))
	deployment := request(t, pipeline, "finished-deployment")
	var put struct{ Version json.RawMessage }
	out := output(t, bytes.NewReader(with(deployment, "params", map[string]any{
		"components": "components", "manifest": "manifest.yml", "cloud_config": "cloud.yml", "detach": false, "pipeline": map[string]any{"skip": true},
	})), program, "out", work)
	if err := json.Unmarshal(out, &put); err != nil {
		t.Fatal(err)
	}
	output(t, bytes.NewReader(with(with(deployment, "version", put.Version), "params", map[string]any{"verify": true})), program, "in", filepath.Join(work, "got"))
}

// otherNames is a manifest with a web beside a worker, and groups of other names.
const otherNames = `name: concourse
releases: [{name: concourse, version: ((concourse_version))}, {name: bpm, version: ((bpm_version))}]
stemcells: [{alias: default, os: ubuntu-jammy, version: ((stemcell_version))}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 30000-600000, update_watch_time: 5000-600000}
instance_groups:
- name: ui
  instances: 1
  stemcell: default
  azs: [z1]
  vm_type: default
  networks: [{name: default}]
  jobs: [{name: bpm, release: bpm}, {name: web, release: concourse}, {name: worker, release: concourse, properties: {tags: [beside-the-web]}}]
- name: builders
  instances: 2
  stemcell: default
  azs: [z1]
  vm_type: default
  networks: [{name: default}]
  jobs: [{name: bpm, release: bpm}, {name: worker, release: concourse}]
`

func TestHelp_isNoError(t *testing.T) {
	program := filepath.Join(bin, "sandbox")
	for _, verb := range []string{"demo", "serve", "bench"} {
		if out, err := exec.Command(program, verb, "--help").CombinedOutput(); err != nil || bytes.Contains(out, []byte("error:")) {
			t.Errorf("%s --help: %v\n%s", verb, err, out)
		}
	}
}

// The documented commands give fly a pipeline and the variables for it. The address of the
// containers' network is that of loopback here, and fly writes down what it gets.
func TestServe_setsThePipelineAsDocumented(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here, which runs the commands")
	}
	shown, err := block.Of("../..", "sh serve")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range shown {
		lines := b.Lines()
		start, file, redirected := strings.Cut(lines[0], " > ")
		words := strings.Fields(strings.ReplaceAll(start, "10.80.0.1", "127.0.0.1"))
		if len(lines) != 2 || !redirected || words[0] != "bin/sandbox" || words[1] != "serve" {
			t.Fatalf("%s: %q", b, lines)
		}
		_, text := serve(t, filepath.Join(bin, "sandbox"), words[2:]...)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), bash, "--norc", "-euc", `fly() { [ "$*" = "-t t set-pipeline -p self-upgrade -c $7 -l vars.yml" ] && cat "$7"; }`+"\n"+lines[1])
		command.Dir = dir
		pipeline, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %s: %v", b, lines[1], err)
		}
		var vars map[string]any
		if err := yaml.Unmarshal([]byte(text), &vars); err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\(\(([a-z_]+)\)\)`).FindAllSubmatch(pipeline, -1)
		for _, name := range names {
			if vars[string(name[1])] == nil {
				t.Errorf("%s: vars.yml has no %s", b, name[1])
			}
		}
		if len(names) < 5 {
			t.Errorf("%s: the pipeline asks for %d variables", b, len(names))
		}
	}
}
