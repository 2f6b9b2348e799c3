// Package ruby finds the ruby that create-env renders templates with, for tests
// and the demo, and fetches one without root where there is none.
package ruby

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// lockPause is the wait between two looks whether another process has fetched it.
const lockPause = 200 * time.Millisecond

// ErrNone says that there is no ruby and none could be fetched.
var ErrNone = errors.New("find ruby")

// libraries are what a Debian ruby needs beside itself and may be missing.
var libraries = []string{"libyaml-0-2", "libgmp10", "libffi8", "libcrypt1", "zlib1g"}

// versioned is a package that holds an interpreter: "ruby3.1".
var versioned = regexp.MustCompile(`\bruby[0-9]+\.[0-9]+\b`)

// found is what Path has given, by where it looks: to try an interpreter takes longer
// than what tests do with it.
var found = struct {
	mu   sync.Mutex
	dirs map[[2]string]string
}{dirs: map[[2]string]string{}}

// Path gives the directory of a ruby, to be put in front of PATH: that of PATH's
// own ruby if it works, otherwise one in the user's cache into which Debian's
// packages are unpacked, the first time with the network. Nothing is installed into
// the system. It fails with ErrNone and what to install. One that has worked is not
// tried again by this process.
func Path(ctx context.Context) (string, error) {
	found.mu.Lock()
	defer found.mu.Unlock()
	cache, err := os.UserCacheDir()
	at := [2]string{os.Getenv("PATH"), cache}
	if dir := found.dirs[at]; dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("ruby"); err == nil && works(ctx, path) == nil {
		found.dirs[at] = filepath.Dir(path)
		return found.dirs[at], nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNone, err)
	}
	dir, err := fetch(ctx, filepath.Join(cache, "perpetual", "ruby"))
	if err != nil {
		return "", fmt.Errorf("%w: install ruby (Debian: apt-get install ruby): %w", ErrNone, err)
	}
	found.dirs[at] = dir
	return dir, nil
}

// works runs what bosh-cli's renderer of templates needs.
func works(ctx context.Context, path string) error {
	command := exec.CommandContext(ctx, path, "-rrubygems", "-rerb", "-rjson", "-ryaml", "-rostruct", "-e", "print 1")
	if out, err := command.CombinedOutput(); err != nil || string(out) != "1" {
		return fmt.Errorf("run %s: %v: %s", path, err, out)
	}
	return nil
}

// fetch gives the ruby in dir; it downloads and unpacks it first if it is not there.
func fetch(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "bin")
	if wrapped(dir) && works(ctx, filepath.Join(bin, "ruby")) == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(dir + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return "", err
	}
	defer func() { _ = lock.Unlock() }()
	// Another process was quicker, or what is unpacked has an older wrapper.
	if wrap(dir) == nil && works(ctx, filepath.Join(bin, "ruby")) == nil {
		return bin, nil
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	if err := unpack(ctx, dir); err != nil {
		return "", err
	}
	if err := wrap(dir); err != nil {
		return "", err
	}
	return bin, works(ctx, filepath.Join(bin, "ruby"))
}

// unpack downloads the packages and unpacks them into dir/root.
func unpack(ctx context.Context, dir string) error {
	about, err := output(ctx, dir, "apt-cache", "depends", "ruby")
	if err != nil {
		return err
	}
	name := versioned.FindString(about)
	if name == "" {
		return errors.New("find the version of Debian's ruby: run apt-get update as root first")
	}
	debs := filepath.Join(dir, "debs")
	for _, d := range []string{debs, filepath.Join(dir, "cache", "archives", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// Which of the libraries are in this version of Debian is seen from the index.
	wanted := []string{name, "lib" + name}
	for _, library := range libraries {
		if text, err := output(ctx, dir, "apt-cache", "policy", library); err == nil && strings.Contains(text, "Candidate:") {
			wanted = append(wanted, library)
		}
	}
	args := append([]string{"-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "download"}, wanted...)
	if _, err := output(ctx, debs, "apt-get", args...); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(packages) == 0 {
		return errors.New("download ruby: apt-get gave no package")
	}
	for _, deb := range packages {
		if _, err := output(ctx, dir, "dpkg-deb", "-x", deb, filepath.Join(dir, "root")); err != nil {
			return err
		}
	}
	return os.RemoveAll(debs)
}

// output runs a program in dir.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// noGems stands in for rubygems, which the renderer of templates asks for and has no use
// for: to load it takes longer than all else that an interpreter does.
const noGems = "# Nothing here needs a gem.\n"

// files are those by which what is unpacked is used: bin/ruby, which finds the libraries
// beside it, and what it is to find before them.
func files(dir string) (script, gems string, text []byte, err error) {
	interpreters, err := filepath.Glob(filepath.Join(dir, "root", "usr", "bin", "ruby[0-9]*"))
	if err != nil || len(interpreters) == 0 {
		return "", "", nil, errors.New("unpack ruby: no interpreter in its package")
	}
	root := filepath.Join(dir, "root")
	var shared []string
	lib := []string{filepath.Join(dir, "lib")}
	for _, d := range []string{"usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		shared = append(shared, glob(root, d)...)
	}
	for _, d := range []string{"usr/lib/ruby/[0-9]*", "usr/lib/*-linux-gnu/ruby/[0-9]*", "usr/lib/ruby/vendor_ruby"} {
		lib = append(lib, glob(root, d)...)
	}
	text = fmt.Appendf(nil, "#!/bin/sh\nLD_LIBRARY_PATH=%s RUBYLIB=%s exec %s --disable-gems \"$@\"\n",
		strings.Join(shared, ":"), strings.Join(lib, ":"), interpreters[0])
	return filepath.Join(dir, "bin", "ruby"), filepath.Join(dir, "lib", "rubygems.rb"), text, nil
}

// wrapped says whether the files are there.
func wrapped(dir string) bool {
	script, gems, text, err := files(dir)
	if err != nil {
		return false
	}
	now, err := os.ReadFile(script)
	_, missing := os.Stat(gems)
	return err == nil && missing == nil && bytes.Equal(now, text)
}

// wrap writes the files.
func wrap(dir string) error {
	script, gems, text, err := files(dir)
	if err != nil {
		return err
	}
	if err := place(gems, []byte(noGems), 0o644); err != nil {
		return err
	}
	return place(script, text, 0o755)
}

// place writes a file beside and renames it: another process may be about to use it.
func place(path string, text []byte, mode os.FileMode) error {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	beside := filepath.Join(dir, "."+name)
	if err := os.WriteFile(beside, text, mode); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

// glob gives the paths under root that match.
func glob(root, pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(root, pattern))
	return found
}
