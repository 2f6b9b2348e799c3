package shell_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/shell"
)

// evaluate has a POSIX shell evaluate a script, and then print something.
func evaluate(t *testing.T, home, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-euc", script)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "STALE=of another installation"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
	return string(out)
}

// Any text comes out of a shell as it went in, and runs nothing.
func TestQuote_keepsAnyTextAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "plain", "a-b_c.d/e:f,g@h%i+j", "two words", "it's", "''", `"`, `\`, `\'`, "$(touch hit)", "`touch hit`", "$HOME", "~", "*", "a\nb", "\t", "!!", "#", "ö", "-n", "a;b", "a&b", "\x01",
	} {
		dir := t.TempDir()
		if got := evaluate(t, dir, "cd "+shell.Quote(dir)+"; printf '%s.' "+shell.Quote(text)); got != text+"." {
			t.Errorf("%q comes out as %q", text, got)
		}
		if _, err := os.Stat(filepath.Join(dir, "hit")); err == nil {
			t.Errorf("%q was run", text)
		}
	}
}

// Without secrets a credential is not in the script, and what was set before is unset.
func TestScript_leavesCredentialsOut(t *testing.T) {
	t.Parallel()
	for _, secrets := range []bool{true, false} {
		home := t.TempDir()
		script := &shell.Script{Name: "ci", Secrets: secrets}
		script.Set("PLAIN", "it's")
		script.Set("STALE", "")
		script.Credential("PASSWORD", secret.New("s3cret$(x)"))
		script.Credential("NONE", secret.Value{})
		got := evaluate(t, home, script.String()+`printf '%s|%s|%s|%s' "$PLAIN" "${STALE-unset}" "${PASSWORD-unset}" "${NONE-unset}"`)
		want, left := "it's|unset|s3cret$(x)|unset", []string(nil)
		if !secrets {
			want, left = "it's|unset|unset|unset", []string{"PASSWORD"}
			if strings.Contains(script.String(), "s3cret") {
				t.Errorf("the credential is in the script:\n%s", script)
			}
		}
		if got != want || !slices.Equal(script.Left, left) {
			t.Errorf("secrets %t: %q with %v left out, want %q and %v", secrets, got, script.Left, want, left)
		}
	}
}

// A file is for its owner alone, also where one for everybody was there.
func TestScript_writesFilesForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	path := filepath.Join(home, ".cache/perpetual/ci/key")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := &shell.Script{Name: "ci"}
	script.File("KEY", "key", "it's\na key\n\n")
	if got := evaluate(t, home, script.String()+`printf %s "$KEY"`); got != path {
		t.Errorf("the variable is %q", got)
	}
	text, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(text) != "it's\na key\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v (%v, %v)", text, info.Mode(), err, statErr)
	}
}

// A shell that is not known has no script; each that is has every word in it.
func TestCompletion_isForTheShellsThatAreNamed(t *testing.T) {
	t.Parallel()
	words := []shell.Word{{
		Name: "deploy", Short: "it's: [a] verb", Verbs: []string{"now"},
		Flags: []shell.Flag{{Name: "--quiet", Short: "say little"}, {Name: "--output", Value: true, Values: []string{"text", "json"}}, {Name: "--file", Value: true}},
	}}
	for _, name := range shell.Names() {
		script := shell.Completion(name, words)
		for _, part := range []string{"deploy", "now", "quiet", "output", "text json", "file"} {
			if !strings.Contains(script, part) {
				t.Errorf("that for %s lacks %q", name, part)
			}
		}
	}
	if script := shell.Completion("csh", words); script != "" {
		t.Errorf("csh gets %q", script)
	}
}
