package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The versions of Concourse before and after an upgrade where nothing else is
// said: the same code under both numbers.
const oldConcourse, newConcourse = "7.14.0", "7.14.1"

// The versions of Perpetual whose images are built.
const oldPerpetual, newPerpetual = "1.2.0", "1.3.0"

// newMark is how the bundled pipeline of the new version differs from the old
// one's: components are checked at another interval.
var newMark = strings.NewReplacer("check_every: 10m", "check_every: 11m")

// newInterval is that of the new version.
const newInterval = "11m0s"

// tools is everything that is built before a scenario runs, kept in a cache
// directory from run to run.
type tools struct {
	root  string // of the repository
	cache string
	work  string // what sites write while they run
	line  *timeline
	lock  *os.File // held by the one run that may be
}

// newTools takes the cache and the working directory for this run, and clears
// away what a run left behind that was killed.
func newTools(root string, line *timeline) (*tools, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache directory: %w", err)
	}
	t := &tools{root: root, cache: filepath.Join(cache, "perpetual-e2e"), work: filepath.Join(os.TempDir(), "perpetual-e2e"), line: line}
	if err := os.MkdirAll(t.cache, 0o755); err != nil {
		return nil, err
	}
	if t.lock, err = os.OpenFile(filepath.Join(t.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(t.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("begin the run: another one has %s; wait for its end", t.lock.Name())
	}
	if _, err := os.Stat(t.work); err == nil { // a run was killed
		line.add("prepare", "clear away what a run left that was killed")
		removeGroups(nil)
		if err := errors.Join(removeNamespaces(), os.RemoveAll(t.work)); err != nil {
			return nil, err
		}
	}
	return t, os.MkdirAll(t.work, 0o755)
}

// release ends the run.
func (t *tools) release() {
	_ = os.RemoveAll(t.work)
	_ = t.lock.Close()
}

// keep puts the logs of a site where they stay after the run.
func (t *tools) keep(dir string, number int) {
	kept := filepath.Join(t.cache, fmt.Sprintf("logs-%d", number))
	_ = os.RemoveAll(kept)
	if err := os.Rename(dir, kept); err != nil {
		_, _ = run(context.Background(), "", nil, "cp", "-a", dir, kept)
	}
	t.say("the logs of scenario %d are in %s", number, kept)
}

func (t *tools) say(format string, args ...any) { t.line.add("prepare", format, args...) }

// prepare installs, builds Concourse in these versions and all else, and gives
// the images.
func (t *tools) prepare(ctx context.Context, versions []string) (*images, error) {
	if err := t.install(ctx); err != nil {
		return nil, err
	}
	if err := t.build(ctx, versions); err != nil {
		return nil, err
	}
	return t.buildImages(ctx)
}

func (t *tools) bin(name string) string          { return filepath.Join(t.cache, "bin", name) }
func (t *tools) concourse(version string) string { return t.bin("concourse-" + version) }
func (t *tools) fly() string                     { return t.bin("fly") }
func (t *tools) init() string                    { return t.bin("init") }
func (t *tools) resourceTypes() string           { return filepath.Join(t.cache, "resource-types") }

// build builds what is not in the cache yet.
func (t *tools) build(ctx context.Context, versions []string) error {
	for _, dir := range []string{filepath.Join(t.cache, "bin"), t.resourceTypes()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, version := range versions {
		if err := t.buildConcourse(ctx, version); err != nil {
			return err
		}
	}
	// fly has no version: one that has refuses a web of another minor version.
	if err := t.goBuild(ctx, source714, t.fly(), concourseModule+"/fly", ""); err != nil {
		return err
	}
	if err := t.goBuild(ctx, source714, t.bin("registryimage"), "./registryimage", ""); err != nil {
		return err
	}
	if err := t.buildInit(ctx); err != nil {
		return err
	}
	return t.buildResourceType()
}

// buildInit builds the program that a worker runs first in every container.
func (t *tools) buildInit(ctx context.Context) error {
	dir, err := run(ctx, filepath.Join(t.root, "pkg/e2e"), nil, "go", "list", "-m", "-f", "{{.Dir}}", concourseModule)
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(dir), "cmd/init/init.c")
	_, err = run(ctx, "", nil, "gcc", "-O2", "-static", "-o", t.init(), source)
	return err
}

// buildResourceType makes the one base resource type that the workers have, a
// stand-in for registry-image: see registryimage.
func (t *tools) buildResourceType() error {
	dir := filepath.Join(t.resourceTypes(), "registry-image")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile(t.bin("registryimage"))
	if err != nil {
		return err
	}
	digest := sha256.Sum256(program)
	meta := fmt.Sprintf(`{"type":"registry-image","version":"1.0.0-%s","privileged":false}`, hex.EncodeToString(digest[:4]))
	if err := os.WriteFile(filepath.Join(dir, "resource_metadata.json"), []byte(meta), 0o644); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "rootfs.tgz"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	zipped := gzip.NewWriter(file)
	if err := writeTar(zipped, map[string]string{"opt/resource/in": "check"}, map[string][]byte{"opt/resource/check": program}); err != nil {
		return err
	}
	return zipped.Close()
}

// writeTar writes a root filesystem of programs and links.
func writeTar(to io.Writer, links map[string]string, programs map[string][]byte) error {
	w := tar.NewWriter(to)
	for _, dir := range []string{"opt/", "opt/resource/", "bin/", "tmp/", "etc/", "etc/ssl/", "etc/ssl/certs/"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return err
		}
	}
	for name, content := range programs {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}); err != nil {
			return err
		}
	}
	return w.Close()
}

// sourceDigest is a digest of what the image is built from.
func (t *tools) sourceDigest() (string, error) {
	sum := sha256.New()
	for _, part := range []string{"Dockerfile", "go.mod", "go.sum", "cmd", "pipelines", "pkg"} {
		err := filepath.WalkDir(filepath.Join(t.root, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "e2e" {
				return filepath.SkipDir
			}
			if entry.IsDir() || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".md") {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(sum, "%s %d\n%s", path, len(content), content)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
