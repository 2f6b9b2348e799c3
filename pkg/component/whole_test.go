package component_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

// What a killed run left beside the files of a set is gone after the next one,
// and a reader never sees the old file cut: it is replaced, not written over.
func TestWriteSet_replacesWhatAKilledRunHasLeft(t *testing.T) {
	dir := t.TempDir()
	set := []component.Component{{Name: "bpm", Kind: component.KindRelease, Version: "1.4.38", URL: "https://bosh.io/bpm", SHA1: strings.Repeat("a", 40)}}
	if err := component.WriteSet(dir, set); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(filepath.Join(dir, component.SetFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	before, err := os.ReadFile(filepath.Join(dir, component.SetFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".components.json.partial", ".vars.yml.partial", "bpm/.version.partial"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set[0].Version = "1.4.39"
	if err := component.WriteSet(dir, set); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, len(before)+1)
	if n, _ := old.Read(text); string(text[:n]) != string(before) {
		t.Error("the old file was written over while it was open")
	}
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".partial") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
