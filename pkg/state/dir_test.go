package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// writerArg makes the test binary a process that writes until it is killed.
const writerArg = "write-documents-until-killed"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == writerArg {
		fmt.Fprintln(os.Stderr, writeForever(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// letters are the bodies that the writer alternates between: one letter,
// repeated, with its count at the end.
func letters(n int) []byte {
	size := 1000 + n*7919%300_000
	return fmt.Appendf(bytes.Repeat([]byte{byte('a' + n%26)}, size), "%d", size)
}

// whole says what is wrong with a body that letters did not make.
func whole(body []byte) error {
	var size int
	end := bytes.TrimLeft(body, "abcdefghijklmnopqrstuvwxyz")
	if _, err := fmt.Sscan(string(end), &size); err != nil || len(body) != size+len(end) {
		return fmt.Errorf("%d bytes that end in %q", len(body), end)
	}
	if first := body[:1]; len(bytes.Trim(body[:size], string(first))) > 0 {
		return fmt.Errorf("two bodies are mixed")
	}
	return nil
}

func writeForever(path string) error {
	dir, err := state.NewDir(path)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		for _, name := range []string{"config.yml", fmt.Sprintf("journal/%d.json", n%3)} {
			found, err := dir.Get(context.Background(), name)
			if err != nil && !errors.Is(err, state.ErrNotFound) {
				return err
			}
			if _, err := dir.Put(context.Background(), name, letters(n), found.Revision); err != nil {
				return err
			}
		}
		if n == 0 {
			fmt.Println("ready")
		}
	}
}

func TestDir_leavesWholeDocumentsWhenItsProcessIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	dir, err := state.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	leftovers := 0
	for range 50 {
		writer := exec.Command(self, writerArg, path)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		writer.Stderr = &said
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		if n, err := out.Read(make([]byte, 1)); n != 1 {
			t.Fatalf("the writer did not start: %v, %s", err, said.String())
		}
		time.Sleep(time.Duration(rng.Int64N(int64(8 * time.Millisecond)))) // the moment of death
		_ = writer.Process.Kill()
		_ = writer.Wait()
		if said.Len() > 0 {
			t.Fatalf("the writer failed: %s", said.String())
		}
		if _, err := os.Stat(filepath.Join(path, ".new")); err == nil {
			leftovers++
		}
		checkWhole(t, dir)
	}
	t.Logf("%d of 50 deaths left a temporary file", leftovers)

	if _, err := dir.Put(t.Context(), "last", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(path, ".*"))
	for _, file := range files {
		if base := filepath.Base(file); base != ".lock" && base != ".clock" {
			t.Errorf("%s is left after the next write", base)
		}
	}
}

// checkWhole reads every document there is.
func checkWhole(t *testing.T, dir *state.Dir) {
	t.Helper()
	names, err := dir.List(t.Context(), "")
	if err != nil || len(names) < 2 {
		t.Fatalf("documents %q, %v", names, err)
	}
	for _, name := range names {
		found, err := dir.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := whole(found.Body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDir_isForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "state")
	dir, err := state.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Put(t.Context(), "vault/credentials.yml", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(path, func(file string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", file, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A link in the directory leads nowhere else.
func TestDir_followsNoLinksOutOfIt(t *testing.T) {
	path, outside := t.TempDir(), t.TempDir()
	dir, err := state.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(path, "journal")); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Put(t.Context(), "journal/1.json", []byte("x"), ""); err == nil {
		t.Error("written through a link")
	}
	if files, _ := os.ReadDir(outside); len(files) > 0 {
		t.Errorf("files outside: %v", files)
	}
}

func TestDir_saysWhatItCannotDo(t *testing.T) {
	path := t.TempDir()
	dir, err := state.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "huge"), make([]byte, state.MaxDocument+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Get(t.Context(), "huge"); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := state.NewDir(filepath.Join(path, "huge", "state")); err == nil {
		t.Error("a directory in a file was accepted")
	}
	if _, err := dir.Put(t.Context(), "a", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Put(t.Context(), "a/b", []byte("x"), ""); err == nil {
		t.Error("a document became a directory")
	}
	if found, err := dir.Get(t.Context(), "a"); err != nil || string(found.Body) != "x" {
		t.Errorf("after it: %q, %v", found.Body, err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Put(t.Context(), "a", nil, ""); err == nil {
		t.Error("written into a directory that is gone")
	}
}
