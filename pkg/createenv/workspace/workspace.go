// Package workspace is the directory that a run of create-env works in: who may use it,
// what of it is kept, and the files that a CPI's answers are written to.
package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
	"github.com/gofrs/flock"

	"github.com/perpetual-ci/perpetual/pkg/file"
)

// ErrBusy says that another run uses the workspace.
var ErrBusy = errors.New("use the workspace of create-env")

// Workspace is the directory of a run:
//
//	lock       held while a run uses the workspace
//	id         tells this workspace from one on another machine
//	downloads  releases and stemcells, kept
//	calls      what CPIs answer, until it is in the journal
//	cpi        the CPI: compiled packages are kept, its rendered job is not
//	tmp        everything else of a run, with secrets, removed
type Workspace struct {
	Dir string // absolute
	ID  string // a UUID
}

// Downloads is where releases and stemcells are kept.
func (w Workspace) Downloads() string { return filepath.Join(w.Dir, "downloads") }

// Calls is where the files of calls are.
func (w Workspace) Calls() string { return filepath.Join(w.Dir, "calls") }

// CPI is where bosh-cli installs the CPI.
func (w Workspace) CPI() string { return filepath.Join(w.Dir, "cpi") }

// Tmp is for the temporary files of a run.
func (w Workspace) Tmp() string { return filepath.Join(w.Dir, "tmp") }

// Open makes the directory if it is not there.
func Open(dir string) (Workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Workspace{}, fmt.Errorf("find the workspace: %w", err)
	}
	w := Workspace{Dir: dir}
	for _, d := range []string{dir, w.Calls()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return w, fmt.Errorf("make the workspace: %w", err)
		}
	}
	// It may have been there, with a mode of somebody else's.
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		return w, fmt.Errorf("close the workspace to others: %w", err)
	}
	w.ID, err = w.identity()
	return w, err
}

// identity reads the workspace's id, or makes it.
func (w Workspace) identity() (string, error) {
	path := filepath.Join(w.Dir, "id")
	if body, err := os.ReadFile(path); err == nil && len(body) > 0 {
		return strings.TrimSpace(string(body)), nil
	}
	id, err := boshuuid.NewGenerator().Generate()
	if err != nil {
		return "", fmt.Errorf("generate the workspace's id: %w", err)
	}
	if err := file.Replace(path, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("write the workspace's id: %w", err)
	}
	return id, nil
}

// Lock takes the workspace for one run. It fails with ErrBusy.
func (w Workspace) Lock() (unlock func(), err error) {
	lock := flock.New(filepath.Join(w.Dir, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the workspace: %w", err)
	}
	if !held {
		return nil, fmt.Errorf("%w: another run holds %s: wait for it, or give this one a directory of its own", ErrBusy, w.Dir)
	}
	return func() { _ = lock.Unlock() }, nil
}

// Sweep removes what a run leaves that may hold secrets: the rendered CPI job,
// its archive, and the directory of temporary files. The caller holds the lock.
func (w Workspace) Sweep() error {
	errs := []error{
		os.RemoveAll(w.Tmp()),
		os.RemoveAll(filepath.Join(w.CPI(), "jobs")),
		os.RemoveAll(filepath.Join(w.CPI(), "tmp")),
	}
	kept, whole := w.compiled()
	if !whole {
		// The index of compiled packages was cut off: compiling them again is cheap.
		return errors.Join(append(errs, os.RemoveAll(w.CPI()))...)
	}
	blobs, err := os.ReadDir(filepath.Join(w.CPI(), "blobs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, b := range blobs {
		if !kept[b.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(w.CPI(), "blobs", b.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what a run has left in %s: %w", w.Dir, err)
	}
	return nil
}

// compiled are the blobs of compiled packages, from bosh-cli's index of them.
func (w Workspace) compiled() (blobs map[string]bool, whole bool) {
	blobs = map[string]bool{}
	body, err := os.ReadFile(filepath.Join(w.CPI(), "compiled_packages.json"))
	if err != nil {
		return blobs, errors.Is(err, os.ErrNotExist)
	}
	var index []struct{ Value struct{ BlobID string } }
	if json.Unmarshal(body, &index) != nil {
		return blobs, false
	}
	for _, entry := range index {
		blobs[entry.Value.BlobID] = true
	}
	return blobs, true
}

// AtWork says whether a CPI that a killed run has left behind still runs.
func (w Workspace) AtWork() bool {
	answers, _ := filepath.Glob(filepath.Join(w.Calls(), "*"+AnswerSuffix))
	for _, path := range answers {
		if Running(path) {
			return true
		}
	}
	return false
}

// ForgetCalls removes the files of calls whose answers are in the journal.
func (w Workspace) ForgetCalls() {
	files, _ := filepath.Glob(filepath.Join(w.Calls(), "*"))
	for _, path := range files {
		_ = os.Remove(path)
	}
}
