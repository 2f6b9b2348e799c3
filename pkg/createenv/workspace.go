package createenv

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	boshsys "github.com/cloudfoundry/bosh-utils/system"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
	"github.com/gofrs/flock"

	"github.com/perpetual-ci/perpetual/pkg/file"
)

// ErrBusy says that another run uses the workspace.
var ErrBusy = errors.New("use the workspace of create-env")

// workspace is the directory of a run:
//
//	lock       held while a run uses the workspace
//	id         tells this workspace from one on another machine
//	downloads  releases and stemcells, kept
//	calls      what CPIs answer, until it is in the journal
//	cpi        the CPI: compiled packages are kept, its rendered job is not
//	tmp        everything else of a run, with secrets, removed
type workspace struct {
	dir string
	id  string
}

func (w workspace) downloads() string { return filepath.Join(w.dir, "downloads") }
func (w workspace) calls() string     { return filepath.Join(w.dir, "calls") }
func (w workspace) cpi() string       { return filepath.Join(w.dir, "cpi") }
func (w workspace) tmp() string       { return filepath.Join(w.dir, "tmp") }

// openWorkspace makes the directory if it is not there.
func openWorkspace(dir string) (workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return workspace{}, fmt.Errorf("find the workspace: %w", err)
	}
	w := workspace{dir: dir}
	for _, d := range []string{dir, w.calls()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return w, fmt.Errorf("make the workspace: %w", err)
		}
	}
	// It may have been there, with a mode of somebody else's.
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		return w, fmt.Errorf("close the workspace to others: %w", err)
	}
	w.id, err = w.identity()
	return w, err
}

// identity reads the workspace's id, or makes it.
func (w workspace) identity() (string, error) {
	path := filepath.Join(w.dir, "id")
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

// lock takes the workspace for one run. It fails with ErrBusy.
func (w workspace) lock() (unlock func(), err error) {
	lock := flock.New(filepath.Join(w.dir, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the workspace: %w", err)
	}
	if !held {
		return nil, fmt.Errorf("%w: another run holds %s: wait for it, or give this one a directory of its own", ErrBusy, w.dir)
	}
	return func() { _ = lock.Unlock() }, nil
}

// sweep removes what a run leaves that may hold secrets: the rendered CPI job,
// its archive, and the directory of temporary files. The caller holds the lock.
func (w workspace) sweep() error {
	errs := []error{
		os.RemoveAll(w.tmp()),
		os.RemoveAll(filepath.Join(w.cpi(), "jobs")),
		os.RemoveAll(filepath.Join(w.cpi(), "tmp")),
	}
	kept, whole := w.compiled()
	if !whole {
		// The index of compiled packages was cut off: compiling them again is cheap.
		return errors.Join(append(errs, os.RemoveAll(w.cpi()))...)
	}
	blobs, err := os.ReadDir(filepath.Join(w.cpi(), "blobs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, b := range blobs {
		if !kept[b.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(w.cpi(), "blobs", b.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what a run has left in %s: %w", w.dir, err)
	}
	return nil
}

// compiled are the blobs of compiled packages, from bosh-cli's index of them.
func (w workspace) compiled() (blobs map[string]bool, whole bool) {
	blobs = map[string]bool{}
	body, err := os.ReadFile(filepath.Join(w.cpi(), "compiled_packages.json"))
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

// atWork says whether a CPI that a killed run has left behind still runs.
func (w workspace) atWork() bool {
	answers, _ := filepath.Glob(filepath.Join(w.calls(), "*"+answerSuffix))
	for _, path := range answers {
		if running(path) {
			return true
		}
	}
	return false
}

// forgetCalls removes the files of calls whose answers are in the journal.
func (w workspace) forgetCalls() {
	files, _ := filepath.Glob(filepath.Join(w.calls(), "*"))
	for _, path := range files {
		_ = os.Remove(path)
	}
}

// manifestName is the path under which bosh-cli reads the manifest from memory.
const manifestName = "manifest.yml"

// memory is the file system for bosh-cli: the manifest is in memory only, and
// what is written is whole or not there.
type memory struct {
	boshsys.FileSystem
	path string
	body []byte
}

// ReadFile gives the manifest from memory and everything else from the disk.
func (m *memory) ReadFile(path string) ([]byte, error) {
	if path == m.path {
		return m.body, nil
	}
	return m.FileSystem.ReadFile(path)
}

// WriteFile writes beside and renames, unlike bosh-utils.
func (m *memory) WriteFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return file.Replace(path, body, 0o600)
}

// WriteFileString is WriteFile.
func (m *memory) WriteFileString(path, body string) error { return m.WriteFile(path, []byte(body)) }
