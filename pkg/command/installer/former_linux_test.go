package installer_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/status"
)

// formerState makes of an estate's state one as an older release has kept it: in clear,
// not signed, and without an operator's key.
func (e *estate) formerState(t *testing.T) {
	t.Helper()
	read := func(name string) (fields map[string]any) {
		plain, err := os.ReadFile(filepath.Join(e.dir, "state", name))
		if strings.HasPrefix(name, "operator/") {
			plain = readWithAge(t, e.dir, ".body", filepath.Join("state", name), "ci.operator-key")
		}
		if err := errors.Join(err, json.Unmarshal(plain, &fields)); err != nil {
			t.Fatal(err)
		}
		return fields
	}
	said, credentials, record := read("operator/configuration.json"), read("operator/credentials.json"), read("run/record.json")
	chosen := said["chosen"].(map[string]any)
	delete(chosen, "components")
	maps.Copy(record, chosen)
	for _, name := range []string{"state", "ci.operator-key", "ci.operator-seen"} {
		if err := os.RemoveAll(filepath.Join(e.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	for name, value := range map[string]any{"config.json": said["configuration"], "credentials.json": credentials, "installation.json": record} {
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		files["state/"+name] = string(body)
	}
	write(t, e.dir, files)
}

// tree is what is in the estate's directory, but for what was downloaded and the clock and
// the lock of the state's directory.
func (e *estate) tree(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(e.dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, ".cache/") || strings.HasPrefix(filepath.Base(path), ".") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(e.dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Info, status and resume read the state of an older release, ask nothing and say what it
// is; destroy asks.
func TestState_ofAnOlderReleaseIsReadAndToldAndNotDeletedUnasked(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	e.good(t, "deploy")
	table := e.good(t, "info").stdout
	e.formerState(t)
	before, effects := e.tree(t), e.effects()

	const told = "the directory ./state is from an older release, in clear and not signed; perpetual deploy ci shows what is in it"
	if q := e.good(t, "info"); q.stdout != table || !strings.Contains(q.stderr, told) {
		t.Errorf("info says:\n%s%s", q.stderr, cmp.Diff(table, q.stdout))
	}
	var info struct{ State []string }
	if q := e.good(t, "info", "--json"); json.Unmarshal([]byte(q.stdout), &info) != nil || len(info.State) != 1 || !strings.Contains(info.State[0], told) {
		t.Errorf("info --json says %q\n%s", info.State, q.stdout)
	}
	if q := e.good(t, "info", "--show", "url"); strings.Contains(q.stdout, "older release") || !strings.Contains(q.stderr, told) {
		t.Errorf("info --show says:\n%s%s", q.stderr, q.stdout)
	}
	if q := e.good(t, "info", "--env"); strings.Contains(q.stdout, "older release") || !strings.Contains(q.stderr, told) {
		t.Errorf("info --env says:\n%s%s", q.stderr, q.stdout)
	}
	var found status.Status
	q := e.good(t, "status", "--output", "json")
	if err := json.Unmarshal([]byte(q.stdout), &found); err != nil || found.Healthy || len(found.Problems) != 1 || !strings.Contains(found.Problems[0], told) ||
		found.Director.State != "running" || found.Web.State != "running" {
		t.Errorf("status is %+v, %v", found, err)
	}
	if q := e.good(t, "status"); !strings.Contains(q.stdout, "! "+told) || strings.Contains(q.stdout, "is healthy") {
		t.Errorf("status says:\n%s%s", q.stdout, q.stderr)
	}
	if q := e.good(t, "resume", "ci"); !strings.Contains(q.stderr, told) {
		t.Errorf("resume says:\n%s%s", q.stderr, q.stdout)
	}
	e.refused(t, []string{"destroy", "--yes-destroy", "ci"}, "is from an older release, and not signed", "nothing was changed", "--accept-stored")
	if diff := cmp.Diff(before, e.tree(t)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	if diff := cmp.Diff(effects, e.effects()); diff != "" {
		t.Errorf("something was changed:\n%s", diff)
	}
	q = e.good(t, "destroy", "--yes-destroy", "ci", "--accept-stored")
	if _, err := os.Stat(filepath.Join(e.dir, "state")); !os.IsNotExist(err) || !strings.Contains(q.stderr, "taken from the state: ") {
		t.Errorf("destroy has left the state: %v\n%s", err, q.stderr)
	}
	if _, err := e.director.Deployment(t.Context(), "concourse"); err == nil {
		t.Error("after destroy the deployment is there")
	}
}
