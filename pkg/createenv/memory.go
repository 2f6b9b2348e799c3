package createenv

import (
	"os"
	"path/filepath"

	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/file"
)

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
