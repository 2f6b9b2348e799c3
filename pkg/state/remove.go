package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Remove removes what a store without documents still has: its own files, empty
// directories, and the directory itself if nothing of anybody else's is in it.
func (d *Dir) Remove() error {
	for _, name := range []string{clockFile, newFile, lockFile} {
		if err := os.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the state directory: %w", err)
		}
	}
	var folders []string
	err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state directory: %w", err)
	}
	for _, path := range slices.Backward(folders) { // what is in a folder comes after it
		_ = os.Remove(path) // fails, as it should, when something is in it
	}
	return nil
}
