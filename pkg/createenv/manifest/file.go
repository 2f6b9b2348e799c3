package manifest

import (
	"os"
	"path/filepath"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/file"
)

// manifestName is the path under which bosh-cli reads the manifest from memory.
const manifestName = "manifest.yml"

// FileSystem is the one for bosh-cli: the manifest is in memory only, and
// what is written is whole or not there.
type FileSystem struct {
	boshsys.FileSystem
	path string
	body []byte
}

// NewFileSystem gives bosh-cli the manifest as a file of the directory dir.
func NewFileSystem(logger boshlog.Logger, dir string, manifest []byte) *FileSystem {
	return &FileSystem{
		FileSystem: boshsys.NewOsFileSystemWithStrictTempRoot(logger),
		path:       filepath.Join(dir, manifestName), body: manifest,
	}
}

// ReadFile gives the manifest from memory and everything else from the disk.
func (f *FileSystem) ReadFile(path string) ([]byte, error) {
	if path == f.path {
		return f.body, nil
	}
	return f.FileSystem.ReadFile(path)
}

// WriteFile writes beside and renames, unlike bosh-utils.
func (f *FileSystem) WriteFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return file.Replace(path, body, 0o600)
}

// WriteFileString is WriteFile.
func (f *FileSystem) WriteFileString(path, body string) error { return f.WriteFile(path, []byte(body)) }
