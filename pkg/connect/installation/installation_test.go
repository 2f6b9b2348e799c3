package installation_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/connect/installation"
)

// elsewhere is a connector of an installation on a director of one's own, whose state is in
// a directory that is not there yet.
func elsewhere(t *testing.T) (c *installation.Connector, dir string, debug *bytes.Buffer) {
	t.Helper()
	dir, debug = filepath.Join(t.TempDir(), "state"), &bytes.Buffer{}
	return &installation.Connector{
		Connector: connect.Connector{
			Notify: func(string) {}, Env: func(string) string { return "" },
			Debug: slog.New(slog.NewTextHandler(debug, &slog.HandlerOptions{Level: slog.LevelDebug})),
		},
		Config:  &config.Config{Name: "ci", Director: config.Director{URL: "https://10.0.0.6:25555"}, State: &config.State{Dir: dir}},
		Keyring: installation.Keyring{Dir: t.TempDir(), Now: func() time.Time { return time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC) }},
	}, dir, debug
}

// A directory is made only by who shall make it; who does is told so.
func TestStore_inADirectoryIsMadeOnlyWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	c, dir, debug := elsewhere(t)
	i := c.Join(t.Context())
	if _, _, err := i.OpenStore(t.Context(), c.Config, "", false); !errors.Is(err, bootstrap.ErrNotFound) || !strings.Contains(err.Error(), dir) {
		t.Errorf("without making it: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("who only looks has made it: %v", err)
	}
	for _, want := range []bool{true, false} {
		store, created, err := i.OpenStore(t.Context(), c.Config, "", true)
		if err != nil || created != want {
			t.Fatalf("created is %t (%v), want %t", created, err, want)
		}
		if _, err := store.List(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(debug.String(), "what=list") {
		t.Errorf("debug does not tell what is read:\n%s", debug)
	}
}

// Deleting a state takes its documents, and the directory unless something else is in it.
func TestDeleteStore_leavesWhatIsNotOfTheState(t *testing.T) {
	t.Parallel()
	for name, foreign := range map[string]string{"nothing else": "", "a file of somebody's": ".notes"} {
		c, dir, _ := elsewhere(t)
		i := c.Join(t.Context())
		store, _, err := i.OpenStore(t.Context(), c.Config, "", true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Put(t.Context(), "run/record.json", []byte("{}"), ""); err != nil {
			t.Fatal(err)
		}
		if foreign != "" {
			if err := os.WriteFile(filepath.Join(dir, foreign), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := i.DeleteStore(t.Context(), c.Config, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "run/record.json")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the document is still there (%v)", name, err)
		}
		if _, err := os.Stat(dir); (foreign == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the directory: %v", name, err)
		}
	}
}

// Without an account there is no bucket that could be taken for granted.
func TestStore_isAskedForWhereNothingSaysWhereItIs(t *testing.T) {
	t.Parallel()
	c, _, _ := elsewhere(t)
	c.Config.State = nil
	i := c.Join(t.Context())
	if _, _, err := i.OpenStore(t.Context(), c.Config, "", true); err == nil || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("it ends with %v", err)
	}
}

// A key is the operator's file beside perpetual.yml, a file that is named, or a text that is
// the key itself, which no message repeats.
func TestOperator_findsTheKey(t *testing.T) {
	t.Parallel()
	c, _, _ := elsewhere(t)
	operator := c.Join(t.Context()).Operator
	beside := filepath.Join(c.Keyring.Dir, "ci.operator-key")
	if got := operator.Where(); got != beside {
		t.Errorf("it is looked for at %s", got)
	}
	if _, err := operator.Key(); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("before one is made: %v", err)
	}
	made, err := operator.Make()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(beside)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(text[bytes.LastIndex(bytes.TrimSpace(text), []byte("\n"))+1:]))
	elsewhereFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(elsewhereFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string]string{"beside": "", "a file": elsewhereFile, "the key itself": string(text)} {
		other := *c
		other.Keyring.Given = given
		operator := other.Join(t.Context()).Operator
		if key, err := operator.Key(); err != nil || key.Public().String() != made.Public().String() {
			t.Errorf("%s: %v", name, err)
		}
		if where := operator.Where(); strings.Contains(where, line) {
			t.Errorf("%s: its place shows the key", name)
		}
	}
	c.Keyring.Given = "first line\nAGE-SECRET-KEY-1NOT-ONE"
	if _, err := c.Join(t.Context()).Operator.Key(); err == nil || strings.Contains(err.Error(), "NOT-ONE") || !strings.Contains(err.Error(), "PERPETUAL_OPERATOR_KEY") {
		t.Errorf("what is neither a file nor a key: %v", err)
	}
}

// The note of what was seen is kept while something was, for its owner alone, and one that
// cannot be read is named.
func TestOperator_keepsTheNoteOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	c, _, _ := elsewhere(t)
	operator := c.Join(t.Context()).Operator
	note := filepath.Join(c.Keyring.Dir, "ci.operator-seen")
	if seen, err := operator.Seen(); err != nil || len(seen.Documents) != 0 {
		t.Errorf("at first: %+v, %v", seen, err)
	}
	want := keyring.Seen{Place: "the directory /state", Documents: map[string][]keyring.Version{"operator/configuration.json": {{Serial: 3, Digest: "ab12"}}}}
	if err := operator.Saw(want); err != nil {
		t.Fatal(err)
	}
	if seen, err := c.Join(t.Context()).Operator.Seen(); err != nil || !reflect.DeepEqual(seen, want) {
		t.Errorf("read back: %+v, %v, want %+v", seen, err, want)
	}
	if info, err := os.Stat(note); err != nil || info.Mode() != 0o600 {
		t.Errorf("the note: %v (%v), want a file of mode 0600", info, err)
	}
	if err := operator.Saw(keyring.Seen{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(note); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is to be kept, and the note is there: %v", err)
	}
	if err := os.WriteFile(note, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Seen(); err == nil || !strings.Contains(err.Error(), note) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("one that is cut short: %v", err)
	}
	for range 2 { // that it is not there is not an error
		if err := operator.Saw(keyring.Seen{}); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(note); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("nothing was seen, and the note is there: %v", err)
		}
	}
}
