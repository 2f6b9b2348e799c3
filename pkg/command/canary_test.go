package command_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// Every command, with a credential of its own in every place that can have one,
// tells at debug level everything that it asks and decides, and none of them: not
// on stdout or stderr, in no file but the bucket's, and in no process's arguments.
func TestCanary_isShownByNoCommandAtDebug(t *testing.T) {
	t.Parallel()
	planted := map[string]bool{}
	for name, plant := range plantings {
		s := installed(t)
		p := plant(t, s)
		for _, place := range credentialFields(reflect.TypeFor[resource.Source](), "") {
			planted[place] = planted[place] || p.at(place) != ""
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range []string{"check", "in", "out", "resume", "unlock", "version", "pipeline"} {
				t.Run(verb, func(t *testing.T) { p.shows(t, s, verb) })
			}
		})
	}
	for _, place := range credentialFields(reflect.TypeFor[resource.Source](), "") {
		if !planted[place] {
			t.Errorf("no planting has a credential at source.%s", place)
		}
	}
	if len(planted) < 8 {
		t.Errorf("credentials were found at %v, want all places", planted)
	}
}

// shows runs a command and wants none of the credentials anywhere.
func (p planting) shows(t *testing.T, s *stage, verb string) {
	t.Helper()
	tmp, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	i := invocation{path: perpetualBinary, args: []string{"--log-level", "debug", verb}, env: append([]string{"PATH=/nonexistent", "TMPDIR=" + tmp}, p.env...)}
	request := object{"source": p.source}
	_, components := p.source["watch"]
	switch {
	case verb == "in" && components:
		request["version"], request["params"] = s.version(), object{"download": []string{"bpm"}}
		i.args = append(i.args, target)
	case verb == "in":
		request["version"], request["params"] = object{"task": "1"}, object{"verify": true}
		i.args = append(i.args, target)
	case verb == "out" && components:
		i.args = append(i.args, s.dir)
	case verb == "out":
		request["params"] = s.out(object{"detach": false})["params"]
		i.args = append(i.args, s.dir)
	case verb == "unlock":
		i.args = append(i.args, "--id", "nobodys")
	}
	if verb != "version" && verb != "pipeline" {
		i.stdin = stdin(t, request)
	}
	got, arguments := i.watched(t)
	hides(t, got, p.all()...)
	good := p.works && (verb != "out" && verb != "resume" || !components) && verb != "unlock" || verb == "version" || verb == "pipeline"
	early := verb == "check" || verb == "in" || verb == "resume" // they may be done before they ask the one that refuses
	if (got.code == 0) != good && !(early && got.code == 0) {
		t.Errorf("exit code %d, want success: %t\n%s", got.code, good, got.stderr)
	}
	if good && verb != "version" && verb != "pipeline" && !strings.Contains(got.stderr, "msg=exchange") {
		t.Errorf("it tells of no exchange, so this shows nothing:\n%s", got.stderr)
	}
	for _, form := range forms(p.all()) {
		if strings.Contains(arguments, form) {
			t.Errorf("the arguments show a credential: %q", arguments)
		}
		for _, dir := range []string{tmp, target} {
			for name, text := range files(t, dir) {
				if name != "manifest.yml" && strings.Contains(text, form) {
					t.Errorf("%s shows a credential (%s)", name, form)
				}
			}
		}
	}
}

// watched runs the program and collects the arguments that it, and whatever it
// starts, have while it runs.
func (i invocation) watched(t *testing.T) (process, string) {
	t.Helper()
	cmd, stdout, stderr := i.command(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var arguments strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for ctx.Err() == nil {
			for _, pid := range family(cmd.Process.Pid) {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				if !strings.Contains(arguments.String(), string(text)) {
					arguments.Write(text)
				}
			}
		}
	}()
	_ = cmd.Wait()
	stop()
	<-seen
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, arguments.String()
}

// family is a process and its children, and theirs.
func family(pid int) []int {
	list := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		for _, field := range bytes.Fields(text) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				list = append(list, family(child)...)
			}
		}
	}
	return list
}

// What servers answer is as secret: tokens, and errors that repeat them.
func TestCanary_isShownByNoAnswerAtDebug(t *testing.T) {
	t.Parallel()
	const token = "planted-token-of-a-reply"
	answer := func(code int) fault.Fault {
		return fault.Fault{Kind: fault.Status, Code: code, Times: -1, Header: http.Header{"Content-Type": {"application/json"}}, Body: fmt.Sprintf(`{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q}`, token, token)}
	}
	for name, c := range map[string]struct {
		server, path, verb string
		request            func(t *testing.T, s *stage) object
	}{
		"UAA":   {"uaa", "", "check", aDeployment},
		"login": {"concourse", "/sky/", "out", aPreview},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			f := answer(200)
			f.Path = c.path
			s.Faults[c.server].Add(f)
			args := []string{c.verb}
			if c.verb == "out" {
				args = append(args, s.dir)
			}
			p, _, err := attack(t, nil, c.request(t, s), args...).wait(tooLong)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, p) // the server itself does not know that token
			hides(t, p, append(credentials(), token)...)
			if !strings.Contains(p.stderr, "status=401") {
				t.Errorf("the token was used nowhere, so this shows nothing:\n%s", p.stderr)
			}
		})
	}
}

// The journal is for people to read: what is given to a put is not in it.
func TestCanary_isInNoJournal(t *testing.T) {
	t.Parallel()
	s := installed(t)
	store := t.TempDir()
	request, secrets := s.canaryPut(t, "first", false, nil)
	request["source"].(object)["state"] = object{"dir": store}
	p := ask(t, "out", request, s.dir, "PERPETUAL_LOG_LEVEL=debug")
	answer[result](t, p)
	hides(t, p, secrets...)
	documents := files(t, store)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(documents)), func(name string) bool { return strings.Contains(name, "journal/perpetual-") }) {
		t.Errorf("there is no journal in %v", keys(documents))
	}
	for name, text := range documents {
		for _, form := range forms(append(secrets, world.GitHubToken)) {
			if strings.Contains(text, form) {
				t.Errorf("%s shows a credential (%s)", name, form)
			}
		}
	}
}
