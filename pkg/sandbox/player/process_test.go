package player_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// run runs check of a program made of shell commands.
func run(ctx context.Context, t *testing.T, commands string, stderr io.Writer) ([]player.Version, error) {
	t.Helper()
	s := newSite(t, "", shell{check: commands})
	var found []player.Version
	err := player.Run(ctx, s.player.Program, player.Process{Verb: "check", Stdin: map[string]any{}, Stderr: stderr}, &found)
	return found, err
}

func TestRun_takesExactlyOneJSONValue(t *testing.T) {
	for _, c := range []struct{ name, commands, want string }{
		{"no JSON", "echo hello", "decode stdout of check: invalid character"},
		{"nothing", "true", "decode stdout of check: EOF"},
		{"half a value", "printf '[{'", "decode stdout of check: unexpected EOF"},
		{"another type", `echo '{"version":"x"}'`, "decode stdout of check: json: cannot unmarshal"},
		{"two values", "echo '[]' '[]'", "decode stdout of check: there is more than one value"},
		{"a value and a word", "echo '[]' done", "there is more than one value"},
		{"a value and a failure", "echo '[]'; exit 1", "check failed with 3 bytes on stdout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t.Context(), t, c.commands, io.Discard)
			wantError(t, err, c.want)
		})
	}
	found, err := run(t.Context(), t, `printf ' \n[{"n":"1"}]\n\n'`, io.Discard)
	if err != nil || len(found) != 1 || found[0]["n"] != "1" {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestRun_givesWhatAFailedProgramSaid(t *testing.T) {
	var stderr strings.Builder
	_, err := run(t.Context(), t, "echo looking >&2; echo 'error: no such host' >&2; exit 7", &stderr)
	var exit *player.ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || exit.Message != "error: no such host" || exit.Verb != "check" {
		t.Errorf("error %#v", err)
	}
	wantError(t, err, "check exited with 7: error: no such host")
	if stderr.String() != "looking\nerror: no such host\n" {
		t.Errorf("stderr = %q", stderr.String())
	}
}

func TestRun_saysWhenAProgramCannotBeRun(t *testing.T) {
	err := player.Run(t.Context(), filepath.Join(t.TempDir(), "none"), player.Process{Verb: "check", Stderr: io.Discard}, nil)
	wantError(t, err, "run check: ", "no such file")
	err = player.Run(t.Context(), "true", player.Process{Verb: "check", Stdin: func() {}, Stderr: io.Discard}, nil)
	wantError(t, err, "encode stdin of check")
}

func TestRun_terminatesAProgramAtTheEndOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := filepath.Join(t.TempDir(), "started")
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	// It runs on until SIGTERM, and has time to clean up after it.
	_, err := run(ctx, t, `trap 'echo cleaned up >&2; exit 143' TERM; touch '`+started+`'; while :; do sleep 0.02; done`, io.Discard)
	var exit *player.ExitError
	if !errors.As(err, &exit) || exit.Code != 143 || exit.Message != "cleaned up" {
		t.Errorf("error %v, want what the program said at the signal", err)
	}
}

func TestTick_saysThatItsContextHasEnded(t *testing.T) {
	s := newSite(t, loop, echoes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.player.Tick(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
