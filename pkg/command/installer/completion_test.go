package installer_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
)

func TestCompletion_completesInBash(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here, which is what completes")
	}
	p := run(t, t.TempDir(), nil, "completion", "bash")
	if p.code != 0 || p.stderr != "" {
		t.Fatalf("code %d, stderr %s", p.code, p.stderr)
	}
	// As readline breaks them, = is a word of its own.
	for line, want := range map[string]struct{ all, some, none []string }{
		"perpetual ":                         {some: []string{"deploy", "check", "version", "help", "completion"}, none: []string{"--help"}},
		"perpetual st":                       {all: []string{"status"}},
		"perpetual info --sh":                {all: []string{"--show"}},
		"perpetual deploy --workers-c":       {all: []string{"--workers-count"}},
		"perpetual deploy ci --allow-d":      {all: []string{"--allow-downgrade"}},
		"perpetual plan --output ":           {all: []string{"text", "json"}},
		"perpetual plan --output = j":        {all: []string{"json"}},
		"perpetual plan --output =":          {all: []string{"text", "json"}},
		"perpetual config ":                  {some: []string{"init", "validate", "schema", "--director-url"}},
		"perpetual completion ":              {some: []string{"bash", "zsh", "fish"}},
		"perpetual help un":                  {all: []string{"unlock"}},
		"perpetual pipeline --load":          {all: []string{"--load-vars-from"}},
		"perpetual deploy --config script.s": {all: []string{"script.sh"}},
		"perpetual frobnicate ":              {},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"script.sh": p.stdout})
		words := strings.Split(line, " ")
		cmd := exec.CommandContext(t.Context(), bash, append([]string{"--norc", "-euc", `. ./script.sh; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _perpetual || true; printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}`, "bash"}, words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", line, err, out)
		}
		got := strings.Fields(string(out))
		if want.some == nil && !slices.Equal(got, want.all) {
			t.Errorf("%q is completed by %q, want %q", line, got, want.all)
		}
		for _, word := range want.some {
			if !slices.Contains(got, word) {
				t.Errorf("%q is completed by %q, want %s among them", line, got, word)
			}
		}
		for _, word := range want.none {
			if slices.Contains(got, word) {
				t.Errorf("%q is completed by %q, want no %s", line, got, word)
			}
		}
	}
}

// Every verb is in every script, and a shell that is here takes it.
func TestCompletion_isWhatAShellTakes(t *testing.T) {
	t.Parallel()
	verbs := append(installer.Verbs(), step.Verbs()...)
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}} {
		dir := t.TempDir()
		p := run(t, dir, nil, "completion", shell)
		for _, v := range verbs {
			if p.code != 0 || !strings.Contains(p.stdout, v.Name) {
				t.Errorf("%s: code %d, no %s", shell, p.code, v.Name)
			}
		}
		for _, flag := range []string{"workers-count", "components", "show", "yes-destroy", "director-url"} {
			if !strings.Contains(p.stdout, flag) {
				t.Errorf("%s: no %s", shell, flag)
			}
		}
		for _, other := range []string{"client-secret", "github-token"} { // secrets have no flag
			if strings.Contains(p.stdout, "--"+other) {
				t.Errorf("%s offers %s", shell, other)
			}
		}
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("there is no %s here to read its script", shell)
			continue
		}
		write(t, dir, map[string]string{"script": p.stdout})
		cmd := exec.CommandContext(t.Context(), check[0], append(check[1:], "script")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
}

func TestCompletion_ofNoShellThatIsKnown(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{"": "bash, zsh or fish", "fissh": "did you mean fish?", "powershell": "want bash, zsh or fish", "bash zsh": "bash, zsh or fish"} {
		refuses(t, nil, nil, append([]string{"completion"}, strings.Fields(shell)...), want)
	}
	if p := run(t, t.TempDir(), nil, "help", "completion"); p.code != 0 || !strings.Contains(p.stdout, "source <(perpetual completion bash)") {
		t.Errorf("code %d, %s%s", p.code, p.stdout, p.stderr)
	}
}
