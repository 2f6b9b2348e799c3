package file_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/file"
)

func TestRead_noMoreThanShowsThatItIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{0: "1", 3: "1234", 4: "12345", 5: "12345", 9: "12345"} {
		if got, err := file.Read(path, limit); err != nil || string(got) != want {
			t.Errorf("limit %d: %q, %v, want %q", limit, got, err, want)
		}
	}
	if _, err := file.Read(path+"-not", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
}

// files lists a directory.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, c := range []struct {
		text string
		mode fs.FileMode
	}{{"one", 0o600}, {"two", 0o644}, {"", 0o600}} {
		before, _ := os.Open(path)
		if err := file.Replace(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, infoErr := os.Stat(path)
		if err != nil || infoErr != nil || string(got) != c.text || info.Mode() != c.mode {
			t.Errorf("%q with mode %v, %v, %v; want %q with mode %v", got, info.Mode(), err, infoErr, c.text, c.mode)
		}
		if before == nil {
			continue
		}
		if was, err := before.Stat(); err != nil || os.SameFile(was, info) {
			t.Errorf("the old file was written over: %v", err)
		}
		if err := before.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestReplace_leavesNothingWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.MkdirAll(filepath.Join(path, "below"), 0o700); err != nil { // no file can take its place
		t.Fatal(err)
	}
	if err := file.Replace(path, []byte("one"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if err := file.Replace(filepath.Join(dir, "no", "a"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}
