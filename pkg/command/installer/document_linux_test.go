package installer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/configvalidate"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/docs/block"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// blocks are those of a kind in the documents.
func blocks(t *testing.T, kind string) []block.Block {
	t.Helper()
	list, err := block.Of("../../..", kind)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var (
	control = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]|\r")
	took    = regexp.MustCompile(`\s+(\d+h)?(\d+m)?\d+(\.\d+)?m?s$`)
	figure  = regexp.MustCompile(`\d[\d.:TZ-]*`)
	wide    = regexp.MustCompile(`\s+`)
)

// shape is a line without what differs from one run to another: figures, dates,
// addresses, durations, and how many spaces there are.
func shape(line string) string {
	line = took.ReplaceAllString(strings.TrimSpace(control.ReplaceAllString(line, "")), "")
	return wide.ReplaceAllString(figure.ReplaceAllString(line, "#"), " ")
}

// shows wants every line of a documented output, in its order; … stands for any.
func shows(t *testing.T, where, documented, output string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(output, "\r", "\n")) {
		lines = append(lines, shape(line))
	}
	for line := range strings.Lines(documented) {
		want := shape(line)
		if want == "" || want == "…" || strings.HasPrefix(want, "⠹") { // at work; how it ended is another line
			continue
		}
		prefix, cut := strings.CutSuffix(want, " …")
		at := slices.IndexFunc(lines, func(got string) bool { return got == want || cut && strings.HasPrefix(got, prefix) })
		if at < 0 {
			t.Errorf("%s: after what comes before it there is no %q:\n%s", where, want, output)
			return
		}
		lines = lines[at+1:]
	}
}

// What the documents show of the image's commands and of a session is what the program
// says, on an account with nothing in it.
func TestDocuments_showWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	env := p.env("TERM=xterm", "LANG=C.UTF-8")
	var verbs []string
	for _, b := range blocks(t, "sh docker") {
		for _, line := range b.Lines() {
			before, args, found := strings.Cut(line, " IMAGE-installer ")
			if !found || !strings.HasPrefix(before, "docker run -it ") {
				t.Errorf("%s: %q does not run the image", b, line)
				continue
			}
			verb := strings.Fields(args)[0]
			code, sent := onTerminal(t, p.dir, env, "", strings.Fields(args)...)
			first := verb == "plan" && !slices.Contains(verbs, "deploy")
			if code != 0 && !(first && code == installer.ExitChanges) {
				t.Fatalf("%s: %s: exit code %d\n%s", b, args, code, sent)
			}
			if verb == "deploy" && !slices.Contains(verbs, "deploy") {
				for _, shown := range blocks(t, "text deploy") {
					shows(t, shown.String(), shown.Text, sent)
				}
			}
			verbs = append(verbs, verb)
		}
	}
	if !slices.Contains(verbs, "plan") || !slices.Contains(verbs, "deploy") {
		t.Fatalf("the documents run %q", verbs)
	}
	for _, b := range blocks(t, "text session") {
		runSession(t, p, env, b)
	}
}

// runSession runs what stands after the prompts of a session, and compares what is said.
func runSession(t *testing.T, p *place, env []string, b block.Block) {
	t.Helper()
	last := 0
	for part := range strings.SplitSeq("\n"+b.Text, "\n$ ") {
		command, said, _ := strings.Cut(part, "\n")
		words := strings.Fields(command)
		switch {
		case len(words) == 0:
		case command == "echo $?":
			if want := strings.TrimSpace(said); want != "2" || last != installer.ExitChanges {
				t.Errorf("%s: exit code %d, and it is said %s", b, last, want)
			}
		case words[0] == "perpetual":
			var sent string
			last, sent = onTerminal(t, p.dir, env, "", words[1:]...)
			shows(t, b.String()+": "+command, said, sent)
		default:
			t.Errorf("%s: nobody knows how to run %q", b, command)
		}
	}
}

// inShell runs a block in bash, with functions in place of the programs that it calls.
func inShell(t *testing.T, b block.Block, dir string, env []string, replace ...string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("there is no bash here, which runs the commands: apt-get install bash")
	}
	preamble := `perpetual() { "$BINARY" "$@"; }
fly() { printf '%s\n' "$*" >>fly-calls; }
set -eu -o pipefail
`
	cmd := exec.CommandContext(t.Context(), bash, "--norc", "-c", preamble+strings.NewReplacer(replace...).Replace(b.Text))
	cmd.Dir = dir
	cmd.Env = append(append(environ(dir), env...), "BINARY="+binary)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", b, err, out)
	}
}

// The commands for a director of one's own install there.
func TestDocuments_installOnADirectorOfOnesOwn(t *testing.T) {
	t.Parallel()
	all := blocks(t, "sh own-director")
	for _, b := range all {
		if b.Text != all[0].Text {
			t.Errorf("%s and %s differ", b, all[0])
		}
	}
	e := newEstate(t, owners)
	inShell(t, all[0], e.dir, e.set, "https://10.0.0.6:25555", e.URLs["director"], "--director-client ci ", "--director-client "+world.DirectorClient+" ",
		"ci.example.com", e.address, "SECRET=…", "SECRET="+world.DirectorSecret)
	if list := e.Director.Deployments(); len(list) != 1 {
		t.Errorf("%d deployments are there, want Concourse", len(list))
	}
}

// The commands that set the bundled pipeline make one that Concourse takes.
func TestDocuments_setThePipeline(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "sh pipeline") {
		dir := t.TempDir()
		inShell(t, b, dir, nil, "https://ci.example.com", "https://127.0.0.1:1") // where nobody answers
		text, err := os.ReadFile(filepath.Join(dir, "pipeline.yml"))
		if err != nil {
			t.Fatal(err)
		}
		var pipeline atc.Config
		if err := atc.UnmarshalConfig(text, &pipeline); err != nil {
			t.Fatal(err)
		}
		warnings, problems := configvalidate.Validate(pipeline)
		if len(warnings) > 0 || len(problems) > 0 {
			t.Errorf("%s: %v, %v", b, warnings, problems)
		}
		calls, err := os.ReadFile(filepath.Join(dir, "fly-calls"))
		if want := "-t ci set-pipeline -p self-upgrade -c pipeline.yml\n-t ci unpause-pipeline -p self-upgrade\n"; err != nil || string(calls) != want {
			t.Errorf("%s: fly was called with %q, want %q (error %v)", b, calls, want, err)
		}
	}
}

// A fork's release is signed by the documented commands.
func TestDocuments_signARelease(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here, which makes the key")
	}
	for _, b := range blocks(t, "sh sign") {
		dir := t.TempDir()
		write(t, dir, map[string]string{"perpetual-linux-amd64": "a program"})
		inShell(t, b, dir, nil, "sha256:…", "sha256:"+strings.Repeat("0a", 32))
		if _, err := os.Stat(filepath.Join(dir, "perpetual-1.3.0.signed.json")); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
}

// What config validate is shown to say it says, in that order.
func TestDocuments_showWhatConfigValidateSays(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "text validate") {
		dir := t.TempDir()
		write(t, dir, map[string]string{"perpetual.yml": `name: ci
aws:
  region: eu-central-1a
  tags:
    team: ci
access:
  domain: ci.example.com
web:
  instance_type: t3.small
workers:
  count: 2
  spot: "yes"
  disk: 200
  cuont: 3
`})
		p := run(t, dir, nil, "config", "validate")
		said, _, _ := strings.Cut(p.stderr, "error: ")
		if p.code != 1 || said != b.Text {
			t.Errorf("%s: code %d, it says\n%s", b, p.code, p.stderr)
		}
	}
}

// What a quiet upgrade has left paused is unpaused by the documented commands.
func TestDocuments_resume(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "sh resume") {
		lines := b.Lines()
		if len(lines) != 2 || lines[0] != "perpetual resume < request.json" || lines[1] != "perpetual resume ci" {
			t.Fatalf("%s: %q", b, lines) // the first is run by the tests of pkg/command
		}
		q := newQuiet(t)
		q.over(t)
		p := q.perpetual(t, strings.Fields(lines[1])[1:]...)
		if p.code != 0 || !strings.Contains(p.stdout+p.stderr, "unpaused main/app") {
			t.Errorf("%s: code %d\n%s%s", b, p.code, p.stdout, p.stderr)
		}
	}
}

// offered are the words that complete each verb: its verbs and flags.
func offered(t *testing.T) map[string][]string {
	t.Helper()
	words := map[string][]string{}
	script := run(t, t.TempDir(), nil, "completion", "bash").stdout
	for _, m := range regexp.MustCompile(`(?m)^    (\w+)\) words=(.*) ;;$`).FindAllStringSubmatch(script, -1) {
		words[m[1]] = strings.Fields(strings.Trim(m[2], "'\""))
	}
	if len(words) < 15 {
		t.Fatalf("%d verbs are completed", len(words))
	}
	return words
}

// What stands in the middle of a sentence names verbs and flags that there are as well.
func TestDocuments_nameVerbsAndFlagsThatThereAre(t *testing.T) {
	t.Parallel()
	files, err := block.Documents("../../..")
	if err != nil {
		t.Fatal(err)
	}
	words := offered(t)
	span, flag, looked := regexp.MustCompile("`([^`\n]+)`"), regexp.MustCompile(`--[a-z][a-z-]+`), 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("../../..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range span.FindAllStringSubmatch(string(text), -1) {
			_, command, ours := strings.Cut(" "+m[1], " perpetual ")
			parts := strings.Fields(command)
			if !ours || len(parts) == 0 || strings.HasPrefix(parts[0], "-") || strings.Contains(m[1], "git") {
				continue
			}
			looked++
			verb := strings.Trim(parts[0], `",;.)`)
			known, there := words[verb]
			if !there && verb != "VERB" {
				t.Errorf("%s: `%s`: there is no verb %s", file, m[1], verb)
			}
			for _, f := range flag.FindAllString(command, -1) {
				if !slices.Contains(known, f) && f != "--log-level" {
					t.Errorf("%s: `%s`: %s has no flag %s", file, m[1], verb, f)
				}
			}
		}
	}
	if looked < 20 {
		t.Errorf("%d commands were looked at", looked)
	}
}
